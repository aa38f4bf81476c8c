"""What a job did over all the time that it ran, in a bounded number of points: breaks are cut out. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .histogram import Histogram


class Counted(Protocol):
    """What happened in a span of time: a sample, or a point of a job's course."""

    @property
    def at(self) -> float: ...  # noqa: D102
    @property
    def span_s(self) -> float: ...  # noqa: D102
    @property
    def items(self) -> int: ...  # noqa: D102
    @property
    def failed(self) -> int: ...  # noqa: D102
    @property
    def requests(self) -> int: ...  # noqa: D102
    @property
    def errors(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def latency(self) -> Histogram: ...  # noqa: D102
    @property
    def first(self) -> Histogram: ...  # noqa: D102
    @property
    def rpm_limit(self) -> int: ...  # noqa: D102


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
    rpm_limit: int = 0
    """The most requests a minute that the lanes in use allowed within the stretch, 0 where unknown."""
    first: Histogram = field(default_factory=Histogram)
    """When answers began that were streamed."""

    @property
    def at(self) -> float:
        """How long the job had run when the stretch ended."""
        return self.begin_s + self.span_s

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


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A job over all its runs; every `_s` counts only the time that the job ran."""

    points: tuple[Point, ...]
    breaks: tuple[Break, ...]
    run_s: float
    began_at: float
    """When the first of it happened, seconds since the epoch."""
    whole: bool = True
    """False while samples are left to read: the newest are missing."""

    def run_at(self, at: float) -> float:
        """Return how long the job had run at a moment; within a break, how long before it."""
        run_s = at - self.began_at
        for each in self.breaks:
            if run_s > each.at_s:
                run_s = max(each.at_s, run_s - each.lasted_s)
        return run_s

    def at_run(self, run_s: float) -> float:
        """Return the moment at which the job had run for so long; where a break was just then, its beginning."""
        return self.began_at + run_s + sum(each.lasted_s for each in self.breaks if each.at_s < run_s)
