"""The log of a job: the newest at the bottom, older ones a page away."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import Event, Snapshot
from ...engine.text import clean
from .. import format as say
from ..line import Line, Tone, line, spread
from .view import View

_LEVELS: Final[dict[str, tuple[str, Tone]]] = {"info": ("·", "dim"), "warn": ("▲", "warn"), "error": ("✕", "error")}


def event_text(event: Event) -> str:
    """Return an event as it is copied."""
    return f"{say.clock(event.at)} {event.level} {clean(event.message)}"


def event_line(event: Event, cells: int, *, marked: bool) -> Line:
    """Return an event as one line: time, level, message."""
    glyph, tone = _LEVELS.get(event.level, ("·", "dim"))
    message: Tone = "chosen" if marked else "" if tone == "dim" else tone
    return spread(line((say.clock(event.at), "dim"), (f" {glyph} ", tone), (clean(event.message), message)), (), cells)


class EventLog(View):
    """Follows the newest events, until an older one is marked; that one stays in place while new ones come."""

    DEFAULT_CSS = "EventLog { height: 1fr; }"

    marked: int | None = None
    """The id of the marked event, or None while following."""

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the events that end with the marked or the newest one."""
        if not snapshot.events:
            return [line(("no events yet", "dim"))]
        last = self._index(snapshot)
        first = max(0, last + 1 - room.height)
        shown = snapshot.events[first : first + room.height]
        return [event_line(event, room.width, marked=event.id == self.marked) for event in shown]

    def marked_event(self) -> Event | None:
        """Return the marked event, if one is."""
        if self.snapshot is None or self.marked is None:
            return None
        return self.snapshot.events[self._index(self.snapshot)]

    def _index(self, snapshot: Snapshot) -> int:
        """Return where the marked event stands; the oldest one left, when it is gone."""
        if self.marked is None:
            return len(snapshot.events) - 1
        return next((i for i, event in enumerate(snapshot.events) if event.id >= (self.marked or 0)), 0)

    def move(self, step: int) -> None:
        """Mark an older (negative) or a newer event; beyond the newest one, follow again."""
        if self.snapshot is None or not self.snapshot.events or (self.marked is None and step > 0):
            return
        last = len(self.snapshot.events) - 1
        index = self._index(self.snapshot) + (step if self.marked is not None else step + 1)
        self.marked = None if index > last else self.snapshot.events[max(index, 0)].id
        self.redraw()

    def follow(self) -> None:
        """Show the newest events from now on."""
        self.marked = None
        self.redraw()

    def on_mouse_scroll_up(self) -> None:
        """Go back."""
        self.move(-1)

    def on_mouse_scroll_down(self) -> None:
        """Go forward."""
        self.move(1)
