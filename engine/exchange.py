"""Calls on their way through a lane: admitted, sent, read, and reported back to it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec import Struct

from .answer import Answer, Usage
from .clock import Clock
from .limits import Grant, Lane, RequestTooLarge
from .outcome import Outcome
from .route import Route
from .tasks import Call, Reply
from .transports import Transport, TransportError
from .turn import Turns


class Exchanged(Struct, frozen=True, gc=False):
    """What one call brought."""

    reply: Reply
    latency_ms: float
    counts: bool
    """Whether a failure counts as one of the items' attempts; not while the server as a whole is down."""
    too_large: bool = False
    """Whether it was not sent, as the lane's limit has never room for so many tokens."""


class RecalledError(Exception):
    """The call was called back before it was sent."""


class Exchange:
    """Takes one job's calls through their lanes; those that still wait for their lane can be called back.

    `moved` is called when a lane has let out the last of those that waited.
    """

    def __init__(self, transport: Transport, clock: Clock, moved: Callable[[], None]) -> None:
        self._transport = transport
        self._clock = clock
        self._moved = moved
        self._turns = Turns()
        self._waits: dict[asyncio.Task[Grant], Lane] = {}
        self._waiting: Counter[Lane] = Counter()
        self._shut = False
        self.items_out = 0
        """Items at a server, not answered yet."""

    def shut(self) -> None:
        """Call back all that wait, and all that come: a paused job sends nothing, a drained one waits for no limit."""
        self._shut = True
        for wait in self._waits:
            wait.cancel()

    def reopen(self) -> None:
        """Let calls through again."""
        self._shut = False

    def recall(self, lane: Lane | None = None) -> None:
        """Call back what waits for one lane, or for any, as it may go by another."""
        for wait, waited_for in self._waits.items():
            if lane in {None, waited_for}:
                wait.cancel()

    @property
    def waiting(self) -> int:
        """Calls that wait for their lane."""
        return len(self._waits)

    def waits_for(self, lane: Lane) -> bool:
        """Return whether a call of this job waits for a lane."""
        return self._waiting[lane] > 0

    def holding(self) -> Lane | None:
        """Return the lane that a call has waited for longest, or None when none waits."""
        return next(iter(self._waits.values()), None)

    async def send(self, route: Route, call: Call, timeout_s: float) -> Exchanged:
        """Send a call when its lane lets it, and return what came of it.

        Raises LaneClosed when the lane is of no use, RecalledError when it was called back first, or may not be sent.
        """
        if self._shut or not route.enabled:
            raise RecalledError
        try:
            grant = route.lane.enter(call.most) or await self._admitted(route.lane, call.most)
        except RequestTooLarge as error:
            return Exchanged(_unanswered(call, Outcome.RATE_LIMITED, str(error)), 0.0, counts=True, too_large=True)
        if self._shut or not route.enabled:
            route.lane.give_back(grant)
            raise RecalledError
        try:
            return await self._sent(route, call, grant, timeout_s)
        finally:
            if not grant.settled:
                route.lane.settle(grant, Outcome.CANCELLED)

    async def _sent(self, route: Route, call: Call, grant: Grant, timeout_s: float) -> Exchanged:
        sent = self._clock.now()
        headers: Mapping[str, str] = {}
        self.items_out += len(call.items)
        try:
            response = await self._transport.send(call.request, timeout_s=timeout_s)
        except TransportError as error:
            if error.outcome is Outcome.CANCELLED:  # it goes on without this engine
                raise RecalledError from None
            latency_ms = (self._clock.now() - sent) * 1000
            reply = _unanswered(call, error.outcome, str(error))
        else:
            latency_ms = (self._clock.now() - sent) * 1000
            if turn := self._turns.take(len(call.items)):
                with suppress(asyncio.CancelledError):  # it has come, and is paid for: what is dropped is what is out
                    await turn
            headers = response.headers
            reply = route.task.read(call, response)
        finally:
            self.items_out -= len(call.items)
        counts = route.lane.settle(
            grant,
            reply.outcome,
            headers=headers,
            used=reply.usage if reply.usage.total else None,
            message=reply.message,
            subject=call.items[0].row,
        )
        return Exchanged(reply, latency_ms, counts)

    async def _admitted(self, lane: Lane, most: Usage) -> Grant:
        """Wait for a lane that does not let a call through at once."""
        wait = asyncio.ensure_future(lane.admit(most, self))
        self._waits[wait] = lane
        self._waiting[lane] += 1
        try:
            return await wait
        except asyncio.CancelledError:
            if wait.cancelled() and not _is_cancelled():
                raise RecalledError from None
            if wait.done() and not wait.cancelled() and not wait.exception():
                lane.give_back(wait.result())
            raise
        finally:
            del self._waits[wait]
            self._waiting[lane] -= 1
            if not lane.waiting:
                self._moved()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unanswered(call: Call, outcome: Outcome, message: str) -> Reply:
    return Reply(outcome, (Answer(outcome, message=message),) * len(call.items), message=message)
