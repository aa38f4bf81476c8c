"""The charts of a report's page: throughput, latency, errors. Pure."""

from collections.abc import Callable, Iterator, Sequence

from ...engine.course import Point
from ...tui.words.format import count, duration, latency, short, words
from .markup import Markup, element, together
from .scale import bars, kinds_ranked
from .svg import Column, Curve, Scene, column_chart, line_chart
from .timeline import Timeline

_TONES = ("red", "orange", "blue", "violet", "green", "grey")
_QUANTILES = (("p99", 0.99, "violet"), ("p95", 0.95, "orange"), ("p50", 0.5, "blue"))
_BARS = 36
NUMBERED = 40
"""So many changes of settings have a line each; where there are more, the table alone has them."""


def pictures(timeline: Timeline) -> Iterator[tuple[str, Markup]]:
    """Yield each chart with its heading."""
    if not timeline.points:
        return
    yield "Items a second, over the time running", _throughput(timeline)
    if timeline.latency.total:
        yield "Latency, over the time running", _latency(timeline)
        yield "Latency of requests: how many took how long", _histogram(timeline)
    if any(point.errors for point in timeline.points):
        yield "Errors a minute, over the time running", _errors(timeline)


def _scene(timeline: Timeline, label: str, top: float, name: Callable[[float], str]) -> Scene:
    turns = timeline.turns if len(timeline.turns) <= NUMBERED else ()
    marks = [(turn.at_s, str(number)) for number, turn in enumerate(turns, start=1)]
    return Scene(
        label, max(timeline.run_s, 1e-3), top, name, marks=marks, breaks=[each.at_s for each in timeline.breaks]
    )


def _throughput(timeline: Timeline) -> Markup:
    points = [(point.middle_s, point.items_per_s) for point in timeline.points]
    scene = _scene(timeline, "Items a second over the time the job ran", max(y for _, y in points), short)
    signs = ["numbered lines: settings changed, see below"] if scene.marks else []
    signs += ["dashed lines: stopped or paused"] if timeline.breaks else []
    chart = line_chart(scene, [Curve("blue", points, filled=True)])
    return together(chart, element("p", "; ".join(signs))) if signs else chart


def _latency(timeline: Timeline) -> Markup:
    answered = [point for point in timeline.points if point.latency.total]
    curves = [
        Curve(tone, [(point.middle_s, point.latency.quantile(fraction) or 0.0) for point in answered])
        for _, fraction, tone in _QUANTILES
    ]
    top = max(y for curve in curves for _, y in curve.points)
    scene = _scene(timeline, "Latency over the time the job ran: p50, p95 and p99", top, latency)
    return together(line_chart(scene, curves), keys([(name, tone) for name, _, tone in reversed(_QUANTILES)]))


def _histogram(timeline: Timeline) -> Markup:
    found = bars(timeline.latency, _BARS)
    label = f"Latency of {count(timeline.latency.total)} requests: how many took how long"
    every = max(1, len(found) // 9)
    across = [(float(i), latency(found[i].low_ms)) for i in range(0, len(found), every) if i <= 0.95 * len(found)]
    scene = Scene(label, float(len(found)), max(bar.count for bar in found), short, across)
    columns = [
        Column(i, i + 1, [bar.count], f"{latency(bar.low_ms)} to {latency(bar.high_ms)}: {count(bar.count)}")
        for i, bar in enumerate(found)
    ]
    return column_chart(scene, columns, ("blue",))


def _errors(timeline: Timeline) -> Markup:
    ranked = kinds_ranked(timeline.errors, len(_TONES))
    columns = [_errors_at(point, ranked) for point in timeline.points]
    scene = _scene(
        timeline, "Errors a minute over the time the job ran, by kind", max(sum(each.values) for each in columns), short
    )
    names = [
        (f"{words(name)} {count(sum(timeline.errors[kind] for kind in kinds))}", tone)
        for (name, kinds), tone in zip(ranked, _TONES, strict=False)
    ]
    return together(column_chart(scene, columns, _TONES), keys(names))


def _errors_at(point: Point, ranked: Sequence[tuple[str, Sequence[str]]]) -> Column:
    told = ", ".join(f"{count(number)} {words(kind)}" for kind, number in point.errors.items())
    values = [point.errors_per_min(kinds) for _, kinds in ranked]
    return Column(point.begin_s, point.begin_s + point.span_s, values, f"at {duration(point.begin_s)}: {told}")


def keys(names: Sequence[tuple[str, str]]) -> Markup:
    """Return what the colours mean."""
    return element(
        "div", *(element("span", element("span", class_=f"key {tone}"), name) for name, tone in names), class_="keys"
    )
