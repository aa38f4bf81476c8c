"""The errors of a job by kind: how often lately, and in all. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...engine.course import Counted
from ...engine.snapshot import Snapshot
from ..figures.series import errors_in, shown
from . import format as say


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of error, or several that are told as one: how often in the samples shown, and in all."""

    outcomes: frozenset[str]
    name: str
    now: int
    ever: int

    def per_minute(self, sample: Counted) -> int:
        """Return what makes errors a minute of a count a second."""
        return 60 * sum(sample.errors.get(outcome, 0) for outcome in self.outcomes) if sample.errors else 0


def kinds(snapshot: Snapshot) -> list[Kind]:
    """Return each kind of error, the most frequent first."""
    lately, total = errors_in(shown(snapshot)), snapshot.job.errors
    found = (
        Kind(frozenset({kind}), say.words(kind), lately.get(kind, 0), max(total.get(kind, 0), lately.get(kind, 0)))
        for kind in {*lately, *total}
    )
    return sorted(found, key=lambda kind: (-kind.ever, kind.name))


def most_frequent(found: Sequence[Kind], room: int) -> list[Kind]:
    """Return at most so many kinds, the last of which stands for all that have no room."""
    if len(found) <= room:
        return list(found)
    rest = found[room - 1 :]
    outcomes = frozenset[str]().union(*(kind.outcomes for kind in rest))
    summed = Kind(outcomes, f"{len(rest)} more kinds", sum(kind.now for kind in rest), sum(kind.ever for kind in rest))
    return [*found[: room - 1], summed]
