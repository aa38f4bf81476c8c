"""Amounts over time, one above the other, each in a texture of its own, so that they are told apart without colour.

Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..figures.binned import Points
from ..words.glyphs import Charset
from ..words.line import Span, Tone
from .picture import Picture
from .scale import Axis, axis, names

TEXTURES: Final[dict[Charset, str]] = {"braille": "⣿⢕⡇⠭⢂", "block": "█▓▒░·", "ascii": "#o=:."}
"""How each layer of a stack is filled, from the bottom up."""
TONES: Final[tuple[Tone, ...]] = ("error", "three", "two", "one", "dim")
LAYERS: Final = len(TONES)
"""A stack has so many layers at most."""
_GROUND: Final = LAYERS
"""Stands for the line that is drawn where nothing happened."""
_GROUNDS: Final[dict[Charset, str]] = {"braille": "⣀", "block": "_", "ascii": "_"}
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a braille cell's two columns, each from the top down."""

Column: TypeAlias = list[int | None]
"""The layer that each dot of a column belongs to, from the top down."""


def swatch(layer: int, charset: Charset) -> Span:
    """Return how a layer looks, for a legend."""
    return TEXTURES[charset][layer], TONES[layer]


@dataclass(frozen=True, slots=True)
class Stack:
    """At most `LAYERS` layers, the first at the bottom, with one amount a dot column."""

    layers: tuple[Points, ...]
    least: float = 1.0
    """The scale reaches this value at least."""

    def drawn(self, width: int, height: int, charset: Charset, name: Callable[[float], str]) -> Picture:
        """Return the stack in so many cells."""
        amounts = list(zip(*self.layers, strict=True))
        highest = max((sum(filter(None, each)) for each in amounts), default=0.0)
        scale = axis(max(highest, self.least), height)
        wide, tall = (2, 4) if charset == "braille" else (1, 1)
        columns = [_column(each, scale, height, tall) for each in amounts[: width * wide]]
        empty: Column = [None] * (height * tall)
        columns += [empty] * (width * wide - len(columns))
        cells = [columns[x : x + wide] for x in range(0, width * wide, wide)]
        rows = [
            [_cell([column[y : y + tall] for column in parts], charset) for parts in cells]
            for y in range(0, height * tall, tall)
        ]
        return Picture(rows, names(scale, height, name))


def _column(amounts: Sequence[float | None], scale: Axis, height: int, tall: int) -> Column:
    """Return a column of dots; any amount has one at least, and nothing at all, where that is known, a line."""
    last, top = height * tall - 1, scale.top(height)
    column, total = list[int | None](), 0.0
    for layer, amount in enumerate(amounts):
        total += amount or 0.0
        if amount and total:
            column += [layer] * (round(min(total / top, 1.0) * last) + 1 - len(column))
    if not column and any(amount is not None for amount in amounts):
        column = [_GROUND]
    return [*[None] * (last + 1 - len(column)), *reversed(column)]


def _cell(parts: Sequence[Column], charset: Charset) -> Span:
    """Return the character for the dots of a cell, in the tone of the layer that has most of them."""
    owners = [layer for part in parts for layer in part if layer is not None]
    if not owners:
        return " ", "dim"
    most = max(sorted(set(owners)), key=owners.count)
    if most == _GROUND:
        return _GROUNDS[charset], "dim"
    if charset != "braille" or owners.count(most) == 8:
        return swatch(most, charset)
    return _dotted(parts), TONES[most]


def _dotted(parts: Sequence[Column]) -> str:
    """Return the dots of a cell, each there or not as the texture of its layer has it; all of them rather than none."""
    masks = [ord(texture) for texture in TEXTURES["braille"]]
    dots = (each for part, bits in zip(parts, _DOTS, strict=True) for each in zip(bits, part, strict=True))
    taken = [(bit, layer) for bit, layer in dots if layer is not None]
    set_ = sum(bit for bit, layer in taken if layer == _GROUND or masks[layer] & bit)
    return chr(0x2800 + (set_ or sum(bit for bit, _ in taken)))
