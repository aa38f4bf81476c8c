"""A chart over time: a picture, values at its side, times below, and marks where something happened."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ..figures.binned import Frame
from ..words.line import Line, Span, Tone
from .canvas import GRAINS
from .painted import Painted
from .picture import Body, Picture
from .scale import times

GUTTER: Final = 9
"""Cells at the left for the values, always as many, so that the chart never moves sideways."""
CHANGED: Final = "▲"
"""Stands below a moment in which a setting changed."""
REFUSED: Final = "✕"
"""Stands in the lowest row where a server refused requests."""


@dataclass(frozen=True, slots=True)
class Plot:
    """All that a chart shows; marks are bins of its frame."""

    body: Body
    within: Frame
    changed: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    end: str = "now"
    cursor: int | None = None
    """The bin of the moment that is looked at."""


class Chart(Painted):
    """Draws a plot in whatever room it has."""

    DEFAULT_CSS = "Chart { height: 1fr; min-height: 3; }"

    plotted: Plot | None = None
    value_name: Callable[[float], str] = str
    """How a value at the side is written."""

    @property
    def cells(self) -> int:
        """How many columns of cells there are to fill."""
        return max(0, self.size.width - GUTTER)

    @property
    def dots(self) -> int:
        """How many columns of dots there are to fill."""
        return self.cells * GRAINS[self.charset].columns

    def plot(self, plot: Plot) -> None:
        """Show this plot from now on."""
        self.plotted = plot
        self.paint(self.drawn())

    def drawn(self) -> tuple[Line, ...]:
        """Return the whole chart as lines."""
        width, height = self.cells, self.size.height - 1
        if self.plotted is None or width < 4 or height < 1:
            return ()
        picture = self.plotted.body.drawn(width, height, self.charset, self.value_name)
        changed = _cells(self.plotted.changed, self.plotted.within, width)
        _mark(picture, changed, _cells(self.plotted.refused, self.plotted.within, width))
        if self.plotted.cursor is not None:
            _point(picture, min(self.plotted.cursor * width // self.plotted.within.bins, width - 1))
        rows = [_row(row, picture.names.get(y)) for y, row in enumerate(picture.rows)]
        return (*rows, _time_axis(self.plotted, width, changed))


def _cells(bins: tuple[int, ...], within: Frame, width: int) -> set[int]:
    """Return the columns of cells in which bins lie."""
    return {each * width // within.bins for each in bins}


def _mark(picture: Picture, changed: set[int], refused: set[int]) -> None:
    """Draw dots up the picture where a setting changed, and crosses at its bottom where requests were refused."""
    for row in picture.rows:
        for x in changed:
            if row[x][0] == " ":
                row[x] = ("┊", "dim")
    for x in refused:
        picture.rows[-1][x] = (REFUSED, "warn")


def _point(picture: Picture, x: int) -> None:
    """Draw a line up the picture where the cursor stands."""
    for row in picture.rows:
        row[x] = ("│", "key") if row[x][0] in " ┊" else (row[x][0], "chosen")


def _row(cells: list[Span], name: str | None) -> Line:
    """Return one line: the value at its side, and the picture's cells as spans, one for each run of the same tone."""
    side = f"{name:>{GUTTER - 2}} ┤" if name is not None else " " * (GUTTER - 1) + "│"
    runs: list[Span] = [("".join(glyph for glyph, _ in run), tone) for tone, run in groupby(cells, key=_tone)]
    return ((side, "dim"), *runs)


def _tone(cell: Span) -> Tone:
    return cell[1]


def _time_axis(plot: Plot, width: int, changed: set[int]) -> Line:
    """Return the line below: times, and a triangle under each change of settings where no time stands."""
    cells = [" "] * width
    for x in changed:
        cells[x] = CHANGED
    for start, text in times(plot.within.seconds, width, plot.end):
        cells[start : start + len(text)] = text
    return ((" " * GUTTER + "".join(cells)[:width], "dim"),)
