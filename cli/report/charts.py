"""The charts of a report in characters, drawn by plotext."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import plotext  # pyright: ignore[reportMissingTypeStubs] (there are none)

from ...engine.course import Point
from ...engine.histogram import Histogram
from ...tui.words.format import count, latency, short, words
from .scale import bars, kinds_ranked, ticks, time_name, time_ticks
from .timeline import Timeline

Curve: TypeAlias = tuple[Sequence[tuple[float, float]], str]
"""Points, and a colour."""

_plot: Any = plotext  # it has no types
_HIGH: Final = 13
_LOW: Final = 8
_KINDS_SHOWN: Final = 4
NUMBERED: Final = 12
"""So many changes of settings have a line each in the charts; where there are more, the table alone has them."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What there is to draw on."""

    width: int
    marker: str
    """`braille`, or a character."""
    bar: str
    gap: str
    """What a break is drawn with."""


def charts(timeline: Timeline, canvas: Canvas) -> Iterator[tuple[str, str]]:
    """Yield each chart's title, and its lines, which are no wider than the canvas and in colour."""
    if not timeline.points:
        return
    curve = [(point.middle_s, point.items_per_s) for point in timeline.points]
    yield (
        f"items/s over the time running{_legend(timeline, canvas)}",
        _over_time(timeline, canvas, [(curve, "cyan")], short, _HIGH),
    )
    if timeline.latency.total:
        yield (
            "latency over the time running: p50, p95 and p99, from the lowest line up",
            _over_time(timeline, canvas, _latency_curves(timeline.points), latency, _HIGH),
        )
        yield "latency of requests: how many took how long", _histogram(timeline.latency, canvas)
    yield from _errors(timeline, canvas)


def _legend(timeline: Timeline, canvas: Canvas) -> str:
    signs = ["1 = a change of settings"] if 0 < len(timeline.turns) <= NUMBERED else []
    signs += [f"{canvas.gap} stopped or paused"] if timeline.breaks else []
    return f" ({', '.join(signs)})" if signs else ""


def _latency_curves(points: Sequence[Point]) -> list[Curve]:
    answered = [point for point in points if point.latency.total]
    return [
        ([(point.middle_s, point.latency.quantile(fraction) or 0.0) for point in answered], colour)
        for fraction, colour in ((0.99, "magenta"), (0.95, "orange"), (0.5, "cyan"))
    ]


def _errors(timeline: Timeline, canvas: Canvas) -> Iterator[tuple[str, str]]:
    """Yield a low chart for each of the most frequent kinds."""
    totals = timeline.errors
    for name, kinds in kinds_ranked(totals, _KINDS_SHOWN):
        curve = [(point.middle_s, point.errors_per_min(kinds)) for point in timeline.points]
        total = count(sum(totals[kind] for kind in kinds))
        yield (
            f"errors a minute: {words(name)}, {total} in all",
            _over_time(timeline, canvas, [(curve, "red")], short, _LOW),
        )


def _over_time(
    timeline: Timeline, canvas: Canvas, curves: Sequence[Curve], name: Callable[[float], str], height: int
) -> str:
    top = max((value for curve, _ in curves for _, value in curve), default=0.0)
    marks = ticks(top, height // 3)
    seconds = max(timeline.run_s, 1e-3)
    _begin(canvas, height, (0.0, seconds), marks, name)
    times = time_ticks(seconds, max(2, canvas.width // 14))
    _plot.xticks(times, [time_name(each) for each in times])
    for each in timeline.breaks:
        _plot.scatter([each.at_s] * height, [marks[-1] * i / (height - 1) for i in range(height)], marker=canvas.gap)
    for curve, colour in curves:
        if curve:
            _plot.plot([at for at, _ in curve], [value for _, value in curve], marker=canvas.marker, color=colour)
    _mark(timeline, marks[-1])
    return _plot.build().rstrip("\n")


def _mark(timeline: Timeline, top: float) -> None:
    if len(timeline.turns) > NUMBERED:
        return
    for number, turn in enumerate(timeline.turns, start=1):
        _plot.vline(turn.at_s, color="yellow")
        _plot.text(str(number), turn.at_s, top, color="yellow", alignment="center")


def _histogram(total: Histogram, canvas: Canvas) -> str:
    found = bars(total, max(8, canvas.width // 3 - 4))
    marks = ticks(max(bar.count for bar in found), _HIGH // 3)
    _begin(canvas, _HIGH, (-0.5, len(found) - 0.5), marks, short)
    every = max(1, -(-len(found) * 11 // canvas.width))
    shown = range(0, len(found), every)
    _plot.xticks([each - 0.5 for each in shown], [latency(found[each].low_ms) for each in shown])
    _plot.bar(
        range(len(found)), [bar.count for bar in found], width=0.8, marker=canvas.bar, color="cyan", reset_ticks=False
    )
    return _plot.build().rstrip("\n")


def _begin(
    canvas: Canvas, height: int, across: tuple[float, float], marks: Sequence[float], name: Callable[[float], str]
) -> None:
    _plot.clear_figure()
    _plot.theme("clear")
    _plot.limit_size(False, False)  # noqa: FBT003 (plotext's call)
    _plot.plot_size(canvas.width, height)
    _plot.xlim(*across)
    _plot.ylim(0, marks[-1])
    _plot.yticks(marks, [name(each) if each else "0" for each in marks])
