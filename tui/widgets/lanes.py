"""What each lane allows and what is used of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.geometry import Size

from ...engine.snapshot import LaneState, Snapshot
from ...engine.text import clean
from ..figures.series import is_live
from ..words import format as say
from ..words.lane import countdown, in_use, pressure, quotas, short_names, source_of, standing
from ..words.line import BLANK, Line, Tone, crop, first_fit, fit, join, line, spread, text_of, width
from ..words.summary import summary
from .view import View

_STATES: Final[dict[str, tuple[str, Tone]]] = {
    "open": ("●", "ok"),
    "cooling": ("‖", "warn"),
    "paused": ("◇", "warn"),
    "broken": ("■", "error"),
    "refused": ("✕", "error"),
    "off": ("○", "dim"),
}
STATE_CELLS: Final = 9
_LEAST_CELLS: Final = 12
"""So many are kept for a lane's use, in a list of many."""


def gauge(used: int, limit: int, cells: int) -> Line:
    """Return a bar of what is used; orange near the limit."""
    full = min(cells, round(cells * used / limit)) if limit else 0
    tone: Tone = "warn" if limit and used >= 0.9 * limit else "one"
    return line(("█" * full, tone), ("░" * (cells - full), "dim"))


def state_of(lane: LaneState) -> Line:
    """Return how a lane stands as glyph and word."""
    glyph, tone = _glyph(standing(lane))
    return line((f"{glyph} {clean(standing(lane))}", tone))


def states_of(lanes: Sequence[LaneState]) -> Line:
    """Return how many lanes stand in each way, those given first at first."""
    counts = Counter(map(standing, lanes))
    each = (line((f"{_glyph(state)[0]} {number} {clean(state)}", _glyph(state)[1])) for state, number in counts.items())
    return join(each, " ")


def used_of(name: str, used: int, limit: int) -> Line:
    """Return one quota on few cells, as `RPM 412/500`."""
    return line((f"{name} ", "dim"), (say.amount(used), "strong"), f"/{say.amount(limit)}" if limit else "")


def hits_of(hits: int) -> Line:
    """Return how often the server said that it is too much (HTTP 429)."""
    return line(("429s ", "dim"), (say.count(hits), "error" if hits else "strong"))


def wait_of(lane: LaneState, now: float) -> Line:
    """Return how long a lane waits, or its window lasts."""
    return line((countdown(lane, now), "warn"))


def lane_line(snapshot: Snapshot, cells: int) -> Line:
    """Return one lane, or how all of them stand together, on one line."""
    if not snapshot.lanes:
        return line(("nothing sent yet", "dim"))
    lanes = sorted(snapshot.lanes, key=pressure, reverse=True)
    alone = lanes[0] if len(lanes) == 1 else _together(lanes)
    states = state_of(alone) if len(lanes) == 1 else states_of(lanes)
    quota = join(used_of(name, used, limit) for name, _, used, limit in quotas(alone))
    waiting = [lane for lane in lanes if standing(lane) not in {"open", "off"} and lane.reset_at]
    wait = wait_of(min(waiting, key=_reset_at) if waiting else lanes[0], snapshot.taken_at)
    hits, reason = hits_of(alone.hits_429), line((clean(lanes[0].reason), "dim"))
    told = [(states, wait, quota, hits), (states, wait, quota)] if waiting else [(states, quota, hits, wait)]
    return spread(join((first_fit([*map(join, told)], cells), reason)), (), cells)


def _together(lanes: Sequence[LaneState]) -> LaneState:
    """Return lanes as if they were one, with what those in use allow; a limit not known of each is not known."""
    using = in_use(lanes)

    def total(what: str) -> int:
        each = [getattr(lane, what) for lane in using]
        return sum(each) if all(each) or not what.endswith("_limit") else 0

    return LaneState(
        name="",
        rpm_limit=total("rpm_limit"),
        rpm_used=total("rpm_used"),
        tpm_limit=total("tpm_limit"),
        tpm_used=total("tpm_used"),
        hits_429=sum(lane.hits_429 for lane in lanes),
    )


def _reset_at(lane: LaneState) -> float:
    return lane.reset_at or 0.0


def _glyph(state: str) -> tuple[str, Tone]:
    return _STATES.get(state, ("●", "warn"))


