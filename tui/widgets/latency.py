"""How long one request takes: the middle, and the slow ones."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from .. import format as say
from ..line import Line, Tone, join, line, spread, width
from ..series import Frame, is_live, latency_quantiles, quantiles, shown, shown_quantiles, span_shown
from .chart import Curve
from .panel import Panel

RECENT_LATENCY_S: Final = 60.0
_LINES: Final[tuple[tuple[str, str, Tone], ...]] = (("p50", "━", "one"), ("p95", "╌", "two"), ("p99", "┈", "three"))


def latencies(snapshot: Snapshot, cells: int) -> Line:
    """Return p50, p95 and p99 of the last minute (of all that is shown, once ended), each with its line."""
    live = is_live(snapshot)
    values = latency_quantiles(snapshot, RECENT_LATENCY_S) if live else shown_quantiles(snapshot)
    left = join(
        (
            line((f"{stroke} ", tone), (f"{name} ", "dim"), (say.latency(value), "strong"))
            for (name, stroke, tone), value in zip(_LINES, values, strict=True)
        ),
        "   ",
    )
    return spread(
        left,
        line(("last 60 s" if live else span_shown(snapshot), "dim")) if width(left) + 14 < cells else (),
        cells,
    )


class Latency(Panel):
    """Quantiles of latency, over time."""

    heading = "Latency"
    least = 10.0

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the quantiles now."""
        return (self.titled(latencies(snapshot, room.width - self.title_width)),)

    def curves(self, snapshot: Snapshot, within: Frame) -> tuple[Curve, ...]:
        """Return p99 dotted, p95 dashed, and p50 on top."""
        p50, p95, p99 = quantiles(shown(snapshot), within, (0.5, 0.95, 0.99))
        return Curve(p99, "three", 1, 2), Curve(p95, "two", 3, 3), Curve(p50, "one")

    def value_name(self, value: float) -> str:
        """Return a latency in round numbers."""
        return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
