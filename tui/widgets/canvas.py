"""Draws lines into characters: dots set in cells of braille, half blocks or ASCII. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..words.glyphs import Charset

Values: TypeAlias = Sequence[float | None]
Cell: TypeAlias = tuple[str, int]
"""A character and the ink it is drawn with: the number of its line, or -1."""

NO_INK: Final = -1


@dataclass(frozen=True, slots=True)
class Grain:
    """How many dots a cell has, and the character for each set of them (bit = row * columns + column)."""

    columns: int
    rows: int
    characters: str


def _braille() -> str:
    """Return the 256 patterns in the order of our bits; Unicode counts down the columns, then the last row."""
    bits = (0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80)
    return "".join(chr(0x2800 + sum(bit for i, bit in enumerate(bits) if mask >> i & 1)) for mask in range(256))


GRAINS: Final[dict[Charset, Grain]] = {
    "braille": Grain(2, 4, _braille()),
    "block": Grain(1, 2, " ▀▄█"),
    "ascii": Grain(1, 1, " #"),
}


class Canvas:
    """A grid of cells that lines are drawn on."""

    def __init__(self, width: int, height: int, grain: Grain) -> None:
        self.width, self.height, self.grain = width, height, grain
        self._masks = [0] * (width * height)
        self._inks = [NO_INK] * (width * height)

    def row_of(self, value: float, top: float) -> int:
        """Return the dot row of a value on a scale from 0, at the bottom, to `top`."""
        last = self.height * self.grain.rows - 1
        share = min(max(value / top, 0.0), 1.0) if top > 0 else 0.0
        return last - round(share * last)

    def stroke(self, values: Values, top: float, ink: int, *, on: int = 1, off: int = 0) -> None:
        """Draw one value a dot column as a line from left to right: `on` columns drawn, `off` left out, in turn.

        A gap in the values stays a gap; a value alone between two gaps is a dot.
        """
        before: int | None = None
        for x, value in enumerate(values[: self.width * self.grain.columns]):
            y = None if value is None else self.row_of(value, top)
            if y is not None and x % (on + off) < on:
                self._rise(x, y if before is None else before, y, ink)
            before = y

    def _rise(self, x: int, before: int, y: int, ink: int) -> None:
        """Set the dots from beside the former value to this one, so the line has no holes."""
        start = before + (y > before) - (y < before)
        for row in range(min(start, y), max(start, y) + 1):
            self._dot(x, row, ink)

    def _dot(self, x: int, y: int, ink: int) -> None:
        column, dx = divmod(x, self.grain.columns)
        row, dy = divmod(y, self.grain.rows)
        cell = row * self.width + column
        self._masks[cell] |= 1 << (dy * self.grain.columns + dx)
        self._inks[cell] = ink

    def row(self, number: int) -> list[Cell]:
        """Return one row of characters with their inks; an empty cell is a space."""
        start = number * self.width
        characters = self.grain.characters
        return [
            (characters[mask] if mask else " ", ink)
            for mask, ink in zip(
                self._masks[start : start + self.width], self._inks[start : start + self.width], strict=True
            )
        ]
