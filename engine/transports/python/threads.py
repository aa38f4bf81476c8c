"""Threads for calls that block: as many as are under way at once."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final, TypeAlias

from ...outcome import Outcome
from ..transport import TransportError

MOST: Final = 1_000
"""Calls that run at once, and calls that hang and were given up."""

_Call: TypeAlias = Callable[[bytes], bytes]
_Work: TypeAlias = tuple[bytes, Future[bytes]]


class Threads:
    """Daemon threads, so that a call that hangs keeps neither a slot nor the end of the process waiting."""

    def __init__(self, call: _Call, most: int = MOST) -> None:
        self._call = call
        self._most = most
        self._free = asyncio.Semaphore(most)
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._unfinished: set[Future[bytes]] = set()
        self._count = 0

    async def run(self, body: bytes, timeout_s: float) -> bytes:
        """Return what a call returns, or raise what it raises, TimeoutError after so long in its thread."""
        async with self._free:
            future = self._begin(body)
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(future)

    async def aclose(self) -> None:
        """Let every thread go that has nothing to do, the others when they have done."""
        for _ in range(self._count):
            self._work.put(None)

    def _begin(self, body: bytes) -> Future[bytes]:
        unfinished = len(self._unfinished)  # those that hang are among them
        if unfinished >= 2 * self._most:
            raise TransportError(Outcome.TIMEOUT, f"{self._most:,} earlier calls hang, each in a thread of its own")
        future: Future[bytes] = Future()
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        if unfinished >= self._count:
            self._start()
        self._work.put((body, future))
        return future

    def _start(self) -> None:
        try:
            threading.Thread(target=_serve, args=(self._call, self._work), name="batchtop-task", daemon=True).start()
        except RuntimeError as error:
            raise TransportError(Outcome.OVERLOADED, f"no thread can be started: {error}") from None
        self._count += 1


def _serve(call: _Call, work: SimpleQueue[_Work | None]) -> None:
    while given := work.get():
        body, future = given
        if not future.set_running_or_notify_cancel():
            continue
        try:
            result = call(body)
        except TransportError as error:
            future.set_exception(error)
        else:
            future.set_result(result)
