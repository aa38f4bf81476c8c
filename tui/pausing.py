"""What the key that pauses does: pressed again before its effect is read, it takes back what it asked for."""

from collections import Counter

from ..engine.snapshot import JobState
from .reads.courier import Delivery


class Pausing:
    """Remembers what each job was told last, pause or resume, until it is read how the job stands after that."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._under_way = Counter[str]()

    def verb(self, job: str, state: JobState | None) -> str:
        """Return what the key does now to a job that was read to be in this state."""
        paused = self._last[job] == "pause" if job in self._last else state is JobState.PAUSED
        return "resume" if paused else "pause"

    def ask(self, job: str, state: JobState | None) -> str:
        """Return what the key does, which is now under way."""
        verb = self._last[job] = self.verb(job, state)
        self._under_way[job] += 1
        return verb

    def answered(self, job: str, got: Delivery) -> None:
        """Note what came back from the engine: what is read from now on tells of it."""
        if got.verb in {"pause", "resume"} and self._under_way[job]:
            self._under_way[job] -= 1

    def read(self) -> None:
        """Note that jobs were read: what was asked and answered before is to be seen."""
        self._last = {job: verb for job, verb in self._last.items() if self._under_way[job]}
