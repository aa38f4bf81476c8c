"""Coroutine functions on a loop of their own, in a thread: what blocks or ends that one is not felt in the engine's."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias

from ...outcome import Outcome
from ..transport import TransportError

TIDY_S: Final = 0.5
"""So long the coroutines that are cancelled at the end may take to put their things away."""

_Call: TypeAlias = Callable[[bytes], Coroutine[Any, Any, bytes]]


class Coroutines:
    """Runs as many calls at once as are asked for, in one daemon thread; what hangs there keeps no end waiting."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        self._loop = asyncio.new_event_loop()
        self._there = _Line(self._loop)
        self._here: _Line | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._over = threading.Event()
        threading.Thread(target=self._serve, name="batchtop-task", daemon=True).start()

    async def run(self, body: bytes, timeout_s: float) -> bytes:
        """Return what a call returns, or raise what it raises; TimeoutError after so long, whatever it does then."""
        here = asyncio.get_running_loop()
        self._here = self._here or _Line(here)
        asked = _Asked(body, here.create_future(), self._here)
        self._there.put(partial(self._begin, asked))
        async with asyncio.timeout(timeout_s):
            try:
                return await asked.answer
            except asyncio.CancelledError:
                self._there.put(asked.cancel)
                raise

    async def aclose(self) -> None:
        """End the loop and what still runs there; nobody waits long for what blocks it, or will not be cancelled."""
        self._there.put(self._begin_end)
        await asyncio.to_thread(self._over.wait, 2 * TIDY_S)

    # ── in the thread ──

    def _serve(self) -> None:
        while not self._over.is_set():
            # Raised in a task that the function has made, they leave the loop too; who awaits that task hears of it.
            with suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        self._loop.close()
        if left:
            # One that catches whatever there is would, once collected, keep busy for good whichever thread does that.
            threading.Event().wait()

    def _begin(self, asked: "_Asked") -> None:
        asked.task = self._keep(self._answer(asked))

    async def _answer(self, asked: "_Asked") -> None:
        try:
            answer = await self._call(asked.body)
        except TransportError as error:
            answer = error
        except asyncio.CancelledError:  # by whoever asked, who is gone, or by the function itself
            answer = TransportError(Outcome.BAD_ITEM, "the function has cancelled the task that it is called in")
        asked.home.put(partial(asked.take, answer))

    def _begin_end(self) -> None:
        self._loop.set_exception_handler(_unheard)
        self._keep(self._end(asyncio.all_tasks(self._loop)))

    async def _end(self, left: set[asyncio.Task[Any]]) -> None:
        for task in left:
            task.cancel()
        try:
            if left:
                await asyncio.wait(left, timeout=TIDY_S)
        finally:
            self._over.set()
            self._loop.stop()

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task; the loop itself does not keep it from being collected."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _unheard(*_: object) -> None:
    """Take no notice of what is found out at the end: nobody is there any more whom it would help."""


class _Asked:
    """One call, and where its answer is waited for."""

    def __init__(self, body: bytes, answer: "asyncio.Future[bytes]", home: "_Line") -> None:
        self.body = body
        self.answer = answer
        self.home = home
        self.task: asyncio.Task[None] | None = None

    def take(self, answer: bytes | TransportError) -> None:
        """Give the answer to who waits for it, if anybody still does."""
        if self.answer.done():
            return
        if isinstance(answer, TransportError):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)

    def cancel(self) -> None:
        """Have the coroutine end, if it will."""
        if self.task:
            self.task.cancel()


class _Line:
    """Has things done in another thread's loop, in their order, and wakes it but once for all that wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting = deque[Callable[[], None]]()

    def put(self, thing: Callable[[], None]) -> None:
        """Have a thing done soon, unless that loop has ended; called by one other thread only."""
        self._waiting.append(thing)
        if len(self._waiting) == 1:  # where more wait, it has been woken and is not done with them
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._do)

    def _do(self) -> None:
        while self._waiting:
            self._waiting.popleft()()
