"""Changes of settings, and how a job went in the minute before and after each. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...engine.snapshot import Change, Sample
from ...tui.series import settled

MINUTE_S: Final = 60.0
_AT_ONCE_S: Final = 1.0
"""Changes so close to the first of them are one turn: a preset changes several settings."""


@dataclass(slots=True)
class Pace:
    """How a job went over a while."""

    span_s: float = 0.0
    settled: int = 0
    requests: int = 0
    errors: int = 0

    def add(self, sample: Sample) -> None:
        """Add a sample."""
        self.span_s += sample.span_s
        self.settled += settled(sample)
        self.requests += sample.requests
        self.errors += sum(sample.errors.values())

    @property
    def items_per_s(self) -> float | None:
        """Items that ended in a second, None where the job did not run."""
        return self.settled / self.span_s if self.span_s else None

    @property
    def error_share(self) -> float | None:
        """Share of the requests that ended badly, 0 to 1, None where there was none."""
        return min(1.0, self.errors / self.requests) if self.requests else None


@dataclass(frozen=True, slots=True)
class Turn:
    """Settings changed at one moment; `before` and `after` reach for a minute, and no further than the next turn."""

    at: float
    """Seconds since the epoch."""
    at_s: float
    """How long the job had run before."""
    changes: tuple[Change, ...]
    before: Pace
    after: Pace


class Turns:
    """Gathers the turns of a job while its samples go by."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._groups: list[list[Change]] = []
        for change in sorted(changes, key=lambda each: each.at):
            if self._groups and change.at - self._groups[-1][0].at <= _AT_ONCE_S:
                self._groups[-1].append(change)
            else:
                self._groups.append([change])
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

    def all(self, run_s: float) -> tuple[Turn, ...]:
        """Return the turns; what was changed after the last sample stands at the end of the `run_s`."""
        places = self._places + [run_s] * (len(self._moments) - len(self._places))
        groups = map(tuple, self._groups)
        return tuple(map(Turn, self._moments, places, groups, self._before, self._after))
