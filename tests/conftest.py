"""What holds for every test."""

import asyncio

from hypothesis import settings

settings.register_profile("quick", max_examples=50)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("quick")  # `pytest --hypothesis-profile thorough` looks harder


def pytest_configure() -> None:
    """Have no event loop around that nobody closes: pytest-asyncio would leave the one it finds to the collector."""
    asyncio.set_event_loop(None)
