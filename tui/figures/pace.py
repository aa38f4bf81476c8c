"""How fast the jobs of a workspace go, told from how far they were at each reading. Pure."""

from collections import deque
from dataclasses import dataclass

from ...engine.snapshot import ACTIVE, JobRow, JobState
from .series import ETA_S, RECENT_S


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job goes, in items a second, and the seconds it needs for the rest, where that can be told."""

    speed: float
    eta_s: float | None


class Speeds:
    """Remembers the readings of the last minute."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, dict[tuple[int, float], int]]] = deque()

    def read(self, at: float, jobs: tuple[JobRow, ...]) -> dict[int, Pace]:
        """Take a reading, and return each active job's pace by its id; one seen for less than a second has none."""
        active = {(job.id, job.created_at): job for job in jobs if job.state in ACTIVE}
        self._readings.append((at, {id_: job.done + job.failed for id_, job in active.items()}))
        while len(self._readings) > 1 and not at - ETA_S <= self._readings[0][0] <= at:
            self._readings.popleft()
        speeds, means = self._speeds(RECENT_S), self._speeds(ETA_S)
        return {active[id_].id: Pace(speed, _eta_s(active[id_], means[id_])) for id_, speed in speeds.items()}

    def _speeds(self, seconds: float) -> dict[tuple[int, float], float]:
        """Return items a second over the last `seconds`; what is to be tried again is no step back."""
        at, now = self._readings[-1]
        since, before = next(reading for reading in self._readings if reading[0] >= at - seconds)
        passed = at - since
        return {id_: max(0, n - before[id_]) / passed for id_, n in now.items() if id_ in before} if passed >= 1 else {}


def _eta_s(job: JobRow, speed: float) -> float | None:
    return job.left / speed if job.state is JobState.RUNNING and speed and not job.open else None
