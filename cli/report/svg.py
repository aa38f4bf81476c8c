"""Charts as SVG: lines, stacked columns and bars over an axis, with the moments that something changed. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from .markup import Markup, element, together
from .scale import ticks, time_name, time_ticks

WIDTH: Final = 720.0
HEIGHT: Final = 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 10.0, 16.0, 24.0
_TICKS_UP: Final = 4
_TICKS_ACROSS: Final = 9


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: x and y of each point."""

    tone: str
    points: Sequence[tuple[float, float]]
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A stack of values between two places of the axis, the lowest first."""

    left: float
    right: float
    values: Sequence[float]
    told: str
    """What it says when it is pointed at."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every chart has: its name for those who can't see it, its axes, and the moments marked in it."""

    label: str
    right: float
    """Where the axis ends; it begins at 0."""
    top: float
    """The largest value."""
    name: Callable[[float], str]
    """Tells a value."""
    across: Sequence[tuple[float, str]] | None = None
    """Places marked on the axis; None is for times."""
    marks: Sequence[tuple[float, str]] = ()
    """Places with a line, and what it is called."""
    breaks: Sequence[float] = ()

    @property
    def ticks(self) -> tuple[float, ...]:
        """The values marked."""
        return ticks(self.top, _TICKS_UP)

    def x(self, place: float) -> float:
        """Return where a place of the axis is drawn."""
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * place / self.right

    def y(self, value: float) -> float:
        """Return where a value is drawn."""
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self.ticks[-1]


def line_chart(scene: Scene, curves: Sequence[Curve]) -> Markup:
    """Return curves in a frame."""
    return _framed(scene, *(_curve(scene, curve) for curve in curves if curve.points))


def column_chart(scene: Scene, columns: Sequence[Column], tones: Sequence[str]) -> Markup:
    """Return stacks in a frame; `tones` are those of a stack's values, the lowest first."""
    return _framed(scene, *(_column(scene, column, tones) for column in columns))


def _curve(scene: Scene, curve: Curve) -> Markup:
    places = " ".join(f"{scene.x(x):.1f},{scene.y(y):.1f}" for x, y in curve.points)
    line = element("polyline", points=places, class_=f"line {curve.tone}")
    if not curve.filled:
        return line
    first, last, ground = scene.x(curve.points[0][0]), scene.x(curve.points[-1][0]), scene.y(0)
    area = f"{first:.1f},{ground:.1f} {places} {last:.1f},{ground:.1f}"
    return together(element("polygon", points=area, class_=f"area {curve.tone}"), line)


def _column(scene: Scene, column: Column, tones: Sequence[str]) -> Markup:
    left, right = scene.x(column.left), scene.x(column.right)
    gap = min(1.0, (right - left) / 5)
    tops = [0.0, *accumulate(column.values)]
    rects = [
        element(
            "rect",
            x=left + gap / 2,
            y=scene.y(high),
            width=max(0.5, right - left - gap),
            height=scene.y(low) - scene.y(high),
            class_=f"bar {tone}",
        )
        for low, high, tone in zip(tops, tops[1:], tones, strict=False)
        if high > low
    ]
    return element("g", element("title", column.told), *rects) if rects else Markup()


def _framed(scene: Scene, *drawn: Markup) -> Markup:
    return element(
        "svg",
        element("title", scene.label),
        *(_level(scene, value) for value in scene.ticks),
        *(_place(scene, place, text) for place, text in _across(scene)),
        *(_upright(scene, place, "break") for place in scene.breaks),
        *drawn,
        *(_marked(scene, place, text) for place, text in scene.marks),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_label=scene.label,
    )


def _across(scene: Scene) -> Sequence[tuple[float, str]]:
    if scene.across is not None:
        return scene.across
    return [(each, time_name(each)) for each in time_ticks(scene.right, _TICKS_ACROSS)]


def _level(scene: Scene, value: float) -> Markup:
    y = scene.y(value)
    return together(
        element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid" if value else "axis"),
        element("text", scene.name(value) if value else "0", x=_LEFT - 8, y=y + 4, class_="left"),
    )


def _place(scene: Scene, place: float, text: str) -> Markup:
    side = "end" if scene.x(place) > WIDTH - 30 else "middle"
    return element("text", text, x=scene.x(place), y=HEIGHT - 6, text_anchor=side)


def _upright(scene: Scene, place: float, look: str) -> Markup:
    x = scene.x(place)
    return element("line", x1=x, x2=x, y1=_TOP, y2=HEIGHT - _BOTTOM, class_=look)


def _marked(scene: Scene, place: float, text: str) -> Markup:
    return together(
        _upright(scene, place, "mark"),
        element("text", text, x=scene.x(place), y=_TOP - 4, text_anchor="middle", class_="mark"),
    )
