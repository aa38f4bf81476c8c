"""Where values lie over time: darker where more of a column's are. Values grow by ratios from bottom to top. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...engine.histogram import Histogram
from ..words.glyphs import Charset
from ..words.line import Span
from .picture import Picture

SHADES: Final[dict[Charset, str]] = {"braille": "░▒▓█", "block": "░▒▓█", "ascii": ".:-=+*#%@"}
"""From a few to all."""
_ROUND: Final = (1, 2, 5)
_LEAST_RATIO: Final = 4.0
"""The scale spans this ratio at least, so that noise stays small."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Latencies in ms from `low` to `high`, each of `height` rows covering the same ratio."""

    low: float
    high: float
    height: int

    def row_of(self, value: float) -> int:
        """Return the row of a value, counted from the top."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.height - 1 - min(max(math.floor(share * self.height + 1e-9), 0), self.height - 1)

    def names(self, name: Callable[[float], str]) -> dict[int, str]:
        """Return round values by the row they lie in, none closer than every other row."""
        named: dict[int, str] = {}
        last = self.height + 1
        for value in round_values(self.low, self.high):
            row = self.row_of(value)
            if value < self.high and last - row >= min(2, self.height):
                named[row], last = name(value), row
        return named


def round_values(low: float, high: float) -> list[float]:
    """Return the values 1, 2 and 5 times a power of ten that hold both ends between them."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    values = [step * 10.0**power for power in powers for step in _ROUND]
    first = max(i for i, value in enumerate(values) if value <= low * (1 + 1e-9))
    last = min(i for i, value in enumerate(values) if value >= high * (1 - 1e-9))
    return values[first : last + 1]


def scale_of(values_ms: Iterable[float], height: int) -> Scale:
    """Return the scale that holds all values."""
    known = sorted(values_ms) or [100.0]
    ends = round_values(known[0], max(known[-1], known[0] * 1.0001))
    return Scale(ends[0], max(ends[-1], _LEAST_RATIO * ends[0]), height)


@dataclass(frozen=True, slots=True)
class Heat:
    """The values of each column of cells, None where there is none."""

    columns: Sequence[Histogram | None]

    def drawn(self, width: int, height: int, charset: Charset, name: Callable[[float], str]) -> Picture:
        """Return the map in so many cells."""
        buckets = {bucket for column in self.columns if column for bucket in column.counts}
        middles = {bucket: middle_ms(bucket) for bucket in buckets}
        scale = scale_of(middles.values(), height)
        rows_of = {bucket: scale.row_of(middle) for bucket, middle in middles.items()}
        columns = [_column(column, rows_of, height, SHADES[charset]) for column in self.columns[:width]]
        columns += [[(" ", "dim")] * height] * (width - len(columns))
        return Picture([list(row) for row in zip(*columns, strict=True)], scale.names(name))


def _column(values: Histogram | None, rows_of: dict[int, int], height: int, shades: str) -> list[Span]:
    counts = [0] * height
    for bucket, count in values.counts.items() if values else ():
        counts[rows_of[bucket]] += count
    return [shade(count / values.total, shades) if values and count else (" ", "dim") for count in counts]


def shade(share: float, shades: str) -> Span:
    """Return the shade for a share; the root of it, as most shares are small."""
    return shades[min(len(shades) - 1, int(len(shades) * math.sqrt(share)))], "one"


def middle_ms(bucket: int) -> float:
    """Return the value that a histogram's bucket stands for."""
    return Histogram({bucket: 1}).quantile(0.5) or 0.0
