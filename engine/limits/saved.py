"""What a lane has used and learned, put away so that the next job, or engine, does not start afresh.

Moments are seconds since the epoch; `shift_s` is what lies between those and the clock's. Somebody may have set the
clock meanwhile, so no wait gets longer than a server could have asked for.
"""

from typing import NamedTuple

import msgspec

from ..answer import Usage
from .day import DAY_S
from .estimate import Average, Estimate
from .headers import Stated
from .pacer import WINDOW_S
from .quota import Quota
from .standing import Standing


class SavedLane(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is worth keeping of a lane; nothing in it is secret."""

    limits: dict[str, int]
    """The server's, by the names of the axes."""
    free_at: dict[str, float]
    """Until when what was sent keeps an axis busy."""
    minute: list[tuple[int, int, int, int]]
    """Seconds of the last minute: moment, requests, tokens in and out."""
    day: list[tuple[int, int]]
    """Spans of the last 24 hours: moment and requests."""
    prompts: Average
    answers: Average
    day_left: int = 0
    day_until: float = 0.0
    """Until when the server's day allowance is used up but for `day_left`; 0 where that is unknown."""
    cooldown_until: float = 0.0
    cooldown_reason: str = ""
    strikes: int = 0
    paced_rpm: float = 0.0
    """A pace learned from refusals, 0 for none."""


class Parts(NamedTuple):
    """What of a lane is put away."""

    quota: Quota
    standing: Standing
    estimate: Estimate


def save(parts: Parts, now: float, shift_s: float) -> bytes:
    """Return what is to be kept, as JSON."""
    quota, standing, estimate = parts
    cooldown = standing.cooldown
    left, until = quota.daily.remains.left(now, quota.daily.sent) or (0, None)
    cooling = now < cooldown.until
    saved = SavedLane(
        limits={axis.name: axis.server for axis in quota.axes if axis.server},
        free_at={
            axis.name: round(axis.pace.free_at + shift_s, 3) for axis in quota.by_minute if axis.pace.free_at > now
        },
        minute=[(round(at + shift_s), n, used.tokens_in, used.tokens_out) for at, n, used in quota.sent.seconds(now)],
        day=[(round(at + shift_s), requests) for at, requests in quota.daily.day.spans(now)],
        prompts=estimate.prompts,
        answers=estimate.answers,
        day_left=left,
        day_until=0.0 if until is None else round(until + shift_s),
        cooldown_until=round(cooldown.until + shift_s, 3) if cooling else 0.0,
        cooldown_reason=cooldown.reason if cooling else "",
        strikes=cooldown.strikes,
        paced_rpm=round(quota.requests.cap, 1),
    )
    return msgspec.json.encode(saved)


def restore(state: bytes, parts: Parts, now: float, shift_s: float) -> None:
    """Go on from what was kept, but for what lies in the past or makes no sense."""
    try:
        saved = msgspec.json.decode(state, type=SavedLane)
    except msgspec.DecodeError:
        return
    quota, standing, estimate = parts
    wall_now = now + shift_s
    _restore_counts(saved, quota, now, shift_s)
    for axis in quota.axes:
        axis.server = max(0, saved.limits.get(axis.name, 0))
    for axis in quota.by_minute:
        axis.pace.free_at = now + _wait_s(saved.free_at.get(axis.name, 0.0), wall_now, WINDOW_S)
    day_s = _wait_s(saved.day_until, wall_now, DAY_S)
    if day_s:
        quota.daily.believe(now, quota.daily.sent, Stated(remaining=saved.day_left, reset_s=day_s))
    standing.throttle.restore(now, saved.paced_rpm)
    quota.throttle(now, saved.paced_rpm)
    quota.apply(now)
    estimate.prompts, estimate.answers = saved.prompts, saved.answers
    if wait_s := _wait_s(saved.cooldown_until, wall_now, DAY_S):
        standing.cooldown.resume(now, wait_s, saved.cooldown_reason, saved.strikes)


def _restore_counts(saved: SavedLane, quota: Quota, now: float, shift_s: float) -> None:
    for at, requests, tokens_in, tokens_out in saved.minute:
        if at - shift_s > now - WINDOW_S:
            quota.sent.add(min(at - shift_s, now), requests, Usage(tokens_in, tokens_out))
    for at, requests in saved.day:
        quota.daily.day.add(min(at - shift_s, now), requests)


def _wait_s(moment: float, now: float, longest_s: float) -> float:
    """Return how long to wait until a moment, 0 where it is past or makes no sense."""
    wait_s = moment - now
    return min(wait_s, longest_s) if 0 < wait_s <= DAY_S else 0.0
