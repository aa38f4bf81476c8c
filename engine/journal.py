"""A job's story as it goes into the workspace: its state, its log, its samples, its lanes."""

from collections.abc import Iterable

from .clock import Clock
from .limits import Lane
from .sampler import Sampler
from .settings import Value, show
from .snapshot import JobState, LaneState
from .store.record import Log


class Journal:
    """Writes what happens to one job, with the time it happened."""

    def __init__(self, log: Log, sampler: Sampler, clock: Clock) -> None:
        self._log = log
        self._sampler = sampler
        self._clock = clock
        self._lanes: dict[str, LaneState] = {}

    def tell(self, message: str, level: str = "info") -> None:
        """Write a line of the log."""
        self._log.event(self._clock.wall(), level, message)

    def state(self, state: JobState, reason: str, exit_code: int | None) -> None:
        """Write where the job stands, and why."""
        self._log.state(state, reason, exit_code)
        self.tell(_with_reason(state, reason), "error" if state is JobState.STOPPED else "info")

    def started(self) -> None:
        """Write that the job began to run."""
        self._log.started(self._clock.wall())

    def ended(self) -> None:
        """Write that it runs no more."""
        self._log.ended(self._clock.wall())

    def changed(self, key: str, old: Value, new: Value, *, who: str, origin: str) -> None:
        """Write that a setting was changed."""
        self._log.change(self._clock.wall(), who, key, old, new)
        self.tell(f"{key} {show(key, old)} → {show(key, new)} ({origin})")

    def sample(self, *, in_flight: int, target: int, backlog: int, lanes: Iterable[Lane]) -> None:
        """Write what happened since the last sample, and how the lanes stand where that has changed."""
        self._log.sample(self._sampler.sample(in_flight=in_flight, target=target, backlog=backlog))
        for lane in lanes:
            self._lane(lane.state(self._clock.wall()))

    def _lane(self, lane: LaneState) -> None:
        before = self._lanes.get(lane.name)
        self._lanes[lane.name] = lane
        if before != lane:
            self._log.lane(lane)
        if lane.state != (before.state if before else "open"):
            self.tell(
                f"{lane.name} is {_with_reason(lane.state, lane.reason)}", "info" if lane.state == "open" else "warn"
            )


def _with_reason(state: str, reason: str) -> str:
    return f"{state}: {reason}" if reason else state
