"""Calls on their way through a lane: admitted, sent, read, and reported back to it."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from .clock import Clock
from .hold import Hold
from .limits import Grant, Lane, RequestTooLarge
from .outcome import Answer, Outcome
from .tasks import Call, Reply, Task
from .transport import Transport, TransportError


@dataclass(frozen=True, slots=True)
class Route:
    """A way to the provider: the lane that paces it, and the task that writes its requests with the lane's key."""

    lane: Lane
    task: Task


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What one call brought."""

    reply: Reply
    latency_ms: float
    counts: bool
    """Whether a failure counts as one of the items' attempts; not while the server as a whole is down."""


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
        self._waits: set[asyncio.Task[Grant]] = set()

    def recall(self) -> None:
        """Call back all that have not been sent: a paused job sends nothing, and a drained one waits for no limit."""
        for wait in self._waits:
            wait.cancel()

    async def send(self, route: Route, call: Call, timeout_s: float) -> Exchanged:
        """Send a call when its lane lets it, and return what came of it.

        Raises LaneClosed when the lane is of no use, RecalledError when `recall` came first.
        """
        try:
            grant = await self._admitted(route.lane, call.tokens)
        except RequestTooLarge as error:
            return Exchanged(_unanswered(call, Outcome.BAD_ITEM, str(error)), 0.0, counts=True)
        sent = self._clock.now()
        headers: Mapping[str, str] = {}
        try:
            response = await self._transport.send(call.request, timeout_s=timeout_s)
        except TransportError as error:
            reply = _unanswered(call, error.outcome, str(error))
        except asyncio.CancelledError:
            route.lane.settle(grant, Outcome.CANCELLED)
            raise
        else:
            headers = response.headers
            reply = route.task.read(call, response)
        latency_ms = (self._clock.now() - sent) * 1000
        used = reply.usage.tokens_in + reply.usage.tokens_out
        counts = route.lane.settle(
            grant, reply.outcome, headers=headers, tokens_used=used or None, message=reply.message
        )
        return Exchanged(reply, latency_ms, counts)

    async def _admitted(self, lane: Lane, tokens: int) -> Grant:
        if not lane.waiting and lane.hold() is None:
            return await lane.admit(tokens)
        wait = asyncio.ensure_future(lane.admit(tokens))
        self._waits.add(wait)
        try:
            return await wait
        except asyncio.CancelledError:
            if wait.cancelled() and not _is_cancelled():
                raise RecalledError from None
            if wait.done() and not wait.cancelled() and not wait.exception():
                lane.give_back(wait.result())
            raise
        finally:
            self._waits.discard(wait)
            if not lane.waiting:
                self._moved()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unanswered(call: Call, outcome: Outcome, message: str) -> Reply:
    return Reply(outcome, (Answer(outcome, message=message),) * len(call.items), message=message)


def nearest(routes: Iterable[Route]) -> Route | None:
    """Return the route that may send soonest, or None when every lane is closed."""
    holds = [(route.lane.hold(), route) for route in routes]
    usable = [
        (_readiness(hold), route.lane.waiting, route) for hold, route in holds if not hold or hold.reason != "closed"
    ]
    return min(usable, key=itemgetter(0, 1), default=(0.0, 0, None))[2]


def _readiness(hold: Hold | None) -> float:
    if hold is None:
        return 0.0
    return math.inf if hold.until is None else hold.until
