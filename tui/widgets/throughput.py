"""How fast the job goes: items and requests a second."""

from collections.abc import Sequence

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from .. import format as say
from ..line import Line, join, line, spread, width
from ..series import RECENT_S, Frame, is_live, rates, recent_rate, settled, shown, shown_rate, span_shown
from .chart import Curve
from .panel import Panel


def speeds(snapshot: Snapshot, cells: int) -> Line:
    """Return the rates of the last seconds (of all that is shown, once ended), each with the line it is drawn with."""
    live = is_live(snapshot)
    rate = recent_rate if live else shown_rate
    items, requests = rate(snapshot, settled), rate(snapshot, lambda sample: sample.requests)
    left = join(
        (
            line(("━ ", "one"), (say.rate(items), "strong"), " items/s"),
            line(("╌ ", "two"), (say.rate(requests), "strong"), " requests/s"),
        ),
        "   ",
    )
    hint = line((f"last {RECENT_S:g} s" if live else span_shown(snapshot), "dim"))
    return spread(left, hint if width(left) + 12 < cells else (), cells)


class Throughput(Panel):
    """Items and requests a second, over time."""

    heading = "Throughput"

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the current rates."""
        return (self.titled(speeds(snapshot, room.width - self.title_width)),)

    def curves(self, snapshot: Snapshot, within: Frame) -> tuple[Curve, ...]:
        """Return requests a second, dashed, under items a second."""
        requests = rates(shown(snapshot), within, lambda sample: sample.requests)
        return Curve(requests, "two", 3, 3), Curve(rates(shown(snapshot), within, settled), "one")

    def value_name(self, value: float) -> str:
        """Return a rate, as `20/s`."""
        return f"{say.short(value)}/s"
