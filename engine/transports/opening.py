"""Connections that are made before anybody asks for them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Final

AT_ONCE: Final = 16
"""A server that is slow to accept has no more than these to deal with, until requests come."""


class Opening:
    """What is being opened on the quiet: a failure is not told, as the first request will meet it too."""

    def __init__(self) -> None:
        self._begun: dict[Hashable, deque[asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, where: Hashable, open_one: Callable[[], Awaitable[None]], count: int) -> None:
        """Open so many, a few at a time, and none after one that could not be had.

        Cancelled, it begins no more, but what has begun goes on: requests may already count on it.
        """
        running, failed = set[asyncio.Task[None]](), False
        while (count > 0 and not failed) or running:
            while count > 0 and not failed and len(running) < AT_ONCE:
                running.add(self._begin(where, open_one))
                count -= 1
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            failed = failed or any(task.cancelled() or task.exception() for task in done)

    def begun(self, where: Hashable) -> bool:
        """Whether one is on its way that nobody waits for."""
        begun = self._begun.get(where)
        while begun and begun[0].done():
            begun.popleft()
        return bool(begun)

    async def another(self, where: Hashable) -> None:
        """Wait for one that is on its way, and that nobody else waits for; it is there sooner than a new one."""
        if self.begun(where):
            await asyncio.wait({self._begun[where].popleft()})

    async def aclose(self) -> None:
        """Give up what is being opened."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def _begin(self, where: Hashable, open_one: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(open_one())
        self._tasks.add(task)
        self._begun.setdefault(where, deque()).append(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with suppress(asyncio.CancelledError):
            task.exception()  # looked at, so that nobody tells of it
