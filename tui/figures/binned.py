"""From samples to charts: what happened in each of the bins that the columns of a chart stand for. Pure."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

from ...engine.course import Counted
from ...engine.histogram import Histogram
from ...engine.outcome import Outcome
from ...engine.snapshot import JobState, Snapshot
from ...engine.stretches import is_idle
from .ranges import WINDOWS_S
from .series import end_of, merged

T = TypeVar("T")
C = TypeVar("C", bound=Counted)

Points: TypeAlias = tuple[float | None, ...]
"""A value for each bin, None where nothing is known."""

BRIDGED_S: Final = 15.0
"""A line is drawn across a gap this long, as a slow server answers only now and then."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The span of time a chart shows, cut in bins that stay where they are while time passes."""

    start: float
    step_s: float
    bins: int
    seconds: float

    def bin_of(self, at: float) -> int:
        """Return the bin a moment falls in; it may lie outside of the frame."""
        return math.floor((at - self.start) / self.step_s)

    def inside(self, bins: Iterable[int]) -> tuple[int, ...]:
        """Return each of these bins once, in order, without those outside of the frame."""
        return tuple(sorted({each for each in bins if 0 <= each < self.bins}))


def frame(snapshot: Snapshot, bins: int) -> Frame:
    """Return the frame that ends at the snapshot's last moment; of a paused job, when it last did something."""
    end = snapshot.course.run_s if snapshot.course else _edge(snapshot)
    first = snapshot.samples[0].at - snapshot.samples[0].span_s if snapshot.samples else end
    span_s = min(end if snapshot.course else end - first, snapshot.window_s)
    seconds = next((each for each in WINDOWS_S if each >= span_s), WINDOWS_S[-1])
    step = seconds / max(1, bins)
    return Frame((math.ceil(end / step) - bins) * step, step, bins, seconds)


def _edge(snapshot: Snapshot) -> float:
    if snapshot.job.state is not JobState.PAUSED:
        return end_of(snapshot)
    return next((each.at for each in reversed(snapshot.samples) if not is_idle(each)), end_of(snapshot))


def span_shown(snapshot: Snapshot) -> str:
    """Return how much time the charts show, as in `last 5 min`."""
    if snapshot.course:
        return "whole run"
    seconds = frame(snapshot, 1).seconds
    return f"last {seconds / 60:g} min" if seconds > 60 else "last 60 s"


def rates(samples: Sequence[Counted], within: Frame, *picks: Callable[[Counted], float]) -> tuple[Points, ...]:
    """Return what each of `picks` counts, a second, in each bin; a sample is spread over the bins it spans."""
    sums, covered = [[0.0] * within.bins for _ in picks], [0.0] * within.bins
    for sample in samples:
        amounts = [pick(sample) for pick in picks]
        for i, share in _shares(sample, within):
            covered[i] += share * sample.span_s
            for each, amount in zip(sums, amounts, strict=True):
                each[i] += amount * share
    # A sliver of a sample at the edge of a bin says nothing about the whole bin.
    least = min(0.2, within.step_s / 4)
    return tuple(
        bridged(tuple(s / c if c > least else None for s, c in zip(each, covered, strict=True)), within)
        for each in sums
    )


def levels(samples: Sequence[C], within: Frame, pick: Callable[[C], float | None]) -> Points:
    """Return the highest that `pick` reads in each bin, None where it reads none."""
    highest: list[float | None] = [None] * within.bins
    for sample in samples:
        level = pick(sample)
        if level is None:
            continue
        for i in _bins(sample, within):
            now = highest[i]
            highest[i] = level if now is None else max(level, now)
    return bridged(tuple(highest), within)


def refused(samples: Iterable[Counted]) -> int:
    """Return how many requests the server refused as too many (HTTP 429)."""
    return sum(sample.errors.get(Outcome.RATE_LIMITED, 0) for sample in samples)


def refusals(samples: Sequence[Counted], within: Frame) -> tuple[int, ...]:
    """Return the bins in which a server refused requests as too many (HTTP 429)."""
    hit = (sample for sample in samples if sample.errors.get(Outcome.RATE_LIMITED))
    return within.inside(within.bin_of(sample.at - sample.span_s / 2) for sample in hit)


def changes(snapshot: Snapshot, within: Frame) -> tuple[int, ...]:
    """Return the bins in which a setting changed."""
    course = snapshot.course
    return within.inside(within.bin_of(course.run_at(each.at) if course else each.at) for each in snapshot.changes)


class Latencies(Generic[T]):
    """Tells of the latencies in each bin. What was told of a bin is kept: a tick later, most are the same."""

    def __init__(self, told: Callable[[Histogram], T]) -> None:
        self._told = told
        self._known: dict[tuple[tuple[float, int], ...], T] = {}

    def of(self, samples: Sequence[Counted], within: Frame) -> list[T | None]:
        """Return what is told of each bin, None where it has no latency."""
        parts: list[list[Counted]] = [[] for _ in range(within.bins)]
        for sample in samples:
            if sample.latency.total:
                for i in _bins(sample, within):
                    parts[i].append(sample)
        keys = [tuple((sample.at, sample.latency.total) for sample in part) for part in parts]
        before, self._known = self._known, {}
        for key, part in zip(keys, parts, strict=True):
            if key and key not in self._known:
                told = before.get(key)
                self._known[key] = self._told(merged(part)) if told is None else told
        return [self._known[key] if key else None for key in keys]


def quantiles(told: Sequence[Sequence[float | None] | None], within: Frame) -> tuple[Points, ...]:
    """Return p50, p95 and p99 in ms, each for every bin, of what `three` told of them."""
    return tuple(bridged(tuple(each[i] if each else None for each in told), within) for i in range(3))


def _shares(sample: Counted, within: Frame) -> Iterator[tuple[int, float]]:
    """Yield each bin that a sample spans with the share of the sample that lies in it."""
    bins = _bins(sample, within)
    if len(bins) == 1 and 0 < bins[0] < within.bins - 1:
        yield bins[0], 1.0
        return
    begin = sample.at - sample.span_s
    for i in bins:
        left = within.start + i * within.step_s
        yield i, (min(sample.at, left + within.step_s) - max(begin, left)) / sample.span_s


def _bins(sample: Counted, within: Frame) -> range:
    first = max(0, within.bin_of(sample.at - sample.span_s))
    return range(first, min(within.bins - 1, within.bin_of(sample.at)) + 1) if sample.span_s > 0 else range(0)


def bridged(points: Points, within: Frame) -> Points:
    """Return the points with short gaps between two of them filled by a straight line."""
    filled = list(points)
    before: int | None = None
    for i, value in enumerate(points):
        if value is None:
            continue
        if before is not None and 1 < i - before <= BRIDGED_S / within.step_s + 1:
            start = points[before] or 0.0
            for j in range(before + 1, i):
                filled[j] = start + (value - start) * (j - before) / (i - before)
        before = i
    return tuple(filled)
