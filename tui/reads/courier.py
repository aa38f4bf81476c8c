"""Carries commands to the engine one after the other, and says what became of each."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from ...engine.errors import BatchtopError
from .source import Answered, Source

P = ParamSpec("P")
R = TypeVar("R")

ANSWER_S: Final = 5.0
"""An engine answers within 0.1 s; one that has not by then is asked no longer."""
LOOK_S: Final = 0.05
_SETTING: Final = frozenset({"set", "undo"})


class SourceThread:
    """The one thread that calls the source, so that a slow disk never holds up the screen."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="source")

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns, called in its turn on the thread."""
        return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))

    def close(self, source: Source) -> None:
        """Close the source behind the calls that wait, and end the thread."""
        self._pool.submit(source.close)
        self._pool.shutdown(wait=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A command and what became of it."""

    verb: str
    args: Mapping[str, object]
    applied: bool
    message: str


class Courier:
    """Sends the commands for one job in order. Settings asked for while one is under way are sent as one.

    `report` hears what became of each.
    """

    def __init__(self, source: Source, thread: SourceThread, job: str, report: Callable[[Delivery], object]) -> None:
        self._source, self._thread, self._job, self._report = source, thread, job, report
        self._waiting: deque[tuple[str, dict[str, object]]] = deque()
        self._round: asyncio.Task[None] | None = None

    def put(self, verb: str, args: Mapping[str, object]) -> None:
        """Send a command behind those that wait; a value not yet sent is replaced by a newer one."""
        if verb in _SETTING and self._waiting and self._waiting[-1][0] == verb:
            self._waiting[-1][1].update(args)
        else:
            self._waiting.append((verb, dict(args)))
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._deliver_all())

    async def done(self) -> None:
        """Wait until nothing waits any more. Whoever stops waiting does not stop the courier."""
        if self._round is not None:
            await asyncio.shield(self._round)

    async def stop(self, within_s: float) -> None:
        """Deliver what can be delivered in so many seconds, and drop the rest."""
        if self._round is not None:
            await asyncio.wait([self._round], timeout=within_s)
            self._round.cancel()

    async def _deliver_all(self) -> None:
        while self._waiting:
            self._report(await self._deliver(*self._waiting.popleft()))

    async def _deliver(self, verb: str, args: Mapping[str, object]) -> Delivery:
        try:
            command = await self._thread.call(self._source.send, self._job, verb, args)
            answered = await self._answer(command)
            if answered is None:
                return Delivery(verb, args, *await self._give_up(command))
        except BatchtopError as error:
            return Delivery(verb, args, applied=False, message=str(error))
        return Delivery(verb, args, answered.applied, answered.message)

    async def _answer(self, command: int) -> Answered | None:
        """Return the engine's answer, or None when it stays out."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ANSWER_S
        while loop.time() < until:
            answered = await self._thread.call(self._source.answer, command)
            if answered is not None:
                return answered
            await asyncio.sleep(LOOK_S)
        return None

    async def _give_up(self, command: int) -> tuple[bool, str]:
        if await self._thread.call(self._source.withdraw, command):
            return False, f"no engine answered within {ANSWER_S:g} s; nothing was changed"
        answered = await self._thread.call(self._source.answer, command)
        return (answered.applied, answered.message) if answered else (False, "the engine did not answer")
