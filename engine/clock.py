"""The one clock: monotonic seconds for decisions, wall seconds for the record."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time; tests give it a virtual one."""

    def now(self) -> float:
        """Return monotonic seconds; only differences mean anything."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class LoopClock:
    """The running event loop's clock, so a loop in virtual time moves everything with it."""

    def now(self) -> float:
        """Return the loop's monotonic seconds."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop's timers."""
        await asyncio.sleep(seconds)
