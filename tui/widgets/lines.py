"""Curves over time, on a scale with zero at the bottom. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from ..figures.binned import Points
from ..words.glyphs import Charset
from ..words.line import Span, Tone
from .canvas import GRAINS, NO_INK, Canvas
from .picture import Picture
from .scale import axis, highest, names


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart. `off` columns of every `on + off` are left out, which tells lines apart without colour."""

    points: Points
    tone: Tone
    on: int = 1
    off: int = 0
    plain: str = "="
    """What draws it in ASCII, where a cell has one dot; as in the legend, which has its `━`, `╌` or `┈` replaced."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Curves with one point a dot column, the last curve on top."""

    curves: tuple[Curve, ...]
    least: float = 1.0
    """The scale reaches this value at least, so that noise near zero stays small."""

    def drawn(self, width: int, height: int, charset: Charset, name: Callable[[float], str]) -> Picture:
        """Return the curves in so many cells."""
        scale = axis(max(highest([curve.points for curve in self.curves]), self.least), height)
        canvas = Canvas(width, height, GRAINS[charset])
        for ink, curve in enumerate(self.curves):
            canvas.stroke(curve.points, scale.top(height), ink, on=curve.on, off=curve.off)
        tones: dict[int, Tone] = {NO_INK: "dim", **{ink: curve.tone for ink, curve in enumerate(self.curves)}}
        rows: list[list[Span]] = [
            [(self._glyph(*cell, charset), tones[cell[1]]) for cell in canvas.row(row)] for row in range(height)
        ]
        return Picture(rows, names(scale, height, name))

    def _glyph(self, drawn: str, ink: int, charset: Charset) -> str:
        return self.curves[ink].plain if charset == "ascii" and ink != NO_INK else drawn
