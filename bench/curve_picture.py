"""Draws what `curve.py` found: requests a second against requests in flight, both axes by powers of ten."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 100, 36, 50
MOST_ACROSS, LEAST_UP, MOST_UP = 4_000, 10, 100_000
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #444 } .grid { stroke: #8883 } polyline { fill: none; stroke-width: 2 }
.l0 { stroke: #888; stroke-dasharray: 5 4 } .l1 { stroke: #c2570c } .l2 { stroke: #1d6fd1 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .l1 { stroke: #f59a4c } .l2 { stroke: #6cb0f8 } }"""

Points = Sequence[tuple[float, float]]


def x(in_flight: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * log10(in_flight) / log10(MOST_ACROSS)


def y(per_s: float) -> float:
    share = log10(max(per_s, LEAST_UP) / LEAST_UP) / log10(MOST_UP / LEAST_UP)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def text(words: str, at: tuple[float, float], anchor: str) -> str:
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}">{words}</text>'


def axes(in_flight: Sequence[int]) -> Iterator[str]:
    for each in in_flight:
        yield f'<line class="grid" x1="{x(each):.1f}" x2="{x(each):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        yield text(f"{each:,}", (x(each), HEIGHT - BOTTOM + 20), "middle")
    for power in range(1, 6):
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(10**power):.1f}" y2="{y(10**power):.1f}"/>'
        yield text(f"{10**power:,}", (LEFT - 8, y(10**power) + 4), "end")
    yield text("requests in flight", ((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8), "middle")
    yield text("requests a second", (LEFT - 60, TOP - 20), "start")


def curve(number: int, name: str, points: Points) -> Iterator[str]:
    places = " ".join(f"{x(across):.1f},{y(up):.1f}" for across, up in points)
    yield f'<polyline class="l{number}" points="{places}"/>'
    for across, up in points:
        told = f"{name}: {up:,.0f}/s with {across:,.0f} in flight"
        yield f'<circle class="l{number}" fill="none" cx="{x(across):.1f}" cy="{y(up):.1f}" r="3">'
        yield f"<title>{told}</title></circle>"
    yield text(name, (x(points[-1][0]) + 8, y(points[-1][1]) + 4), "start")


def picture(curves: Mapping[str, Points]) -> str:
    """Return the curves as SVG, the bound first; it can be read on light and on dark."""
    first = next(iter(curves.values()))
    drawn = [*axes([int(across) for across, _ in first])]
    for number, (name, points) in enumerate(curves.items()):
        drawn += curve(number, name, points)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    label = "<title>Requests a second against requests in flight</title>"
    return "\n".join([head, label, f"<style>{STYLE}</style>", *drawn, "</svg>\n"])
