"""Which settings did a job well: the stretch between two changes that is worth going back to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from ...engine.settings import DIALS, Settings
from ...engine.snapshot import Sample
from ...engine.stretches import is_idle
from .turns import TELLING_ITEMS, Pace, Step, Turn

LEAST_S: Final = 5.0
ERRORS_WITHIN: Final = 0.02
"""Shares of errors that differ by no more are alike."""
MOST_ERRORS: Final = 0.25
"""Where more of the requests end badly, nothing goes well, whatever the other stretches did."""
SPEED_WITHIN: Final = 0.9
"""A stretch with this share of the highest throughput is as fast."""


@dataclass(frozen=True, slots=True)
class History:
    """The last turns of a job's settings, oldest first, and how it went lately, since the last of them."""

    turns: tuple[Turn, ...] = ()
    lately: Pace | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Settings that held from one turn to the next; times are seconds since the epoch."""

    since: float | None
    """None: from the beginning."""
    until: float | None
    """None: they are in force."""
    settings: Settings
    pace: Pace
    """Over their last minute; where too little happened in it, over their first."""

    @property
    def done_per_s(self) -> float:
        """Items that are done, failed ones left out, in a second."""
        return self.pace.done / self.pace.span_s if self.pace.span_s else 0.0

    @property
    def is_told(self) -> bool:
        """Whether enough was done to judge it."""
        return self.pace.done >= TELLING_ITEMS and self.pace.span_s >= LEAST_S


def pace_since(samples: Iterable[Sample], at: float) -> Pace:
    """Return how a job went in those of the samples that began after a moment, and in which it ran."""
    pace = Pace()
    for sample in samples:
        if sample.at - sample.span_s >= at and not is_idle(sample):
            pace.add(sample)
    return pace


def stretches(history: History, current: Settings) -> tuple[Stretch, ...]:
    """Return the stretches that the turns divide a job into, oldest first; `current` are the settings of the last."""
    turns = history.turns
    settings = [current]
    for turn in reversed(turns):
        settings.append(_before(turn, settings[-1]))
    moments = (None, *(turn.at for turn in turns), None)
    first = (None, *(turn.after for turn in turns))
    last = (*(turn.before for turn in turns), history.lately)
    paces = map(_telling, last, first)
    return tuple(
        Stretch(since, until, held, pace)
        for (since, until), held, pace in zip(pairwise(moments), reversed(settings), paces, strict=True)
    )


def last_good(stretches: Sequence[Stretch]) -> Stretch | None:
    """Return the newest stretch that went well, of stretches that come oldest first, or None where none did.

    Judged are those with at least `TELLING_ITEMS` done in `LEAST_S` or more. A good one has few errors: its share of
    requests that ended badly is at most `ERRORS_WITHIN` above the lowest of all, and at most `MOST_ERRORS`. And it is
    fast: of those with few errors, none got more than 1 / `SPEED_WITHIN` of its items done in the same time. What an
    item costs is not looked at: it hangs on prompt and model, which no setting changes.
    """
    told = [each for each in stretches if each.is_told]
    most = min((_errors(each) for each in told), default=0.0) + ERRORS_WITHIN
    calm = [each for each in told if _errors(each) <= min(most, MOST_ERRORS)]
    least = SPEED_WITHIN * max((each.done_per_s for each in calm), default=0.0)
    return next((each for each in reversed(calm) if each.done_per_s >= least), None)


def way_back(stretch: Stretch, current: Settings) -> Step:
    """Return what has to change for the settings of a stretch: key -> the value in force and the one of then."""
    pairs = {key: (getattr(current, key), getattr(stretch.settings, key)) for key in DIALS}
    return {key: (now, then) for key, (now, then) in pairs.items() if now != then}


def _before(turn: Turn, after: Settings) -> Settings:
    known: dict[str, Any] = {key: old for key, (old, _) in turn.step.items() if key in DIALS}
    return replace(after, **known)


def _telling(last: Pace | None, first: Pace | None) -> Pace:
    """Return the pace that tells of a stretch."""
    found = [pace for pace in (last, first) if pace is not None]
    return next((pace for pace in found if pace.done >= TELLING_ITEMS), found[0] if found else Pace())


def _errors(stretch: Stretch) -> float:
    return stretch.pace.error_share or 0.0
