"""What holds for every test."""

import asyncio
import gc
import signal

from hypothesis import settings

settings.register_profile("quick", max_examples=50)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("quick")  # `pytest --hypothesis-profile thorough` looks harder


def pytest_configure() -> None:
    """Have no event loop around that nobody closes: pytest-asyncio would leave the one it finds to the collector.

    A shell has what it runs in the background ignore Ctrl-C, and so would all programs that the tests start.
    """
    asyncio.set_event_loop(None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # what is collected stays


def pytest_collection_finish() -> None:
    """Have the collector look through what tests make, not again and again through all that was there before."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
