"""What a job did from its first second to its last: every sample, read in pages so that memory stays flat."""

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ..course import Course
from ..histogram import Histogram
from ..lookback import AT_LEAST_EVERY_S
from ..snapshot import LaneState, Sample
from ..stretches import Axis, Stretches, is_idle

SAMPLE_COLUMNS: Final = """at, span_s, items, failed, requests, errors, latency, in_flight, target, tokens_in,
    tokens_out, cost, backlog, rss_mb, cpu, spent, lag_ms, connections, rpm_limit, first"""
TOTAL_COLUMNS: Final = "job_total, job_done, job_failed, job_cut, job_cached, job_unsure"
"""What the job's row had then, NULL in a sample of an older version."""
POINTS: Final = 480
"""At most so many points tell the course of a job."""
_PAGE: Final = 1_000
_COURSE_PAGE: Final = 300
"""So few are read and added up in about 10 ms, so that commands, which wait behind a read, wait little."""
_COUNTS: Final = msgspec.json.Decoder(dict[str, int])
_FACTS: Final = msgspec.json.Decoder(dict[str, object])
_SECONDS: Final = msgspec.json.Decoder(dict[str, float])


def all_samples(db: sqlite3.Connection, job: int) -> Iterator[Sample]:
    """Yield every sample of a job, oldest first; no read lasts longer than a page, so a running engine is not held."""
    last = 0.0
    while True:
        page = _page(db, job, last, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].at


def _page(db: sqlite3.Connection, job: int, after: float, most: int) -> list[Sample]:
    rows = db.execute(
        f"SELECT {SAMPLE_COLUMNS} FROM samples WHERE job = ? AND at > ? ORDER BY at LIMIT ?", (job, after, most)
    )
    return list(map(as_sample, rows))


def samples_between(db: sqlite3.Connection, job: int, since: float, until: float) -> tuple[Sample, ...]:
    """Return the samples of a job that end after `since` and not after `until`, oldest first."""
    rows = db.execute(
        f"SELECT {SAMPLE_COLUMNS} FROM samples WHERE job = ? AND at > ? AND at <= ? ORDER BY at", (job, since, until)
    )
    return tuple(map(as_sample, rows))


def lanes_now(db: sqlite3.Connection, job: int) -> tuple[LaneState, ...]:
    """Return how the lanes of a job stand, those among them that its last run did not have."""
    rows = db.execute("SELECT state FROM lanes WHERE job = ? ORDER BY name", (job,))
    return tuple(msgspec.json.decode(state, type=LaneState) for (state,) in rows)


def lanes_at(db: sqlite3.Connection, job: int, at: float) -> tuple[LaneState, ...]:
    """Return how the lanes of a job stood at a moment, as far as that was kept; nothing before its first sample."""
    rows = db.execute(
        """WITH latest AS (SELECT max(at) AS at FROM lane_samples WHERE job = ?1 AND at <= ?2)
        SELECT name, state, max(at) FROM lane_samples  -- the state is that of the last moment
        WHERE job = ?1 AND at <= ?2 AND at > (SELECT at FROM latest) - ?3 GROUP BY name ORDER BY name""",
        (job, at, 2 * AT_LEAST_EVERY_S),
    )
    return tuple(msgspec.convert({**_FACTS.decode(state), "name": name}, LaneState) for name, state, _ in rows)


class CourseReader:
    """Reads the course of one job at a time, a page each time it is asked: later on, only what is new."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._told: _Told | None = None

    def read_on(self, job: int) -> Course | None:
        """Return what is known of a job's course after one more page, None before its first sample."""
        (first,) = self._db.execute("SELECT min(at) FROM samples WHERE job = ?", (job,)).fetchone()
        if first is None:
            return None
        # The first sample tells a job from one that took its number after a removal.
        if self._told is None or (self._told.job, self._told.first) != (job, first):
            self._told = _Told(job, first)
        return self._told.course(_page(self._db, job, self._told.last, _COURSE_PAGE))


class _Told:
    """What has been read of one job."""

    def __init__(self, job: int, first: float) -> None:
        self.job, self.first, self.last = job, first, 0.0
        self._axis, self._stretches = Axis(), Stretches(POINTS)
        self._began_at: float | None = None
        self._course: Course | None = None

    def course(self, page: list[Sample]) -> Course:
        """Return the course with a page more; the same one while nothing is new."""
        if self._course is not None and not page and self._course.whole:
            return self._course
        for sample in page:
            self._add(sample)
        points, breaks = self._stretches.points(), tuple(self._axis.breaks)
        began_at = self.first if self._began_at is None else self._began_at
        self._course = Course(points, breaks, self._axis.run_s, began_at, whole=len(page) < _COURSE_PAGE)
        return self._course

    def _add(self, sample: Sample) -> None:
        self.last = sample.at
        if is_idle(sample):
            return
        if self._began_at is None:
            self._began_at = sample.at - sample.span_s
        self._axis.add(sample)
        self._stretches.add(sample, self._axis.run_s - sample.span_s)


def as_sample(row: tuple[Any, ...]) -> Sample:
    """Return the sample of a row of `SAMPLE_COLUMNS`."""
    fields = list(row)
    fields[5] = _COUNTS.decode(row[5])
    fields[6] = Histogram.decode(row[6])
    fields[15] = _SECONDS.decode(row[15])
    fields[19] = Histogram.decode(row[19])
    return Sample(*fields)
