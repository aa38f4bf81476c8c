"""Axes of charts: round numbers to mark, times in words, latencies in buckets that grow by a factor. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...engine.histogram import Histogram

_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
_GROWTH: Final = 1.02
"""Of the histogram's own buckets."""


def ticks(top: float, most: int) -> tuple[float, ...]:
    """Return round numbers from 0 up, at most `most` and 0, of which the last is not below `top`."""
    if top <= 0:
        return (0.0, 1.0)
    size = 10.0 ** math.floor(math.log10(top / most))
    step = next(each * size for each in (1, 2, 5, 10, 20) if each * size * most >= top * (1 - 1e-9))
    return tuple(round(i * step, 12) for i in range(math.ceil(top / step - 1e-9) + 1))


def time_ticks(seconds: float, most: int) -> tuple[float, ...]:
    """Return round times from 0 to at most `seconds`, at most `most` and 0."""
    step = next((each for each in _STEPS_S if each * most >= seconds), None)
    if step is None:
        step = 86_400 * math.ceil(seconds / most / 86_400)
    return tuple(float(i * step) for i in range(int(seconds // step) + 1))


def time_name(seconds: float) -> str:
    """Return a time as an axis has it: `0`, `45 s`, `5 min`, `1h 30m`, `2 d`."""
    whole = round(seconds)
    for size, unit, lower_size, lower in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // lower_size
            return f"{whole // size}{unit[0]} {rest:02d}{lower}" if rest else f"{whole // size} {unit}"
    return f"{whole} s" if whole else "0"


@dataclass(frozen=True, slots=True)
class Bar:
    """How many values lie between two others."""

    low_ms: float
    high_ms: float
    count: int


def bars(latency: Histogram, most: int) -> tuple[Bar, ...]:
    """Return the latencies in at most `most` bars, each as many times wider than the one before."""
    if not latency.total:
        return ()
    first, last = min(latency.counts), max(latency.counts)
    width = math.ceil((last - first + 1) / most)
    counts = [0] * math.ceil((last - first + 1) / width)
    for bucket, count in latency.counts.items():
        counts[(bucket - first) // width] += count
    edges = [_GROWTH ** (first - 1 + i * width) for i in range(len(counts) + 1)]
    return tuple(map(Bar, edges, edges[1:], counts))


def kinds_ranked(errors: Mapping[str, int], most: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return the most frequent kinds, each by itself, and all the others as one named `other`."""
    ranked = [kind for kind, number in sorted(errors.items(), key=lambda each: (-each[1], each[0])) if number]
    if len(ranked) <= most:
        return [(kind, (kind,)) for kind in ranked]
    return [*((kind, (kind,)) for kind in ranked[: most - 1]), ("other", tuple(ranked[most - 1 :]))]
