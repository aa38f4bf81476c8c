"""Changes of settings: which were made together, how a job went before and after, and what undoes them. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import Final, TypeAlias

from ...engine.histogram import Histogram
from ...engine.settings import Settings, Value
from ...engine.snapshot import Change, Sample
from ...engine.stretches import is_idle
from .series import settled

MINUTE_S: Final = 60.0
TURNS_SHOWN: Final = 50
TELLING_S: Final = 10.0
"""So long a job has to go on after a change before anything is said of it, and at least through two answers."""
TELLING_ITEMS: Final = 20
"""So many items say how fast a job is, and how often it fails."""
_AT_ONCE_S: Final = 1.0
"""Changes so close to the first of them are one turn: a preset changes several settings."""
_LONGEST_SAMPLE_S: Final = 5.0
_ALMOST_A_MINUTE_S: Final = MINUTE_S - _LONGEST_SAMPLE_S
_UNDONE_AT_ONCE: Final = 20
"""Undos asked for in quick succession reach the engine as one change; a longer way back is a change of its own."""

Step: TypeAlias = Mapping[str, tuple[Value, Value]]
"""Key -> its value before and after."""


@dataclass(slots=True)
class Pace:
    """How a job went over a while."""

    span_s: float = 0.0
    settled: int = 0
    done: int = 0
    requests: int = 0
    errors: int = 0
    cost_usd: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict[int, int])
    """Latencies, counted as a histogram does."""

    def add(self, sample: Sample) -> None:
        """Add a sample."""
        self.span_s += sample.span_s
        self.settled += settled(sample)
        self.done += sample.items
        self.requests += sample.requests
        self.errors += sum(sample.errors.values())
        self.cost_usd += sample.cost
        for bucket, count in sample.latency.counts.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    @property
    def items_per_s(self) -> float | None:
        """Items that ended in a second, None where the job did not run."""
        return self.settled / self.span_s if self.span_s else None

    @property
    def error_share(self) -> float | None:
        """Share of the requests that ended badly, 0 to 1, None where there was none."""
        return min(1.0, self.errors / self.requests) if self.requests else None

    @property
    def p50_ms(self) -> float | None:
        """The latency that half of the requests kept below, None where there was none."""
        return Histogram(self.buckets).quantile(0.5)

    @property
    def tells(self) -> bool:
        """Whether it was long enough to judge by: a minute is, and before that enough items in enough time."""
        least_s = max(TELLING_S, 2 * (self.p50_ms or 0.0) / 1_000)
        return self.span_s >= _ALMOST_A_MINUTE_S or (self.span_s >= least_s and self.settled >= TELLING_ITEMS)

    @property
    def usd_per_1000(self) -> float | None:
        """What 1,000 items that are done cost, None where there was none."""
        return 1_000 * self.cost_usd / self.done if self.done else None


@dataclass(frozen=True, slots=True)
class Turn:
    """Settings changed at one moment; `before` and `after` reach for a minute, and no further than the next turn."""

    at: float
    """Seconds since the epoch."""
    at_s: float
    """How long the job had run before, as far as the samples tell."""
    changes: tuple[Change, ...]
    before: Pace
    after: Pace
    over: bool = False
    """Whether no sample comes any more to judge it by."""

    @property
    def step(self) -> Step:
        """What the changes come to: a setting that was changed twice has its first value before, its last after."""
        return _joined({change.key: (change.old, change.new)} for change in self.changes)

    @property
    def who(self) -> str:
        """Who changed them."""
        return self.changes[0].who


class Turns:
    """Gathers the turns of a job while its samples go by."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._groups = grouped(sorted(changes, key=lambda each: each.at))
        self._moments = [group[0].at for group in self._groups]
        self._before = [Pace() for _ in self._groups]
        self._after = [Pace() for _ in self._groups]
        self._places: list[float] = []

    def add(self, sample: Sample, begin_s: float) -> None:
        """Count one sample, which begins where the job had run for `begin_s`."""
        while len(self._places) < len(self._moments) and self._moments[len(self._places)] <= sample.at:
            into_s = self._moments[len(self._places)] - (sample.at - sample.span_s)
            self._places.append(begin_s + max(0.0, into_s))
        middle = sample.at - sample.span_s / 2
        following = bisect_right(self._moments, middle)
        if following > 0 and middle - self._moments[following - 1] <= MINUTE_S:
            self._after[following - 1].add(sample)
        if following < len(self._moments) and self._moments[following] - middle <= MINUTE_S:
            self._before[following].add(sample)

    def all(self, run_s: float, *, ended: bool = False) -> tuple[Turn, ...]:
        """Return the turns; what was changed after the last sample stands at the end of the `run_s`."""
        places = self._places + [run_s] * (len(self._moments) - len(self._places))
        over = [True] * (len(self._moments) - 1) + [ended]
        return tuple(map(Turn, self._moments, places, self._groups, self._before, self._after, over))


