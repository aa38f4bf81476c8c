"""The connections of HTTP/2 to one server: as many as those take that wait, and who comes next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from aiohttp import ClientConnectionError

from .bounds import KEEP_ALIVE_S
from .cable import MOST_STREAMS, Cable
from .failures import HungUpError
from .fast import connecting

_AGAIN_S: Final = 1.0
"""A server that takes no further connection is not asked for one again before this."""


class Cables:
    """Shared by all that goes to one server; `open_one` makes a connection, None where HTTP/1.1 is spoken on it."""

    def __init__(self, open_one: Callable[[Callable[[], None]], Awaitable[Cable | None]]) -> None:
        self._open_one = open_one
        self._all: list[Cable] = []
        self._opening: set[asyncio.Task[Cable | None]] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self.plain = False
        """Whether the server has been found not to speak HTTP/2."""

    def free(self) -> Cable | None:
        """Return the oldest connection with room, so that those that are not needed grow old; the stale are closed."""
        self._weed()
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        for cable in self._all:
            if cable.idle and cable.idle_since < oldest:
                cable.abort()
            elif cable.room > 0:
                return cable
        return None

    async def room(self, limit_at: float, deadline: float) -> Cable | None:
        """Wait for a connection with room; None where HTTP/1.1 is spoken.

        Raises what connecting raises, ConnectionTimeoutError where there is none at `limit_at`, and TimeoutError where
        all are full at `deadline`.
        """
        while not self.plain:
            if cable := self.free():
                return cable
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            self.grow(len(self._waiting))
            try:
                async with asyncio.timeout_at(deadline) if self._all else connecting(limit_at):
                    await waiter
            except (asyncio.CancelledError, TimeoutError):
                self._leave(waiter)
                raise
        return None

    def grow(self, wanted: int) -> None:
        """Open as many connections as take so many exchanges, less those that are being opened."""
        each = max([1, *(cable.most for cable in self._all)]) if self._all else MOST_STREAMS
        now = asyncio.get_running_loop().time()
        while len(self._opening) * each < wanted and (now >= self._not_before or not self._all):
            task = asyncio.ensure_future(self._open_one(self.freed))
            self._opening.add(task)
            task.add_done_callback(self._opened)

    async def opened(self, wanted: int) -> bool:
        """Open as many connections as take so many, and return whether HTTP/1.1 is spoken on them."""
        if not self.plain and not self._all:
            self.grow(wanted)
            if self._opening:
                await asyncio.wait(set(self._opening))
        return self.plain

    def freed(self) -> None:
        """Let the next try for room."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter.set_result(None)
        return None

    def close_idle(self) -> None:
        """Close what is idle, after one of these was found closed by the server."""
        for cable in self._all:
            if cable.idle:
                cable.abort()

    def aclose(self) -> Iterable[asyncio.Task[Cable | None]]:
        """Give up what is being opened, and return that."""
        for task in self._opening:
            task.cancel()
        return set(self._opening)

    def _leave(self, waiter: asyncio.Future[None]) -> None:
        """Wait no more, and let the next have what this one was woken for."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        else:
            self.freed()

    def _weed(self) -> None:
        """Forget those that are closed, or begin nothing more: what is under way there brings nobody else a place."""
        self._all = [cable for cable in self._all if cable.stays]

    def _opened(self, task: asyncio.Task[Cable | None]) -> None:
        self._opening.discard(task)
        self._weed()
        error = ClientConnectionError() if task.cancelled() else task.exception()
        cable = None if error else task.result()
        if cable and not cable.stays:
            error = HungUpError(stale=False)
        elif cable:
            self._all.append(cable)
        self.plain = self.plain or not (error or cable)
        if self._all and (error or (cable and cable.room < 1)):
            self._not_before = asyncio.get_running_loop().time() + _AGAIN_S
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if waiter.done():
                continue
            if error and not self._all:
                waiter.set_exception(error)
            else:
                waiter.set_result(None)
