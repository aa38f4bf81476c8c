"""Which states of a lane are kept, so that any moment of the past can be looked at. Pure."""

from math import inf
from typing import Final

from .snapshot import LaneState

AT_MOST_EVERY_S: Final = 5.0
"""Numbers that change all the time are kept so often, or less where there are many lanes."""
AT_LEAST_EVERY_S: Final = 300.0
"""So often each lane is kept even where nothing changes, so that nobody has to look back any further."""
_SLACK_S: Final = 0.5
"""States come once a second, a trifle sooner or later."""


class LookBack:
    """Picks the states of one job's lanes that are worth keeping: about one a second at most, however many lanes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, LaneState]] = {}

    def keeps(self, lane: LaneState, now: float, *, lanes: int, last: bool = False) -> bool:
        """Return whether to keep a state, and take it for kept; the `last` one of a run always is.

        How many `lanes` the job has decides how often. What a person would look for is kept at once.
        """
        at, kept = self._kept.get(lane.name, (-inf, None))
        age_s = now - at + _SLACK_S
        changed = lane != kept and age_s >= max(AT_MOST_EVERY_S, lanes)
        keeps = last or kept is None or _striking(lane) != _striking(kept) or changed or age_s >= AT_LEAST_EVERY_S
        if keeps:
            self._kept[lane.name] = now, lane
        return keeps


def _striking(lane: LaneState) -> tuple[object, ...]:
    """Return what is kept at once when it changes; a limit that is learned changes all the time."""
    rpm = 0 if lane.limit_source == "learned" else lane.rpm_limit
    limits = (rpm, lane.tpm_limit, lane.tpm_in_limit, lane.tpm_out_limit, lane.rpd_limit)
    return lane.state, lane.enabled, lane.limit_source, limits
