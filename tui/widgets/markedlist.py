"""A list of rows below a title, one of which is marked."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from textual import events

from ..messages import RowPicked
from ..words.line import Line, line
from .painted import Painted

Row: TypeAlias = Callable[[int, bool], Line]
"""Draws a row into so many cells, marked or not."""


class MarkedList(Painted):
    """Rows below a title, one of them marked; only those in sight are drawn."""

    title: Callable[[int], Line] | None = None
    rows: Sequence[Row] = ()
    index: int = 0
    instead: str | Sequence[Line] = ""
    """What to say where there are no rows."""

    def show(
        self, title: Callable[[int], Line], rows: Sequence[Row], index: int, instead: str | Sequence[Line] = ""
    ) -> None:
        """Draw these rows, with that one marked."""
        self.title, self.rows, self.instead = title, rows, instead
        self.index = min(index, max(0, len(rows) - 1))
        self.redraw()

    def move(self, step: int) -> None:
        """Mark another row."""
        self.index = min(max(self.index + step, 0), max(0, len(self.rows) - 1))
        self.redraw()

    def redraw(self) -> None:
        """Draw what is known."""
        if self.title is None or not self.rows:
            self.paint([line(self.instead)] if isinstance(self.instead, str) else self.instead)
            return
        width, first = self.size.width, self.first
        shown = enumerate(self.rows[first : first + self.room], first)
        self.paint([self.title(width), *(row(width, i == self.index) for i, row in shown)])

    @property
    def room(self) -> int:
        """How many rows are in sight."""
        return max(1, self.size.height - 1)

    @property
    def first(self) -> int:
        """The first row in sight."""
        return max(0, self.index - self.room + 1)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Tell which row the pointer is on."""
        row = event.y - 1 + self.first
        if event.y > 0 and row < len(self.rows):
            self.post_message(RowPicked(row))
