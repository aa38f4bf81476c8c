"""Calls the person at the terminal, by its bell or a desktop notice, once for each thing that `notices` finds."""

from collections.abc import Callable, Iterable, Mapping

from ..engine.snapshot import JobRow, Snapshot
from .habits import Habits
from .words.notices import BELL, Notice, Seen, ended, look, osc9


class Calling:
    """Knows what was told already, however the screens that read the jobs take turns; `write` is to the terminal."""

    def __init__(
        self, habits: Habits, environment: Mapping[str, str], since: float, write: Callable[[str], None]
    ) -> None:
        self._habits, self._environment = habits, environment
        self._since, self._write = since, write
        self._seen: dict[str, Seen] = {}
        self._ends: set[str] = set()

    def job(self, snapshot: Snapshot) -> None:
        """Look at one job; trouble that is there at the first look is on the screen already."""
        name = snapshot.job.name
        first = name not in self._seen
        notices, self._seen[name] = look(self._seen.get(name, Seen(self._since)), snapshot)
        self._call(each for each in notices if not (first and each.occasion == "trouble"))

    def jobs(self, rows: Iterable[JobRow]) -> None:
        """Look at all jobs."""
        self._call(each for row in rows if (each := ended(self._since, row)))

    def _call(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            if notice.occasion != "trouble" and str(notice) in self._ends:
                continue
            self._ends.add(str(notice))
            if self._habits.bell:
                self._write(BELL)
            if self._habits.desktop:
                self._write(osc9(str(notice), self._environment))
