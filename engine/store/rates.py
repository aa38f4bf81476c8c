"""How fast jobs go, for the small lines beside them: a bounded number of samples a read, and none of them twice."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..outline import Outline
from ..snapshot import ACTIVE, JobRow

ROWS: Final = 4_000
"""At most so many samples are read at once, in some 10 ms; the rest of long runs comes with the next reads."""
POINTS: Final = 60
"""At most so many numbers tell a whole run."""
BIN_S: Final = 10.0
BINS: Final = 30
"""So many spans of `BIN_S` tell how fast an active job went lately."""
REST_S: Final = 2.0
"""An active job is read again after so long."""
_LEAST_S: Final = 3.0
"""A shorter time says nothing of a whole span."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Items that ended in a second, well or badly, over spans of equal length; None where nothing is known."""

    each: tuple[float | None, ...]
    lately: bool
    """Whether they are those of the last minutes, each over `BIN_S`, up to now; else they tell the whole run."""


class RateReader:
    """Reads on where it stopped, and keeps what it found: of an ended job all its life, until it runs again."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[int, _Run | _Lately] = {}

    def read_on(self, jobs: Sequence[JobRow], now: float, *, live: bool) -> dict[int, Rates]:
        """Return the rates of these jobs by id; those of a long run are missing until they are read to the end.

        Without a `live` engine no job is active, whatever its state says.
        """
        left = ROWS
        found: dict[int, Rates] = {}
        for job in sorted(jobs, key=_effort):
            known = self._of(job, _Lately if live and job.state in ACTIVE else _Run)
            if left and known.wants(job, now):
                rows = self._page(job.id, known.after, left)
                known.add(rows, whole=len(rows) < left)
                left -= len(rows)
            if rates := known.rates(now):
                found[job.id] = rates
        return found

    def _of(self, job: JobRow, kind: "type[_Run | _Lately]") -> "_Run | _Lately":
        """Return what is known of a job, unless it is of another one that had its number, or it started or ended."""
        known = self._known.get(job.id)
        if not isinstance(known, kind) or known.created_at != job.created_at:
            known = self._known[job.id] = kind(job.created_at)
        return known

    def _page(self, job: int, after: float, most: int) -> "list[_Row]":
        return self._db.execute(
            """SELECT at, span_s, items + failed, target OR requests FROM samples
            WHERE job = ? AND at > ? ORDER BY at LIMIT ?""",
            (job, after, most),
        ).fetchall()


def _effort(job: JobRow) -> tuple[bool, float]:
    """Put what is read quickly first, so that nothing waits behind a run of days."""
    return job.state not in ACTIVE, job.active_s


_Row = tuple[float, float, int, int]
"""When a span ended, how long it was, the items that ended in it, and whether the job ran."""


class _Run:
    """An ended job, told whole; time in which it was paused, or nobody ran it, is left out."""

    def __init__(self, created_at: float) -> None:
        self.created_at = created_at
        self.after = 0.0
        self._outline = Outline(POINTS)
        self._told: Rates | None = None
        self._ended_at: float | None = None

    def wants(self, job: JobRow, now: float) -> bool:  # noqa: ARG002 - the other one's need
        """Return whether there is something to read: it was not read to the end, or has run since."""
        if job.ended_at != self._ended_at:
            self._told, self._ended_at = None, job.ended_at
        return self._told is None

    def add(self, rows: list[_Row], *, whole: bool) -> None:
        for at, span_s, ended, ran in rows:
            self.after = at
            if ran or ended:
                self._outline.add(span_s, ended)
        if whole:
            self._told = Rates(self._outline.rates(), lately=False)

    def rates(self, now: float) -> Rates | None:  # noqa: ARG002 - the other one's need
        return self._told


class _Lately:
    """An active job, in spans that stay where they are while time passes."""

    def __init__(self, created_at: float) -> None:
        self.created_at = created_at
        self.after = 0.0
        self._read_at: float | None = None
        self._bins: dict[int, tuple[float, int]] = {}

    def wants(self, job: JobRow, now: float) -> bool:  # noqa: ARG002 - the other one's need
        """Return whether the last read is a while ago; a clock set back is as good."""
        if self._read_at is not None and 0 <= now - self._read_at < REST_S:
            return False
        self._read_at, since = now, now - BINS * BIN_S
        if not since <= self.after <= now:
            self.after, self._bins = since, {}
        return True

    def add(self, rows: list[_Row], *, whole: bool) -> None:  # noqa: ARG002 - the other one's need
        for at, span_s, ended, _ in rows:
            self.after = at
            number = int((at - span_s / 2) // BIN_S)
            seconds, items = self._bins.get(number, (0.0, 0))
            self._bins[number] = seconds + span_s, items + ended

    def rates(self, now: float) -> Rates:
        last = int(now // BIN_S)
        shown = range(last - BINS + 1, last + 1)
        self._bins = {number: told for number, told in self._bins.items() if number in shown}
        return Rates(tuple(_rate(*self._bins.get(number, (0.0, 0))) for number in shown), lately=True)


def _rate(seconds: float, items: int) -> float | None:
    return items / seconds if seconds >= _LEAST_S else None
