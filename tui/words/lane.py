"""What a lane allows, how it stands, where its limits come from and how long it waits, in words. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...engine.snapshot import LaneState
from ...engine.text import clean
from . import format as say

ORDER: Final = ("refused", "broken", "paused", "cooling", "open", "off")
"""How lanes stand, from bad to good, and those that are switched off last."""


@dataclass(frozen=True, slots=True)
class Total:
    """What lanes did together for their job."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    """USD, None where no price is known of any."""
    items: int = 0


def total_of(lanes: Sequence[LaneState]) -> Total:
    """Return what these lanes did together."""
    costs = [lane.cost for lane in lanes if lane.cost is not None]
    return Total(
        requests=sum(lane.requests for lane in lanes),
        tokens_in=sum(lane.tokens_in for lane in lanes),
        tokens_out=sum(lane.tokens_out for lane in lanes),
        cost=sum(costs) if costs else None,
        items=items_of(lanes),
    )


def shares(lane: LaneState, items: int) -> list[str]:
    """Return what share of all items had their last word of a lane, and how many of its answers were not good enough.

    Says nothing where one lane has all.
    """
    if not lane.escalated and lane.items in {0, items}:
        return []
    told = [f"{say.percent(lane.items, items)} of the items"] if items else []
    return [*told, f"{say.count(lane.escalated)} sent on to another model"] if lane.escalated else told


def items_of(lanes: Iterable[LaneState]) -> int:
    """Return how many items had their last word of these lanes."""
    return sum(lane.items for lane in lanes)


def standing(lane: LaneState) -> str:
    """Return how a lane stands, in a word: its state, or `off` where a person keeps the job from using it."""
    return lane.state if lane.enabled else "off"


def every_quota(lane: LaneState) -> list[tuple[str, str, int, int]]:
    """Return each of a lane's quotas as name, unit, use and limit, 0 where that is unknown."""
    return [
        ("RPM", "requests/min", lane.rpm_used, lane.rpm_limit),
        ("TPM", "tokens/min", lane.tpm_used, lane.tpm_limit),
        ("TPM in", "tokens/min", lane.tpm_in_used, lane.tpm_in_limit),
        ("TPM out", "tokens/min", lane.tpm_out_used, lane.tpm_out_limit),
        ("RPD", "requests/day", lane.rpd_used, lane.rpd_limit),
    ]


def quotas(lane: LaneState) -> list[tuple[str, str, int, int]]:
    """Return the quotas that tell most: requests and tokens, and others where a limit is known."""
    split = (lane.tpm_in_limit or lane.tpm_out_limit) and not lane.tpm_limit
    always = {"RPM"} if split else {"RPM", "TPM"}
    return [each for each in every_quota(lane) if each[3] or each[0] in always]


def fullest(lane: LaneState, *names: str) -> tuple[str, int, int] | None:
    """Return of these quotas, or of all, the one used most, as name, use and limit; None where no limit is known."""
    known = [(name, used, limit) for name, _, used, limit in every_quota(lane) if limit and name in (names or (name,))]
    return max(known, key=lambda each: each[1] / each[2], default=None)


def pressure(lane: LaneState) -> tuple[int, float]:
    """Return what sorts lanes: the worst last, by how they stand, then by how full they are."""
    stands, full = standing(lane), fullest(lane)
    return -(ORDER.index(stands) if stands in ORDER else 0), full[1] / full[2] if full else 0.0


def by_name(lane: LaneState) -> str:
    """Return what sorts lanes by their names."""
    return lane.name.casefold()


def in_use(lanes: Sequence[LaneState]) -> Sequence[LaneState]:
    """Return the lanes whose limits count at the moment: those that are open, or where none is, those not off."""
    on = [lane for lane in lanes if lane.enabled]
    return [lane for lane in on if lane.state == "open"] or on or lanes


def source_of(lane: LaneState) -> str:
    """Return where a lane's limits come from."""
    if lane.limit_source == "learned":
        return "pace learned from 429s"
    return f"limits from {clean(lane.limit_source)}" if lane.limit_source else ""


def countdown(lane: LaneState, now: float) -> str:
    """Return when a lane goes on, `next try in 23 s`, or its window resets, `reset in 14 s`; or nothing."""
    left = (lane.reset_at or 0.0) - now
    if left <= 0.5 or not lane.enabled:
        return ""
    return f"{'reset' if lane.state == 'open' else 'next try'} in {say.duration(left)}"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return lanes' names without what all of them begin with, where they differ in their keys alone."""
    parts = {name: name.partition(" · ") for name in names}
    shared = len(parts) > 1 and len({first for first, _, _ in parts.values()}) == 1
    return {name: key if shared and key else name for name, (_, _, key) in parts.items()}
