"""The log of a job: the newest at the bottom, older ones a page away."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import Event, Snapshot
from ...engine.text import clean
from ..words import format as say
from ..words.line import Line, Tone, line, spread, width
from ..words.wrapping import wrapped
from .view import View

_LEVELS: Final[dict[str, tuple[str, Tone]]] = {"info": ("·", "dim"), "warn": ("▲", "warn"), "error": ("✕", "error")}


def event_text(event: Event) -> str:
    """Return an event as it is copied."""
    return f"{say.clock(event.at)} {event.level} {clean(event.message)}"


def event_line(event: Event, cells: int) -> Line:
    """Return an event as one line: time, level, message."""
    tone = _level(event)[1]
    return spread((*_head(event), *line((clean(event.message), "" if tone == "dim" else tone))), (), cells)


def marked_lines(event: Event, cells: int) -> list[Line]:
    """Return the marked event on as many lines as its message takes."""
    head = _head(event)
    rows = [row for _, row in wrapped(line((clean(event.message), "chosen")), max(10, cells - width(head)))]
    return [(*(line(" " * width(head)) if number else head), *row) for number, row in enumerate(rows)]


def _head(event: Event) -> Line:
    glyph, tone = _level(event)
    return line((say.clock(event.at), "dim"), (f" {glyph} ", tone))


def _level(event: Event) -> tuple[str, Tone]:
    return _LEVELS.get(event.level, ("·", "dim"))


class EventLog(View):
    """Follows the newest events, until an older one is marked; that one stays in place while new ones come."""

    DEFAULT_CSS = "EventLog { height: 1fr; }"

    marked: int | None = None
    """The id of the marked event, or None while following."""

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the events that end with the marked one, which is told in full, or with the newest."""
        if not snapshot.events:
            return [line(("no events yet", "dim"))]
        last = self._index(snapshot)
        older = [event_line(each, room.width) for each in snapshot.events[max(0, last - room.height) : last]]
        newer = [event_line(each, room.width) for each in snapshot.events[last + 1 : last + room.height]]
        at = snapshot.events[last]
        here = [event_line(at, room.width)] if self.marked is None else marked_lines(at, room.width)[: room.height]
        return [*older[max(0, len(older) + len(here) - room.height) :], *here, *newer][: room.height]

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
