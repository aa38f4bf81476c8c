"""How long one request takes: the middle, and the slow ones."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.histogram import Histogram
from ...engine.snapshot import Snapshot
from ..figures.binned import Frame, Latencies, quantiles, span_shown
from ..figures.series import first_quantiles, is_live, latency_quantiles, recent, shown, shown_quantiles, three
from ..words import format as say
from ..words.glyphs import Charset
from ..words.line import Line, Tone, first_fit, join, line, width
from .heat import SHADES, Heat
from .lines import Curve, Lines
from .panel import Panel, spread_hint

RECENT_LATENCY_S: Final = 60.0
_LINES: Final[tuple[tuple[str, str, Tone], ...]] = (("p50", "━", "one"), ("p95", "╌", "two"), ("p99", "┈", "three"))


def latencies(snapshot: Snapshot, cells: int, shades: str = "") -> Line:
    """Return p50, p95 and p99 of the last minute (of all that is shown, once ended), each with its line.

    Beside a heat map they have no lines; its `shades` are told instead. `first` is when half of the streams had begun.
    """
    live = is_live(snapshot)
    values = latency_quantiles(snapshot, RECENT_LATENCY_S) if live else shown_quantiles(snapshot)
    left = join(
        (
            line(("" if shades else f"{stroke} ", tone), (f"{name} ", "dim"), (say.latency(value), "strong"))
            for (name, stroke, tone), value in zip(_LINES, values, strict=True)
        ),
        "   ",
    )
    first, _, _ = first_quantiles(recent(snapshot, RECENT_LATENCY_S) if live else shown(snapshot))
    if first is not None:
        began = line(("   first ", "dim"), (say.latency(first), "strong"))
        left = (*left, *began) if width(left) + width(began) <= cells else left
    if not shades:
        return spread_hint(left, line(("last 60 s" if live else span_shown(snapshot), "dim")), cells)
    legends = [line((shades, "one"), (told, "dim")) for told in (" share of requests", " share")]
    return spread_hint(left, first_fit(legends, cells - width(left) - 2), cells)


class Latency(Panel):
    """Quantiles of latency over time, or a heat map of all latencies."""

    heading = "Latency"

    def __init__(self, charset: Charset, *, heat: bool, id: str) -> None:  # noqa: A002 - textual's name
        super().__init__(charset, id=id)
        self._quantiles, self._counts = Latencies(three), Latencies(_itself)
        self.fine = not heat

    def turn(self, *, heat: bool) -> None:
        """Show a heat map from now on, or lines."""
        self.fine = not heat
        self.redraw()

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the quantiles now."""
        shades = "" if self.fine else SHADES[self.chart.charset]
        return (self.titled(latencies(snapshot, room.width - self.title_width, shades)),)

    def body(self, snapshot: Snapshot, within: Frame) -> Lines | Heat:
        """Return p99 dotted, p95 dashed, and p50 on top; or all that was counted."""
        if not self.fine:
            return Heat(self._counts.of(shown(snapshot), within))
        p50, p95, p99 = quantiles(self._quantiles.of(shown(snapshot), within), within)
        return Lines((Curve(p99, "three", 1, 2, "."), Curve(p95, "two", 3, 3, "-"), Curve(p50, "one")), least=10.0)

    def value_name(self, value: float) -> str:
        """Return a latency in round numbers."""
        return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"


def _itself(counted: Histogram) -> Histogram:
    return counted
