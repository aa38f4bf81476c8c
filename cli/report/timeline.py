"""The timeline of a job over all its runs, from its samples in one pass: points over time, breaks, changes. Pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...engine.course import Break, Point
from ...engine.histogram import Histogram
from ...engine.snapshot import Change, Sample
from ...engine.stretches import Axis, Stretches, is_idle
from ...tui.figures.series import settled
from ...tui.figures.turns import MINUTE_S, Turn, Turns

POINTS = 120
"""At most so many points; a long run has wider ones."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that the samples tell of a job; every `_s` counts only the time that the job ran."""

    points: tuple[Point, ...]
    breaks: tuple[Break, ...]
    turns: tuple[Turn, ...]
    latency: Histogram
    first: Histogram
    """When answers began that were streamed."""
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
    axis, stretches, best, turns = Axis(), Stretches(POINTS), _BestMinute(), Turns(changes)
    last_at = None
    for sample in samples:
        last_at = sample.at
        if is_idle(sample):
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
        Histogram.merged(point.first for point in points),
        axis.run_s,
        best.per_s,
        last_at,
    )


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
