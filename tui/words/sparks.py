"""A line of bars one cell high: how something went, at a glance. Pure."""

from collections.abc import Sequence
from math import ceil
from typing import Final

from .glyphs import Charset

_BARS: Final[dict[Charset, str]] = {"braille": "▁▂▃▄▅▆▇█", "block": "_▄█", "ascii": "_.:|"}
"""From nothing to the most there is in the line."""


def spark(values: Sequence[float | None], charset: Charset) -> str:
    """Return a cell for each value on a scale from 0 to the highest; one that is not known leaves its cell empty."""
    bars = _BARS[charset]
    top = max((value for value in values if value is not None), default=0.0)
    return "".join(" " if value is None else bars[_step(value, top, len(bars) - 1)] for value in values)


def _step(value: float, top: float, steps: int) -> int:
    """Return how high a bar is; what is more than nothing never looks like it."""
    return ceil(steps * (value / top)) if value > 0 else 0


def stretched(values: Sequence[float | None], cells: int) -> list[float | None]:
    """Return so many values as the whole of these: the mean of those that fall in a cell, or one for some cells."""
    count = len(values)
    return [
        _mean(values[i * count // cells : max(i * count // cells + 1, (i + 1) * count // cells)]) for i in range(cells)
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
