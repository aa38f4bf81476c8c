"""One call through one lane: admitted, sent, read, and reported back to the lane."""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from .clock import Clock
from .limits import Hold, Lane, RequestTooLarge
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


async def exchange(route: Route, call: Call, transport: Transport, timeout_s: float, clock: Clock) -> Exchanged:
    """Send a call when its lane lets it and return what came of it; raises LaneClosed when the lane is of no use."""
    try:
        grant = await route.lane.admit(call.tokens)
    except RequestTooLarge as error:
        return Exchanged(_unanswered(call, Outcome.BAD_ITEM, str(error)), 0.0, counts=True)
    sent = clock.now()
    headers: Mapping[str, str] = {}
    try:
        response = await transport.send(call.request, timeout_s=timeout_s)
    except TransportError as error:
        reply = _unanswered(call, error.outcome, str(error))
    except asyncio.CancelledError:
        route.lane.settle(grant, Outcome.CANCELLED)
        raise
    else:
        headers = response.headers
        reply = route.task.read(call, response)
    latency_ms = (clock.now() - sent) * 1000
    used = reply.usage.tokens_in + reply.usage.tokens_out
    counts = route.lane.settle(grant, reply.outcome, headers=headers, tokens_used=used or None, message=reply.message)
    return Exchanged(reply, latency_ms, counts)


def _unanswered(call: Call, outcome: Outcome, message: str) -> Reply:
    return Reply(outcome, (Answer(outcome, message=message),) * len(call.items), message=message)


def nearest(routes: Iterable[Route]) -> Route | None:
    """Return the route that may send soonest, or None when every lane is closed."""
    holds = [(route.lane.hold(), route) for route in routes]
    usable = [(_readiness(hold), route) for hold, route in holds if hold is None or hold.reason != "closed"]
    return min(usable, key=itemgetter(0), default=(0.0, None))[1]


def _readiness(hold: Hold | None) -> float:
    if hold is None:
        return 0.0
    return math.inf if hold.until is None else hold.until
