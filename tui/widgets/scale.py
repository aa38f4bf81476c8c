"""Axes: round numbers from zero up, and the times below. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_STEPS = (1, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Axis:
    """Round values at even distances: `count` steps of `step` above zero, `gap` rows apart."""

    step: float
    count: int
    gap: int

    def top(self, height: int) -> float:
        """Return the value of the highest dot of so many rows; every value then falls in the row of its name."""
        return self.step * (height - 1) / self.gap if height > 1 else self.step * self.count

    def values(self) -> tuple[float, ...]:
        """Return the values from zero up."""
        return tuple(self.step * i for i in range(self.count + 1))


def nice_step(least: float) -> float:
    """Return the smallest round number that is at least `least`."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def axis(highest: float, height: int) -> Axis:
    """Return the axis of `height` rows that reaches `highest` and leaves the least room above it."""
    axes = [_axis(highest, height, count) for count in range(1, max(1, min(6, (height - 1) // 2)) + 1)]
    return min(axes, key=lambda each: (each.top(height), -each.count))


def _axis(highest: float, height: int, count: int) -> Axis:
    step = nice_step(highest / count)
    needed = max(1, math.ceil(highest / step - 1e-9))
    return Axis(step, needed, max(1, (height - 1) // needed))


def highest(lines: Sequence[Sequence[float | None]]) -> float:
    """Return the highest value of all lines, or 0 when there is none."""
    return max((value for values in lines for value in values if value is not None), default=0.0)


def times(seconds: float, width: int, end: str) -> tuple[tuple[int, str], ...]:
    """Return the labels of a time axis as (first cell, text), from the oldest to `end`, none over another."""
    parts = 4 if width >= 60 else 2 if width >= 28 else 1
    labels = [(i * (width - 1) // parts, ago(seconds * (parts - i) / parts)) for i in range(parts)]
    placed = [(0 if cell == 0 else cell - len(text) // 2, text) for cell, text in labels]
    return (*placed, (width - len(end), end)) if width > 12 else ((max(0, width - len(end)), end),)


def ago(seconds: float) -> str:
    """Return a label for a moment that long before the end: `-45 s`, `-2 min`, `-2:30 min`, `-1:30 h`, `-4 d`."""
    whole = round(seconds)
    if whole >= 172_800 and whole % 86_400 == 0:
        return f"-{whole // 86_400} d"
    if whole >= 3_600:
        hours, rest = divmod(whole // 60, 60)
        return f"-{hours}:{rest:02d} h" if rest else f"-{hours} h"
    if whole <= 60 or whole % 15:
        return f"-{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"-{minutes}:{rest:02d} min" if rest else f"-{minutes} min"


def names(scale: Axis, height: int, name: Callable[[float], str]) -> dict[int, str]:
    """Return the axis's values, as `name` writes them, by the row of each from the top."""
    return {height - 1 - i * scale.gap: name(value) for i, value in enumerate(scale.values())}
