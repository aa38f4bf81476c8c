"""What stands inside a chart's axes, whatever draws it: curves, a stack, a heat map."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..words.glyphs import Charset
from ..words.line import Span


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows of cells from top to bottom, each a character with its tone, and the values named at the side by row."""

    rows: list[list[Span]]
    names: Mapping[int, str]


class Body(Protocol):
    """Draws itself into so many cells; `name` writes a value as the side names it."""

    def drawn(self, width: int, height: int, charset: Charset, name: Callable[[float], str]) -> Picture:
        """Return the picture."""
        ...
