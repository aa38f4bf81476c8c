"""A line chart over time: zero at the bottom, round values at the side, marks where a setting changed."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ..line import Line, Span, Tone
from ..series import Points
from .canvas import GRAINS, NO_INK, Canvas, Cell
from .painted import Painted
from .scale import axis, highest, times

GUTTER: Final = 9
"""Cells at the left for the values, always as many, so that the chart never moves sideways."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart. `off` columns of every `on + off` are left out, which tells lines apart without colour."""

    points: Points
    tone: Tone
    on: int = 1
    off: int = 0


@dataclass(frozen=True, slots=True)
class Plot:
    """All that a chart shows; one point of a curve a dot column, the last curve on top."""

    curves: tuple[Curve, ...]
    seconds: float
    marks: tuple[int, ...] = ()
    """Columns in which a setting changed."""
    end: str = "now"
    least: float = 1.0
    """The scale reaches this value at least, so that noise near zero stays small."""


class Chart(Painted):
    """Draws a plot in whatever room it has."""

    DEFAULT_CSS = "Chart { height: 1fr; min-height: 3; }"

    plotted: Plot | None = None
    value_name: Callable[[float], str] = str
    """How a value at the side is written."""

    @property
    def columns(self) -> int:
        """How many dot columns there are to fill."""
        return max(0, self.size.width - GUTTER) * GRAINS[self.charset].columns

    def plot(self, plot: Plot) -> None:
        """Show this plot from now on."""
        self.plotted = plot
        self.paint(self.drawn())

    def drawn(self) -> tuple[Line, ...]:
        """Return the whole chart as lines."""
        width, height = self.size.width - GUTTER, self.size.height - 1
        if self.plotted is None or width < 4 or height < 1:
            return ()
        scale = axis(max(highest([curve.points for curve in self.plotted.curves]), self.plotted.least), height)
        canvas = Canvas(width, height, GRAINS[self.charset])
        for ink, curve in enumerate(self.plotted.curves):
            canvas.stroke(curve.points, scale.top(height), ink, on=curve.on, off=curve.off)
        names = {height - 1 - i * scale.gap: self.value_name(value) for i, value in enumerate(scale.values())}
        marks = {column // canvas.grain.columns for column in self.plotted.marks}
        tones: list[Tone] = [curve.tone for curve in self.plotted.curves]
        rows = [_row(canvas.row(row), tones, names.get(row), marks) for row in range(height)]
        return (*rows, _time_axis(self.plotted, width, marks))


def _row(cells: list[Cell], tones: list[Tone], name: str | None, marks: set[int]) -> Line:
    """Return one line: the value at its side, the curves, and dots where a setting changed."""
    marked = [("┊", NO_INK) if glyph == " " and x in marks else (glyph, ink) for x, (glyph, ink) in enumerate(cells)]
    side = f"{name:>{GUTTER - 2}} ┤" if name is not None else " " * (GUTTER - 1) + "│"
    return ((side, "dim"), *_spans(marked, tones))


def _time_axis(plot: Plot, width: int, marks: set[int]) -> Line:
    """Return the line below: times, and a triangle under each mark where no time stands."""
    cells = [" "] * width
    for x in marks:
        cells[x] = "▲"
    for start, text in times(plot.seconds, width, plot.end):
        cells[start : start + len(text)] = text
    return ((" " * GUTTER + "".join(cells)[:width], "dim"),)


def _spans(cells: list[Cell], tones: list[Tone]) -> Line:
    """Return cells as spans, one for each run of the same ink."""
    spans: list[Span] = []
    for ink, run in groupby(cells, key=_ink):
        tone: Tone = "dim" if ink == NO_INK else tones[ink]
        spans.append(("".join(glyph for glyph, _ in run), tone))
    return tuple(spans)


def _ink(cell: Cell) -> int:
    return cell[1]
