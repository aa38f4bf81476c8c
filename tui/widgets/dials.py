"""The settings as dials: value, unit, where it comes from, and what was asked but is not confirmed yet."""

from collections.abc import Sequence
from typing import Final, Literal

from textual import events
from textual.geometry import Size

from ...engine.settings import DIALS, Value
from ...engine.snapshot import ACTIVE, Snapshot
from ...engine.text import clean
from ..figures.series import flying, is_live
from ..messages import DialPicked
from ..tuning import ORDER, Tuning
from ..words import format as say
from ..words.dial import change_text, name_of, number_and_unit, value_of
from ..words.line import Line, Tone, first_fit, fit, line, spread, width
from .view import View

_ALIGNED: Final = 44
"""Cells from which values stand below each other."""


def diff_line(key: str, old: Value, new: Value, cells: int) -> Line:
    """Return a dial with its value and the one that it would have; dimmed where they are the same."""
    aligned = cells >= _ALIGNED
    if old == new:
        told = f"{fit(name_of(key), 14)}{value_of(key, old):>12}" if aligned else f"{name_of(key)} {value_of(key, old)}"
        return line((told, "dim"))
    told = f"{fit(name_of(key), 14)}{value_of(key, old):>12} → {value_of(key, new)}"
    before, _, after = (told if aligned else change_text(key, old, new, cells)).rpartition(" → ")
    return line(before, (" → ", "dim"), (after, "warn"))


def preset_of(snapshot: Snapshot) -> str:
    """Return the preset most dials come from, or `none`."""
    origins = [origin.removeprefix("preset ") for origin in snapshot.dials.origins.values() if "preset " in origin]
    return max(sorted(set(origins)), key=origins.count) if origins else "none"


def dial_line(snapshot: Snapshot, tuning: Tuning, key: str, cells: int, *, fixed: bool = False) -> Line:
    """Return one dial: its name, its value, what was asked of it, what it is for, and where its value comes from.

    Where it is `fixed`, none is marked as the one to be changed.
    """
    live = is_live(snapshot)
    chosen = live and not fixed and key == tuning.chosen
    number, unit = number_and_unit(key, getattr(snapshot.dials.settings, key))
    tone: Tone = "" if live else "dim"
    head = line("▸ " if chosen else "  ", (f"{name_of(key):<13}", "chosen" if chosen else tone))
    head = (*head, *line((f"{number:>10} ", "strong" if live else tone), (unit, tone)), *_aside(snapshot, tuning, key))
    if cells >= 100:
        head = (*head, *line(" " * max(2, 50 - width(head)), (DIALS[key].doc, "dim")))
    return spread(head, origin_of(snapshot, key, max(0, cells - width(head) - 2)), cells)


def origin_of(snapshot: Snapshot, key: str, cells: int) -> Line:
    """Return where a value comes from: what a person set stands out, and what a tuner did has a mark."""
    origin = clean(snapshot.dials.origins.get(key, ""))
    if origin.startswith("tuner"):
        return line((f"≈ {origin}", "two"))
    tone: Tone = "" if origin.startswith("live") and is_live(snapshot) else "dim"
    return first_fit([line((each, tone)) for each in (origin, origin.removeprefix("preset "))], cells)


def _aside(snapshot: Snapshot, tuning: Tuning, key: str) -> Line:
    """Return what stands behind a value: the batches in flight, and the value asked for."""
    wish = tuning.wishes.get(key) if snapshot.moment is None else None
    open_wish = wish is not None and wish.value != getattr(snapshot.dials.settings, key)
    wished = line((f" → {value_of(key, wish.value)} …", "warn")) if wish and open_wish else ()
    if key != "concurrency" or not is_live(snapshot) or not snapshot.samples:
        return wished
    now = flying(snapshot)
    return (*line(f"({'-' if now is None else say.count(now)} in flight)"), *wished)


class Dials(View):
    """The list of dials; the chosen one is always in sight."""

    DEFAULT_CSS = "Dials { height: 1fr; }"

    tuning: Tuning = Tuning()
    fixed: bool = False
    """Whether nothing can be changed here."""

    def first_shown(self, height: int) -> int:
        """Return which dial stands in the first line."""
        return max(0, min(ORDER.index(self.tuning.chosen) - height + 1, len(ORDER) - height))

    def below(self) -> int:
        """Return how many dials have no room below the last one shown."""
        height = self.size.height
        return max(0, len(ORDER) - self.first_shown(height) - height) if height else 0

    def beyond(self, step: Literal[-1, 1]) -> str:
        """Return the dial to choose so that the list moves by one line, though none is marked."""
        last = self.first_shown(self.size.height) + max(1, self.size.height) - 1
        return ORDER[min(max(last + step, 0), len(ORDER) - 1)]

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the dials that have room."""
        first = self.first_shown(room.height)
        keys = ORDER[first : first + room.height]
        return [dial_line(snapshot, self.tuning, key, room.width, fixed=self.fixed) for key in keys]

    def on_click(self, event: events.Click) -> None:
        """Choose the dial under the pointer."""
        row = self.first_shown(self.size.height) + event.y
        if row < len(ORDER):
            self.post_message(DialPicked(ORDER[row]))


def hint(snapshot: Snapshot, tuning: Tuning, *, fixed: bool = False) -> Line:
    """Return the line under the dials: what was said last, or what the chosen one is for."""
    if tuning.note:
        return line((clean(tuning.note), tuning.note_tone))
    if snapshot.moment is not None:
        return line(("as they were then", "dim"))
    if not is_live(snapshot):
        active = snapshot.job.state in ACTIVE
        return line(("no engine has this job" if active else "as they were when the job ended", "dim"))
    if fixed:
        return line(("read only: this dashboard changes nothing", "dim"))
    if any(wish.confirmed_at is None for wish in tuning.wishes.values()):
        return line(("waiting for the engine …", "warn"))
    return line((DIALS[tuning.chosen].doc, "dim"))
