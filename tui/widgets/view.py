"""A painted widget that shows one snapshot, and draws it anew when its own size changes."""

from collections.abc import Sequence

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ..words.line import Line
from .painted import Painted


class View(Painted):
    """Draws what `lines_of` returns for the last snapshot; the rest is painting."""

    snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot from now on."""
        self.snapshot = snapshot
        self.redraw()

    def redraw(self) -> None:
        """Draw what is known again, after something else than the snapshot changed."""
        if self.snapshot is not None and self.size:
            self.paint(self.lines_of(self.snapshot, self.size))

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.redraw()

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return what to show of a snapshot in so many cells."""
        raise NotImplementedError
