"""The one clock: monotonic seconds for decisions, wall seconds for the record."""

import asyncio
import time
from collections.abc import Callable
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

    _time: Callable[[], float] | None = None

    def now(self) -> float:
        """Return the monotonic seconds of the loop on which it is asked first."""
        if self._time is None:
            self._time = asyncio.get_running_loop().time
        return self._time()

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop's timers."""
        await asyncio.sleep(seconds)
