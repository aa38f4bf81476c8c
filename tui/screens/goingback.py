"""What is asked before a job goes back to settings that did well."""

from typing import Final

from ..figures.good import Stretch
from ..figures.turns import Pace, Step
from ..tuning import ORDER
from ..widgets.dials import diff_line
from ..words import format as say
from ..words.limiting import percent
from ..words.line import Line, line
from .question import Choice, Question

GO_BACK: Final = Choice("y", "go back", "set what stands at right", "undo")
_CELLS: Final = 54
_ROWS: Final = 8
"""So many dials, and so many cells of each, have room in the smallest terminal."""


def when(good: Stretch) -> str:
    """Return from when to when settings held."""
    if good.since is None:
        return f"before {say.clock(good.until)}" if good.until is not None else "from the beginning"
    since = say.clock(good.since)
    return f"since {since}" if good.until is None else f"from {since} to {say.clock(good.until)}"


def going_back(good: Stretch, step: Step, lately: Pace | None) -> Question:
    """Return what is asked, with how the job went then and of late, and every dial that would change."""
    rows = [diff_line(key, *step[key], _CELLS) for key in ORDER if key in step]
    more = [line((f"and {len(rows) - _ROWS + 1} more", "dim"))] if len(rows) > _ROWS else []
    about = (f"{when(good).capitalize()}: {_told(good.pace)}.", f"Lately: {_told(lately or Pace())}.")
    facts: tuple[Line, ...] = (*(rows[: _ROWS - 1] if more else rows), *more)
    return Question("Back to the last good settings?", about, (GO_BACK,), facts)


def _told(pace: Pace) -> str:
    share = "-" if pace.error_share is None else percent(pace.error_share)
    return f"{say.rate(pace.items_per_s)} items/s, {share} errors"
