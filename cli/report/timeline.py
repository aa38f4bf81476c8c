"""The timeline of a job over all its runs, from its samples in one pass: points over time, breaks, changes. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...engine.histogram import Histogram
from ...engine.snapshot import Change, Sample
from ...tui.series import settled
from .turns import MINUTE_S, Turn, Turns

POINTS = 120
"""At most so many points; a long run has wider ones."""
BREAK_S = 5.0
"""So long without a sample means that the job did not run."""
_FIRST_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """What happened in one stretch of the time that the job ran."""

    begin_s: float
    """How long the job had run before; breaks don't count."""
    span_s: float
    items: int
    failed: int
    requests: int
    errors: Mapping[str, int]
    """Attempts that ended badly, by outcome."""
    latency: Histogram

    @property
    def middle_s(self) -> float:
        """Where the point is drawn."""
        return self.begin_s + self.span_s / 2

    @property
    def items_per_s(self) -> float:
        """Items that ended, well or badly, in a second."""
        return (self.items + self.failed) / self.span_s if self.span_s else 0.0

    def errors_per_min(self, kinds: Iterable[str]) -> float:
        """Return how often attempts ended in one of these ways in a minute."""
        return 60 * sum(self.errors.get(kind, 0) for kind in kinds) / self.span_s if self.span_s else 0.0


@dataclass(frozen=True, slots=True)
class Break:
    """A time in which the job was stopped or paused."""

    at_s: float
    """How long the job had run before."""
    lasted_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that the samples tell of a job; every `_s` counts only the time that the job ran."""

    points: tuple[Point, ...]
    breaks: tuple[Break, ...]
    turns: tuple[Turn, ...]
    latency: Histogram
    run_s: float
    best_minute_per_s: float | None
    """Items a second in the best minute without a break, None where there was no whole minute."""
    last_at: float | None
    """When the last sample ended, seconds since the epoch."""

    @property
    def errors(self) -> dict[str, int]:
        """Attempts that ended badly, by outcome."""
        totals: dict[str, int] = {}
        for point in self.points:
            for kind, number in point.errors.items():
                totals[kind] = totals.get(kind, 0) + number
        return totals


def timeline(samples: Iterable[Sample], changes: Sequence[Change]) -> Timeline:
    """Return the timeline of a job; samples come oldest first, and none is kept."""
    axis, stretches, best, turns = _Axis(), _Stretches(), _BestMinute(), Turns(changes)
    last_at = None
    for sample in samples:
        last_at = sample.at
        if _is_idle(sample):
            continue
        if axis.add(sample):
            best.forget()
        begin_s = axis.run_s - sample.span_s
        stretches.add(sample, begin_s)
        turns.add(sample, begin_s)
        best.add(sample)
    points = stretches.points()
    return Timeline(
        points,
        tuple(axis.breaks),
        turns.all(axis.run_s),
        Histogram.merged(point.latency for point in points),
        axis.run_s,
        best.per_s,
        last_at,
    )


def _is_idle(sample: Sample) -> bool:
    """Return whether the job was paused and nothing of it ended any more."""
    return not (sample.target or sample.requests or settled(sample))


class _Axis:
    """Counts the time that the job ran, and finds the breaks in it."""

    def __init__(self) -> None:
        self.run_s = 0.0
        self.breaks: list[Break] = []
        self._last: float | None = None

    def add(self, sample: Sample) -> bool:
        """Count one sample; return whether there was a break before it."""
        gap_s = 0.0 if self._last is None else sample.at - sample.span_s - self._last
        if gap_s > BREAK_S:
            self.breaks.append(Break(self.run_s, gap_s))
        self.run_s += sample.span_s
        self._last = sample.at
        return gap_s > BREAK_S


class _Stretch:
    """A point in the making."""

    __slots__ = ("begin_s", "errors", "failed", "items", "latency", "requests", "span_s")

    def __init__(self, begin_s: float) -> None:
        self.begin_s = begin_s
        self.span_s = 0.0
        self.items = self.failed = self.requests = 0
        self.errors: dict[str, int] = {}
        self.latency: dict[int, int] = {}

    def add(self, more: Sample | Point) -> None:
        self.span_s += more.span_s
        self.items += more.items
        self.failed += more.failed
        self.requests += more.requests
        for kind, number in more.errors.items():
            self.errors[kind] = self.errors.get(kind, 0) + number
        counts = self.latency
        for bucket, number in more.latency.counts.items():
            counts[bucket] = counts.get(bucket, 0) + number

    def point(self) -> Point:
        return Point(
            self.begin_s, self.span_s, self.items, self.failed, self.requests, self.errors, Histogram(self.latency)
        )


class _Stretches:
    """Adds samples up to points; whenever there are too many, each two become one."""

    def __init__(self) -> None:
        self._step_s = _FIRST_STEP_S
        self._all: list[_Stretch] = []

    def add(self, sample: Sample, begin_s: float) -> None:
        # A stretch is whole a little early, as the samples' spans are not exact.
        if not self._all or self._all[-1].span_s >= 0.75 * self._step_s:
            if len(self._all) == POINTS:
                self._fold()
            self._all.append(_Stretch(begin_s))
        self._all[-1].add(sample)

    def points(self) -> tuple[Point, ...]:
        """Return the points; a last one that is too short to tell a rate belongs to the one before."""
        points = [stretch.point() for stretch in self._all]
        if len(points) > 1 and points[-1].span_s < self._step_s / 2:
            points[-2:] = [_joined(points[-2:])]
        return tuple(points)

    def _fold(self) -> None:
        self._step_s *= 2
        points = [stretch.point() for stretch in self._all]
        self._all = [_stretch(points[i : i + 2]) for i in range(0, len(points), 2)]


def _stretch(points: Sequence[Point]) -> _Stretch:
    stretch = _Stretch(points[0].begin_s)
    for point in points:
        stretch.add(point)
    return stretch


def _joined(points: Sequence[Point]) -> Point:
    return _stretch(points).point()


class _BestMinute:
    """Finds the minute in which the most items ended."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self.forget()

    def forget(self) -> None:
        """Begin anew, behind a break."""
        self._spans: deque[tuple[float, int]] = deque()
        self._span_s = 0.0
        self._items = 0

    def add(self, sample: Sample) -> None:
        self._spans.append((sample.span_s, settled(sample)))
        self._span_s += sample.span_s
        self._items += settled(sample)
        while self._span_s - self._spans[0][0] >= MINUTE_S:
            span_s, items = self._spans.popleft()
            self._span_s -= span_s
            self._items -= items
        if self._span_s >= MINUTE_S:
            self.per_s = max(self.per_s or 0.0, self._items / self._span_s)
