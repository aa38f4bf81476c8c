"""The samples of a job's last minutes: what was read once is kept, and only what is new is read."""

import sqlite3
from typing import Final

from ..snapshot import Sample
from .history import SAMPLE_COLUMNS, as_sample

_ENDS: Final = """SELECT (SELECT min(at) FROM samples WHERE job = ?1), (SELECT max(at) FROM samples WHERE job = ?1)"""
_COUNT: Final = "SELECT count(*) FROM samples WHERE job = ? AND at > ?"


class RecentReader:
    """Reads for one job and one length of time at a time; while nothing is new it returns the very same samples."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._of: tuple[int, float, float] | None = None
        self._kept: tuple[Sample, ...] = ()

    def read(self, job: int, window_s: float) -> tuple[Sample, ...]:
        """Return the samples of the last `window_s` seconds that a job has any of, oldest first."""
        first, last = self._db.execute(_ENDS, (job,)).fetchone()
        if first is None:
            self._of, self._kept = None, ()
            return ()
        # The first sample tells a job from one that took its number after a removal.
        known = self._kept if self._of == (job, first, window_s) else ()
        since = last - window_s
        self._of, self._kept = (job, first, window_s), self._read_on(job, since, known)
        (count,) = self._db.execute(_COUNT, (job, since)).fetchone()
        if count != len(self._kept):  # a clock was set back: what is new is not at the end
            self._kept = self._between(job, since)
        return self._kept

    def _read_on(self, job: int, since: float, known: tuple[Sample, ...]) -> tuple[Sample, ...]:
        new = self._between(job, known[-1].at if known else since)
        if not new and (not known or known[0].at > since):
            return known
        return tuple(each for each in (*known, *new) if each.at > since)

    def _between(self, job: int, after: float) -> tuple[Sample, ...]:
        rows = self._db.execute(
            f"SELECT {SAMPLE_COLUMNS} FROM samples WHERE job = ? AND at > ? ORDER BY at", (job, after)
        )
        return tuple(map(as_sample, rows))
