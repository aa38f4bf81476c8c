"""How much time the charts show. Pure."""

from dataclasses import dataclass
from math import inf
from typing import Final, Literal

from ...engine.snapshot import WINDOW_S


@dataclass(frozen=True, slots=True)
class Range:
    """One choice; a job that ran for less is shown whole."""

    name: str
    seconds: float
    words: str


RANGES: Final = (
    Range("1 min", 60.0, "the last minute"),
    Range("5 min", WINDOW_S, "the last 5 minutes"),
    Range("15 min", 900.0, "the last 15 minutes"),
    Range("all", inf, "all the time that the job ran"),
)
DEFAULT: Final = RANGES[1]
_MINUTES: Final = (1, 2, 3, 4, 5, 10, 15, 20, 30, 45, 60, 90)
_HOURS: Final = (2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72, 96, 192, 384, 768)
WINDOWS_S: Final = (*(60.0 * each for each in _MINUTES), *(3_600.0 * each for each in _HOURS))
"""How much time a chart shows: the shortest of these that holds what is to be shown; a quarter of each is round."""


def stepped(now: Range, step: Literal[-1, 1]) -> Range:
    """Return the next range, or the one before; behind the last comes the first."""
    return RANGES[(RANGES.index(now) + step) % len(RANGES)]


def told(seconds: float) -> str:
    """Return what stands behind a chart's title, ` (15 min)`, or nothing for the range that it has by itself."""
    return next((f" ({each.name})" for each in RANGES if each.seconds == seconds and each is not DEFAULT), "")
