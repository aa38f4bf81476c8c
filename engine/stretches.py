"""Adds samples up to the points of a job's course, in one pass and bounded room. Pure."""

from collections.abc import Sequence

from .course import Break, Point
from .histogram import Histogram
from .snapshot import Sample

BREAK_S = 5.0
"""So long without a sample means that the job did not run."""
_FIRST_STEP_S = 1.0


def is_idle(sample: Sample) -> bool:
    """Return whether the job was paused and nothing of it ended any more."""
    return not (sample.target or sample.requests or sample.items or sample.failed)


class Axis:
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

    __slots__ = ("begin_s", "errors", "failed", "first", "items", "latency", "requests", "rpm_limit", "span_s")

    def __init__(self, begin_s: float) -> None:
        self.begin_s = begin_s
        self.span_s = 0.0
        self.items = self.failed = self.requests = self.rpm_limit = 0
        self.errors: dict[str, int] = {}
        self.latency: dict[int, int] = {}
        self.first: dict[int, int] = {}

    def add(self, more: Sample | Point) -> None:
        self.span_s += more.span_s
        self.items += more.items
        self.failed += more.failed
        self.requests += more.requests
        self.rpm_limit = max(self.rpm_limit, more.rpm_limit)  # so that what was allowed at the time stays below it
        for kind, number in more.errors.items():
            self.errors[kind] = self.errors.get(kind, 0) + number
        for counts, counted in ((self.latency, more.latency), (self.first, more.first)):
            for bucket, number in counted.counts.items():
                counts[bucket] = counts.get(bucket, 0) + number

    def point(self) -> Point:
        return Point(
            self.begin_s,
            self.span_s,
            self.items,
            self.failed,
            self.requests,
            dict(self.errors),
            Histogram(self.latency),
            self.rpm_limit,
            Histogram(self.first),
        )


class Stretches:
    """Adds samples up to points; whenever there are too many, each two become one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._step_s = _FIRST_STEP_S
        self._all: list[_Stretch] = []

    def add(self, sample: Sample, begin_s: float) -> None:
        """Add a sample, which began when the job had run so long."""
        # A stretch is whole a little early, as the samples' spans are not exact.
        if not self._all or self._all[-1].span_s >= 0.75 * self._step_s:
            if len(self._all) == self._most:
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