def lane_block(lane: LaneState, now: float, cells: int, *, roomy: bool = True) -> list[Line]:
    """Return a lane on some lines: name and state, its quotas, and what holds it back; on one where it is off.

    Where the last do not go on one line, its reason gets another, and where the limits come from too if `roomy`.
    """
    head = lane_head(lane, cells)
    if not lane.enabled:
        return [head]
    facts = join((hits_of(lane.hits_429), wait_of(lane, now)))
    reason = line((clean(lane.reason), "dim" if lane.state == "open" else "warn"))
    source = line((source_of(lane), "dim"))
    whole = join((facts, source))
    about = [whole] if width(whole) <= cells else [facts, source] if roomy else [facts]
    return [
        head,
        *(_quota(*quota, cells) for quota in quotas(lane)),
        *(crop(each, cells) for each in (*about, reason) if each),
    ]


def lane_head(lane: LaneState, cells: int) -> Line:
    """Return a lane's name, of a long one its end, and how it stands."""
    name, room = clean(lane.name), max(8, cells - width(state_of(lane)) - 2)
    named = name if cell_len(name) <= room else tail(name, room)
    return spread(line((named, "strong" if lane.enabled else "dim")), state_of(lane), cells)


def _quota(name: str, unit: str, used: int, limit: int, cells: int) -> Line:
    label = fit(name, 5 if len(name) < 5 else 8)
    if not limit:
        return line((label, "dim"), (say.count(used), "strong"), (f" {unit}, no limit known", "dim"))
    told = [f"{write(used)} of {write(limit)}" for write in (say.amount, say.short)]
    cut = fit(next((each for each in told if len(each) < 21 - len(label)), told[-1]), 21 - len(label))
    numbers = line((cut, "strong"), f"{100 * used // limit:>4} %")
    room = cells - width(numbers) - len(label)
    tail = f"  {unit:<12}" if room > 40 else ""
    return (
        *line((label, "dim")),
        *numbers,
        *line("  "),
        *gauge(used, limit, room - 2 - len(tail)),
        (tail, "dim"),
    )


class Lanes(View):
    """Every lane while the job is live, the summary afterwards."""

    DEFAULT_CSS = "Lanes { height: 1fr; }"

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the lanes' blocks, or a line for each where they are many, or the summary."""
        if not is_live(snapshot):
            return summary(snapshot)
        if not snapshot.lanes:
            return [line(("nothing sent yet", "dim"))]
        lanes = sorted(snapshot.lanes, key=pressure, reverse=True)
        for roomy in (True, False):
            blocks = [lane_block(lane, snapshot.taken_at, room.width, roomy=roomy) for lane in lanes]
            if sum(map(len, blocks)) + len(blocks) - 1 <= room.height:
                return [each for block in blocks for each in (*block, BLANK)]
        return lane_rows(lanes, snapshot.taken_at, room)


def lane_rows(lanes: Sequence[LaneState], now: float, room: Size) -> list[Line]:
    """Return a lane a line, the worst first; those that have no room are counted in the last."""
    shown = list(lanes) if len(lanes) <= room.height else list(lanes[: max(1, room.height - 1)])
    names = short_names(lane.name for lane in lanes)
    longest = max(cell_len(clean(name)) for name in names.values())
    cells = min(longest, max(8, room.width - STATE_CELLS - _LEAST_CELLS - 3))
    rows = [lane_row(lane, tail(clean(names[lane.name]), cells), now, room.width) for lane in shown]
    rest = lanes[len(shown) :]
    return [*rows, join((line((f"{len(rest)} more:", "dim")), states_of(rest)), " ")] if rest else rows


def lane_row(lane: LaneState, name: str, now: float, cells: int) -> Line:
    """Return a lane on one line: its state, its name, and its use, or what it waits for."""
    head = join((state_cell(lane), line((name, "strong" if lane.enabled else "dim"))), " ")
    if not lane.enabled:
        return head
    used = [used_of(name, used, limit) for name, _, used, limit in quotas(lane)]
    wait, reason = wait_of(lane, now), line((clean(lane.reason), "dim"))
    short = line((text_of(wait).removeprefix("next try "), "warn"))
    told = (
        [join((*used, wait)), join(used), used[0]] if lane.state == "open" else [join((wait, reason)), short or reason]
    )
    return join((head, first_fit(told, max(0, cells - width(head) - 2))))


def state_cell(lane: LaneState) -> Line:
    """Return how a lane stands in as many cells as every other."""
    return line((fit(text_of(state_of(lane)), STATE_CELLS), _glyph(standing(lane))[1]))


def tail(text: str, cells: int) -> str:
    """Return a text in exactly so many cells, cut at its beginning: the ends of keys' names tell them apart."""
    return fit(text, cells) if cell_len(text) <= cells else f"…{set_cell_size(text[::-1], cells - 1)[::-1]}"
