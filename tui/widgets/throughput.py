"""How fast the job goes: items and requests a second, and what the lanes allow."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ..figures.binned import Frame, Points, levels, rates, refusals, refused, span_shown
from ..figures.series import RECENT_S, is_live, recent_rate, settled, shown, shown_rate, stale
from ..words import format as say
from ..words.line import Line, first_fit, join, line
from .chart import REFUSED
from .lines import Curve, Lines
from .panel import Panel, spread_hint
from .scale import highest

REACH: Final = 1.5
"""A limit so many times as high as the curves is drawn; a higher one would squash them, and is told alone."""


def limit_drawn(limit: Points, curves: Sequence[Points]) -> bool:
    """Return whether a limit lies near enough to the curves to be drawn with them."""
    most = highest([limit])
    return 0 < most <= REACH * highest(curves)


def speeds(snapshot: Snapshot, cells: int, *, near: bool = False) -> Line:
    """Return the rates of the last seconds (of all that is shown, once ended), each with the line it is drawn with.

    The limit, which is drawn where it is `near`, and refusals are told where there is room.
    """
    items, requests = _rates(snapshot)
    each = (
        line(("━ ", "one"), (say.rate(items), "strong"), " items/s"),
        line(("╌ ", "two"), (say.rate(requests), "strong"), " requests/s"),
    )
    limit, hits = limit_of(snapshot), hits_of(snapshot)
    mark = "┈" if near else "↑"
    whole = line((f"{mark} ", "dim"), ("limit ", "dim"), f"{limit}/s") if limit else ()
    brief = line((f" {mark} of ", "dim"), limit) if limit else ()
    told = [join((*each, whole, hits), "   "), join((each[0], (*each[1], *brief), hits)), join((*each, hits), "   ")]
    hint = line((f"last {RECENT_S:g} s" if is_live(snapshot) else span_shown(snapshot), "dim"))
    return spread_hint(first_fit([*told, join(each, "   ")], cells), hint, cells)


def _rates(snapshot: Snapshot) -> tuple[float | None, float | None]:
    """Return items and requests a second; nothing is known of them while the engine stalls."""
    if is_live(snapshot) and stale(snapshot):
        return None, None
    rate = recent_rate if is_live(snapshot) else shown_rate
    return rate(snapshot, settled), rate(snapshot, lambda sample: sample.requests)


def limit_of(snapshot: Snapshot) -> str:
    """Return how many requests a second the lanes in use allow, or allowed last; nothing where that is unknown."""
    known = [sample.rpm_limit for sample in shown(snapshot)[-1:] if sample.rpm_limit]
    return say.rate(known[0] / 60) if known else ""


def hits_of(snapshot: Snapshot) -> Line:
    """Return how many requests were refused in what the chart shows, with their mark."""
    hits = refused(shown(snapshot))
    return line((f"{REFUSED} ", "warn"), (say.count(hits), "strong"), " 429s") if hits else ()


class Throughput(Panel):
    """Items and requests a second, over time."""

    heading = "Throughput"
    near = False
    """Whether the limit is drawn."""

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the current rates."""
        return (self.titled(speeds(snapshot, room.width - self.title_width, near=self.near)),)

    def body(self, snapshot: Snapshot, within: Frame) -> Lines:
        """Return requests a second, dashed, under items a second; and the limit, dotted, where it is near."""
        samples = shown(snapshot)
        items, requests = rates(samples, within, settled, lambda sample: sample.requests)
        limit = levels(samples, within, lambda sample: sample.rpm_limit / 60 or None)
        self.near = limit_drawn(limit, (items, requests))
        above = (Curve(limit, "dim", 1, 3, "."),) if self.near else ()
        return Lines((*above, Curve(requests, "two", 3, 3, "-"), Curve(items, "one")))

    def refused(self, snapshot: Snapshot, within: Frame) -> tuple[int, ...]:
        """Return where a server refused requests."""
        return refusals(shown(snapshot), within)

    def value_name(self, value: float) -> str:
        """Return a rate, as `20/s`."""
        return f"{say.short(value)}/s"
