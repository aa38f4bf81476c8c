"""A wait that ends at a time, or as soon as something has happened."""

import asyncio
from typing import Final

SHORTEST_S: Final = 0.001
"""Loops round their clocks and timers, some to whole milliseconds: one that fires a trifle early must not spin."""


class Wake:
    """One coroutine waits, any number of others wake it; a wake before the wait is not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        """Wake whoever waits."""
        self._event.set()

    async def wait(self, until: float | None = None) -> None:
        """Return at the loop's time `until`, or when woken; None waits for a wake alone."""
        loop = asyncio.get_running_loop()
        timer = None if until is None else loop.call_at(max(until, loop.time() + SHORTEST_S), self._event.set)
        try:
            await self._event.wait()
        finally:
            self._event.clear()
            if timer:
                timer.cancel()
