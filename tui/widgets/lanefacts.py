"""One lane in full: every quota, where its limits come from, why it stands as it does, what it did for the job."""

from typing import Final

from textual.geometry import Size

from ...engine.snapshot import LaneState
from ...engine.text import clean
from ..words import format as say
from ..words.lane import Total, every_quota, quotas, shares, source_of, standing
from ..words.line import Line, Tone, first_fit, fit, join, line, text_of, width
from ..words.wrapping import in_rows
from .lanes import gauge, hits_of, lane_head, wait_of

_LONGEST_GAUGE: Final = 40
_ROOMY: Final = 11
"""So many lines show all quotas; fewer show those that tell most, and leave room for why a lane does not go."""
_EVERYBODY: Final = line(("used: last 60 s (RPD: 24 h), by all jobs of this engine", "dim"))


def lane_lines(lane: LaneState, total: Total, now: float, room: Size) -> list[Line]:
    """Return a lane in full, its reason on as many lines as are left; `total` is what all lanes did together."""
    cells = room.width
    shown = every_quota(lane) if room.height >= _ROOMY else quotas(lane)
    waits = join((wait_of(lane, now), hits_of(lane.hits_429), line((_source(lane), "dim"))))
    lines = [
        lane_head(lane, cells),
        first_fit([line(text) for text in _did(lane, total)], cells),
        *(_quota_line(*quota, cells) for quota in shown),
        first_fit([join((waits, _EVERYBODY)), waits], cells),
    ]
    tone: Tone = "dim" if standing(lane) in {"open", "off"} else "warn"
    left = room.height - len(lines)
    return [*lines, *in_rows(reason_of(lane), tone, cells, left)] if left > 0 else lines


def lane_text(lane: LaneState, total: Total, now: float) -> str:
    """Return a lane for the clipboard."""
    waits = text_of(join((wait_of(lane, now), hits_of(lane.hits_429))))
    quotas = ", ".join(_quota_text(*quota) for quota in every_quota(lane))
    told = (f"{clean(lane.name)}: {clean(standing(lane))}", reason_of(lane), _did(lane, total)[0], quotas)
    return "\n".join(each for each in (*told, _source(lane), waits) if each)


def reason_of(lane: LaneState) -> str:
    """Return why a lane stands as it does, for one that is off with how it would stand."""
    reason = clean(lane.reason)
    if lane.enabled:
        return reason
    stands = f"; it is {clean(lane.state)}" if lane.state != "open" else ""
    return f"switched off for this job{stands}{f': {reason}' if reason else ''}"


def _did(lane: LaneState, total: Total) -> tuple[str, ...]:
    """Return what a lane did for its job, the longest telling first."""
    did, cost = say.plural(lane.requests, "request"), say.money(lane.cost)
    share = f" ({say.percent(lane.requests, total.requests)} of all)" if total.requests else ""
    head = ", ".join((f"this job: {did}{share}", *shares(lane, total.items)))
    full = f"{head}, {say.count(lane.tokens_in)} tokens in, {say.count(lane.tokens_out)} out, {cost}"
    tokens_in, tokens_out = say.amount(lane.tokens_in), say.amount(lane.tokens_out)
    brief = f"{did}{share.replace(' of all', '')}, {tokens_in} in, {tokens_out} out, {cost}"
    return full, f"{head}, {tokens_in} tokens in, {tokens_out} out, {cost}", brief


def _source(lane: LaneState) -> str:
    return source_of(lane) or "no limit is known"


def _quota_line(name: str, unit: str, used: int, limit: int, cells: int) -> Line:
    head = line((fit(name, 8), "dim"), (f"{say.amount(used):>6}", "strong"))
    if not limit:
        return (*head, (f" {unit}, no limit known", "dim"))
    left = f"{say.amount(max(0, limit - used)):>8} left{100 * used // limit:>5} %  "
    numbers = (*head, *line(f" of {say.amount(limit):<6}", left))
    unit_ = f"  {unit}" if cells - width(numbers) > 24 else ""
    bar = gauge(used, limit, min(_LONGEST_GAUGE, cells - width(numbers) - len(unit_)))
    return (*numbers, *bar, *line((unit_, "dim")))


def _quota_text(name: str, unit: str, used: int, limit: int) -> str:
    of = f" of {say.count(limit)}, {say.count(max(0, limit - used))} left" if limit else f" {unit}, no limit known"
    return f"{name} {say.count(used)}{of}"
