"""What a lane allows, where that comes from, and how long it waits, in words. Pure."""

from collections.abc import Iterable, Sequence

from ..engine.snapshot import LaneState
from ..engine.text import clean
from . import format as say


def quotas(lane: LaneState) -> list[tuple[str, str, int, int]]:
    """Return a lane's quotas as name, unit, use and limit: requests and tokens, and others where a limit is known."""
    tokens = (
        ("TPM in", "tokens/min", lane.tpm_in_used, lane.tpm_in_limit),
        ("TPM out", "tokens/min", lane.tpm_out_used, lane.tpm_out_limit),
        ("RPD", "requests/day", lane.rpd_used, lane.rpd_limit),
    )
    split = lane.tpm_in_limit or lane.tpm_out_limit
    total = [] if split and not lane.tpm_limit else [("TPM", "tokens/min", lane.tpm_used, lane.tpm_limit)]
    return [("RPM", "requests/min", lane.rpm_used, lane.rpm_limit), *total, *(each for each in tokens if each[3])]


def in_use(lanes: Sequence[LaneState]) -> Sequence[LaneState]:
    """Return the lanes whose limits count at the moment: those that are open, or all of them where none is."""
    return [lane for lane in lanes if lane.state == "open"] or lanes


def source_of(lane: LaneState) -> str:
    """Return where a lane's limits come from."""
    if lane.limit_source == "learned":
        return "pace learned from 429s"
    return f"limits from {clean(lane.limit_source)}" if lane.limit_source else ""


def countdown(lane: LaneState, now: float) -> str:
    """Return when a lane goes on, `next try in 23 s`, or its window resets, `reset in 14 s`; or nothing."""
    left = (lane.reset_at or 0.0) - now
    if left <= 0.5:
        return ""
    return f"{'reset' if lane.state == 'open' else 'next try'} in {say.duration(left)}"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return lanes' names without what all of them begin with, where they differ in their keys alone."""
    parts = {name: name.partition(" · ") for name in names}
    shared = len(parts) > 1 and len({first for first, _, _ in parts.values()}) == 1
    return {name: key if shared and key else name for name, (_, _, key) in parts.items()}