def grouped(changes: Iterable[Change]) -> list[tuple[Change, ...]]:
    """Return the changes, oldest first, in groups that one person made at once."""
    groups: list[list[Change]] = []
    for change in changes:
        first = groups[-1][0] if groups else None
        if first and first.who == change.who and change.at - first.at <= _AT_ONCE_S:
            groups[-1].append(change)
        else:
            groups.append([change])
    return [tuple(group) for group in groups]


def last_turns(
    changes: Sequence[Change],
    samples: Callable[[float, float], Iterable[Sample]],
    most: int = TURNS_SHOWN,
    *,
    ended: bool = False,
) -> tuple[Turn, ...]:
    """Return the last turns, oldest first; `samples` gives those that end after a moment and up to another.

    Of a job that has `ended` the last turn is over, too.
    """
    turns, run_s = Turns(changes), 0.0
    moments = [group[0].at for group in grouped(sorted(changes, key=lambda each: each.at))][-most:]
    for since, until in _around(moments):
        for sample in filterfalse(is_idle, samples(since, until)):
            turns.add(sample, run_s)
            run_s += sample.span_s
    return turns.all(run_s, ended=ended)[-most:]


def _around(moments: Iterable[float]) -> Iterator[tuple[float, float]]:
    """Yield the times in which samples count for these moments, so that none comes twice."""
    reached = float("-inf")
    for moment in moments:
        until = moment + MINUTE_S + _LONGEST_SAMPLE_S
        yield max(reached, moment - MINUTE_S), until
        reached = until


def undo_of(changes: Iterable[Change], settings: Settings) -> dict[str, Value] | None:
    """Return the values that undo the newest changes not undone yet, or None where nothing is left to undo.

    A turn that takes back what was done before it is an undo: neither it nor what it took back is looked at again.
    `settings` are those that the changes led to.
    """
    done: list[Step] = []
    for group in grouped(changes):
        step = _joined({change.key: (change.old, change.new)} for change in group)
        step = {key: (old, new) for key, (old, new) in step.items() if old != new}
        taken_back = _taken_back(done, step)
        if taken_back:
            del done[-taken_back:]
        elif step:
            done.append(step)
    return next((values for step in reversed(done) if (values := values_before(step, settings))), None)


def values_before(step: Step, settings: Settings) -> dict[str, Value]:
    """Return the values that take back a step, without those that are so already."""
    return {key: old for key, (old, _) in step.items() if getattr(settings, key, old) != old}


def _taken_back(done: Sequence[Step], step: Step) -> int:
    """Return how many of the last steps this one takes back, 0 for a step of its own."""
    whole: Step = {}
    for count, earlier in enumerate(reversed(done[-_UNDONE_AT_ONCE:]), start=1):
        whole = _joined((earlier, whole))
        if step == {key: (new, old) for key, (old, new) in whole.items() if old != new}:
            return count
    return 0


def _joined(steps: Iterable[Step]) -> Step:
    """Return several steps, the earliest first, as one."""
    whole: dict[str, tuple[Value, Value]] = {}
    for step in steps:
        for key, (old, new) in step.items():
            whole[key] = (whole[key][0] if key in whole else old, new)
    return whole
