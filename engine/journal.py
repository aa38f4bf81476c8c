"""A job's story as it goes into the workspace: its state, its log, its samples, its lanes."""

from collections.abc import Collection
from typing import Final

from .clock import Clock
from .lookback import LookBack
from .settings import Value, show
from .snapshot import JobState, LaneState, Sample
from .store.record import Log
from .text import plural, with_reason

STALLED_S: Final = 45.0
"""So long without an answer is worth a word."""


class Journal:
    """Writes what happens to one job, with the time it happened."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._lanes: dict[str, LaneState] = {}
        self._look_back = LookBack()
        self._asked_at = clock.now()
        self._stalled_s = 0.0

    def tell(self, message: str, level: str = "info") -> None:
        """Write a line of the log."""
        self._log.event(self._clock.wall(), level, message)

    def state(self, state: JobState, reason: str, exit_code: int | None) -> None:
        """Write where the job stands, and why."""
        self._log.state(state, reason, exit_code)
        self.tell(with_reason(state, reason), "error" if state is JobState.STOPPED else "info")

    def started(self) -> None:
        """Write that the job began to run."""
        self._log.started(self._clock.wall())

    def ended(self) -> None:
        """Write that it runs no more."""
        self._log.ended(self._clock.wall())

    def dropped(self, items: int) -> None:
        """Write that so many items were at a server when they were dropped."""
        if items:
            self._log.unsure(items)
            self.tell(f"{plural(items, 'item')} at the server may have been billed", "warn")

    def changed(self, key: str, old: Value, new: Value, *, who: str, origin: str) -> None:
        """Write that a setting was changed."""
        self._log.change(self._clock.wall(), who, key, old, new)
        self.tell(f"{key} {show(key, old)} → {show(key, new)} ({origin})")

    def sample(self, sample: Sample) -> None:
        """Write what happened in a span of time."""
        self._log.sample(sample)

    def lanes(self, at: float, lanes: Collection[LaneState], *, last: bool = False) -> None:
        """Write how all lanes stand where that has changed, and keep of it what a look back needs."""
        for lane in lanes:
            self._lane(lane)
            if self._look_back.keeps(lane, self._clock.now(), lanes=len(lanes), last=last):
                self._log.lane_sample(at, lane)

    def silence(self, silent_s: float, requests: int) -> None:
        """Tell when no request has ended for long though some are at the server, and when that is over.

        To be called once a second, with 0 while none is there: a long pause before a request is no silence.
        """
        now = self._clock.now()
        self._asked_at = self._asked_at if silent_s else now
        silent_s = min(silent_s, now - self._asked_at)
        if silent_s >= STALLED_S and not self._stalled_s:
            self.tell(f"no answer for {silent_s:.0f} s, batches in flight: {requests:,}", "warn")
        if self._stalled_s and silent_s < STALLED_S:
            self.tell(f"answers come again, after {self._stalled_s:.0f} s without one")
        self._stalled_s = silent_s if silent_s >= STALLED_S else 0.0

    def _lane(self, lane: LaneState) -> None:
        before = self._lanes.get(lane.name)
        self._lanes[lane.name] = lane
        if before != lane:
            self._log.lane(lane)
        if lane.state != (before.state if before else "open"):
            self.tell(
                f"{lane.name} is {with_reason(lane.state, lane.reason)}", "info" if lane.state == "open" else "warn"
            )
