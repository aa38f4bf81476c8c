"""How long a run will take, and what it would have to have more of to be quicker. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..histogram import Histogram
from ..limits.saved import SavedLane
from ..settings import Settings
from ..taskspec import OpenAIBatchSpec, TaskSpec
from .forecast import Interval, Work

ASSUMED_LATENCY_S: Final = (0.5, 10.0)
"""An answer takes so long, from quick to slow, where nothing is known of the server."""
ASSUMED_BATCH_S: Final = (60.0, 86_400.0)
"""The same of a file that goes to a batch API, whose answers come within a day."""

_MINUTE_S: Final = 60.0
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What all keys together may do in a minute, or in a day; 0 where no limit is known."""

    value: float = 0.0
    source: Literal["settings", "server", "learned", ""] = ""


_AXES: Final = ("rpm", "tpm", "tpm_in", "tpm_out", "rpd")


def limits(settings: Settings, lanes: Sequence[SavedLane | None]) -> dict[str, Limit]:
    """Return the limits over all keys, one lane each: the job's own, or what the server said where that is less."""
    each = [{axis: _of_lane(axis, settings, lane) for axis in _AXES} for lane in lanes or [None]]
    return {axis: _together([lane[axis] for lane in each]) for axis in _AXES}


def _of_lane(axis: str, settings: Settings, lane: SavedLane | None) -> Limit:
    known = [Limit(getattr(settings, axis), "settings")]
    if lane:
        known.append(Limit(lane.limits.get(axis, 0), "server"))
        known.append(Limit(lane.paced_rpm if axis == "rpm" else 0.0, "learned"))
    return min((limit for limit in known if limit.value), key=lambda limit: limit.value, default=Limit())


def _together(lanes: Sequence[Limit]) -> Limit:
    if not all(limit.value for limit in lanes):
        return Limit()
    return Limit(sum(limit.value for limit in lanes), lanes[0].source)


def answer_s(latency: Histogram, requests_per_batch: float) -> Interval | None:
    """Return how long a batch takes, None where nothing is known: as long as the slowest of its requests."""
    slowest = requests_per_batch / (requests_per_batch + 0.7)  # a bit above the median for one, as latencies are skewed
    found = [latency.quantile(fraction) for fraction in (0.5, slowest, max(0.95, slowest))]
    if None in found:
        return None
    low, likely, high = (each or 0.0 for each in found)
    return Interval(0.8 * min(low, likely), likely, 1.25 * high).times(0.001, 0.001, 0.001)


def assumed_s(task: TaskSpec) -> tuple[float, float]:
    """Return from how long to how long an answer takes, where nothing is known."""
    return ASSUMED_BATCH_S if isinstance(task, OpenAIBatchSpec) else ASSUMED_LATENCY_S


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a run takes, and what it would have to have more of to be quicker."""

    seconds: Interval = Interval()
    limiting: tuple[str, ...] = ()
    """Setting that limits it: one, or two where quick answers and slow ones differ."""
    assumed: bool = False
    """Whether nothing is known of how long an answer takes."""


def duration(
    todo: Work,
    settings: Settings,
    allowed: Mapping[str, Limit],
    tokens: tuple[Interval, Interval],
    batch: Interval | None,
    *,
    assumed: tuple[float, float] = ASSUMED_LATENCY_S,
) -> Duration:
    """Return how long the work takes when nothing has to be tried again."""
    if not todo.requests:
        return Duration()
    took = batch or Interval(assumed[0], math.sqrt(math.prod(assumed)), assumed[1])
    came_in, went_out = tokens
    spans = {
        "concurrency": _slots(todo, settings, took),
        "rpm": _flat(todo.requests, allowed["rpm"]),
        "tpm": _paced(came_in.plus(went_out), allowed["tpm"]),
        "tpm_in": _paced(came_in, allowed["tpm_in"]),
        "tpm_out": _paced(went_out, allowed["tpm_out"]),
        "rpd": _daily(todo.requests, allowed["rpd"]),
    }
    longest = Interval(*(max(getattr(span, end) for span in spans.values()) for end in ("low", "likely", "high")))
    ends = ("low", "high") if batch is None else ("likely",)
    names = (max(spans, key=lambda name: float(getattr(spans[name], end))) for end in ends)
    pause_s = _pauses_s(todo, settings)
    return Duration(longest.plus(Interval(pause_s, pause_s, pause_s)), tuple(dict.fromkeys(names)), batch is None)


def _slots(todo: Work, settings: Settings, batch_s: Interval) -> Interval:
    """Return how long the slots take: each is busy with a batch, and then rests for the delay."""
    at_once = min(settings.concurrency, settings.chunk_batches or settings.concurrency)
    rounds = max(1.0, todo.batches / at_once)
    rest_s = (rounds - 1) * settings.delay
    return batch_s.times(rounds, rounds, rounds).plus(Interval(rest_s, rest_s, rest_s))


def _pauses_s(todo: Work, settings: Settings) -> float:
    if not settings.chunk_batches:
        return 0.0
    return (todo.batches - 1) // settings.chunk_batches * settings.chunk_pause


def _flat(requests: int, limit: Limit) -> Interval:
    return _paced(Interval(requests, requests, requests), limit)


def _paced(amount: Interval, limit: Limit) -> Interval:
    per_unit = _MINUTE_S / limit.value if limit.value else 0.0
    return amount.times(per_unit, per_unit, per_unit)


def _daily(requests: int, limit: Limit) -> Interval:
    """Return the days that have to pass: what one day allows goes at once."""
    waits_s = (requests - 1) // limit.value * _DAY_S if limit.value else 0.0
    return Interval(waits_s, waits_s, waits_s)
