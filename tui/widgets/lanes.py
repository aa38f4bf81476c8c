"""What each lane allows and what is used of it."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import LaneState, Snapshot
from ...engine.text import clean
from .. import format as say
from ..line import BLANK, Line, Tone, first_fit, fit, join, line, spread, width
from ..series import is_live
from .summary import summary
from .view import View

_STATES: Final[dict[str, tuple[str, Tone]]] = {
    "open": ("●", "ok"),
    "cooling": ("‖", "warn"),
    "broken": ("■", "error"),
    "refused": ("✕", "error"),
}


def gauge(used: int, limit: int, cells: int) -> Line:
    """Return a bar of what is used; orange near the limit."""
    full = min(cells, round(cells * used / limit)) if limit else 0
    tone: Tone = "warn" if limit and used >= 0.9 * limit else "one"
    return line(("█" * full, tone), ("░" * (cells - full), "dim"))


def state_of(lane: LaneState) -> Line:
    """Return a lane's state as glyph and word."""
    glyph, tone = _STATES.get(lane.state, ("●", "warn"))
    return line((f"{glyph} {clean(lane.state)}", tone))


def reset_of(lane: LaneState, now: float) -> str:
    """Return when the limit is lifted, as `reset in 14 s`, or nothing."""
    left = (lane.reset_at or 0.0) - now
    return f"reset in {say.duration(left)}" if left > 0.5 else ""


def used_of(name: str, used: int, limit: int) -> Line:
    """Return one quota on few cells, as `RPM 412/500`."""
    return line((f"{name} ", "dim"), (say.amount(used), "strong"), f"/{say.amount(limit)}" if limit else "")


def hits_of(lane: LaneState) -> Line:
    """Return how often the server said that it is too much (HTTP 429)."""
    return line(("429s ", "dim"), (say.count(lane.hits_429), "error" if lane.hits_429 else "strong"))


def lane_line(snapshot: Snapshot, cells: int) -> Line:
    """Return the lane that matters most on one line, and how many others there are."""
    if not snapshot.lanes:
        return line(("nothing sent yet", "dim"))
    lane = max(snapshot.lanes, key=_pressure)
    others = len(snapshot.lanes) - 1
    facts = [
        state_of(lane),
        used_of("RPM", lane.rpm_used, lane.rpm_limit),
        used_of("TPM", lane.tpm_used, lane.tpm_limit),
        hits_of(lane),
        line((reset_of(lane, snapshot.taken_at), "warn")),
        line((f"+{others} more" if others else "", "dim")),
        line((clean(lane.reason), "dim")),
    ]
    return spread(join(facts), (), cells)


def _pressure(lane: LaneState) -> tuple[bool, float]:
    shares = [used / limit for used, limit in _quotas(lane) if limit]
    return lane.state != "open", max(shares, default=0.0)


def _quotas(lane: LaneState) -> tuple[tuple[int, int], tuple[int, int]]:
    return (lane.rpm_used, lane.rpm_limit), (lane.tpm_used, lane.tpm_limit)


def lane_block(lane: LaneState, now: float, cells: int) -> list[Line]:
    """Return a lane as four lines: name and state, two gauges, what holds it back."""
    source = line((f"limits from {clean(lane.limit_source)}" if lane.limit_source else "", "dim"))
    facts = (hits_of(lane), line((reset_of(lane, now), "warn")), line((clean(lane.reason), "warn")))
    return [
        spread(line((clean(lane.name), "strong")), state_of(lane), cells),
        _quota("RPM", "requests/min", lane.rpm_used, lane.rpm_limit, cells),
        _quota("TPM", "tokens/min", lane.tpm_used, lane.tpm_limit, cells),
        first_fit([join((*facts, source)), join(facts)], cells),
    ]


def _quota(name: str, unit: str, used: int, limit: int, cells: int) -> Line:
    if not limit:
        return line((f"{name}  ", "dim"), (say.count(used), "strong"), (f" {unit}, no limit known", "dim"))
    numbers = line(
        (fit(f"{say.amount(used)} of {say.amount(limit)}", 16), "strong"), (f"{100 * used // limit:>4} %", "")
    )
    room = cells - width(numbers) - 5
    tail = f"  {unit:<12}" if room > 40 else ""
    return (
        *line((f"{name}  ", "dim")),
        *numbers,
        *line("  "),
        *gauge(used, limit, room - 2 - len(tail)),
        (tail, "dim"),
    )


class Lanes(View):
    """Every lane while the job is live, the summary afterwards."""

    DEFAULT_CSS = "Lanes { height: 1fr; }"

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the lanes' blocks, or the summary."""
        if not is_live(snapshot):
            return summary(snapshot)
        if not snapshot.lanes:
            return [line(("nothing sent yet", "dim"))]
        lanes = sorted(snapshot.lanes, key=_pressure, reverse=True)
        if room.height < 5 * len(lanes) - 1:
            return [lane_row(lane, snapshot.taken_at, room.width) for lane in lanes]
        return [each for lane in lanes for each in (*lane_block(lane, snapshot.taken_at, room.width), BLANK)]


def lane_row(lane: LaneState, now: float, cells: int) -> Line:
    """Return a lane on one line, for many of them."""
    used = join((used_of("RPM", lane.rpm_used, lane.rpm_limit), used_of("TPM", lane.tpm_used, lane.tpm_limit)))
    wait = line((reset_of(lane, now), "warn"))
    return spread(line((clean(lane.name), "strong")), join((wait, used, state_of(lane))), cells)
