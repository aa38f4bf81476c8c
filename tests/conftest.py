"""What holds for every test."""

import asyncio


def pytest_configure() -> None:
    """Have no event loop around that nobody closes: pytest-asyncio would leave the one it finds to the collector."""
    asyncio.set_event_loop(None)
