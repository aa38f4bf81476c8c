"""What screens and commands see of a workspace: short reads, capped, on a connection that can't write."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isinf
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from ..errors import UsageError, WorkspaceError
from ..job import JobSpec
from ..settings import DIALS, Resolved, Settings, Value
from ..snapshot import WINDOW_S, Change, EngineRow, Event, JobRow, JobState, LaneState, Sample, Snapshot
from .history import CourseReader, all_samples, lanes_now, samples_between
from .latest import Latest, latest
from .lock import owner
from .migrations import BUSY_TIMEOUT_S, STEPS
from .moment import moment
from .rates import RateReader, Rates
from .recent import RecentReader
from .results import Results
from .story import ItemStory, item_story

EVENTS_SHOWN = 200
CHANGES_SHOWN = 500

_JOB_COLUMNS = """id, name, state, reason, exit_code, total, done, failed, requests, errors, cut, spent,
    tokens_in, tokens_out, cost, created_at, started_at, ended_at, active_s,
    spec ->> '$.task.type', coalesce(spec ->> '$.task.model', spec ->> '$.task.call', spec ->> '$.task.command[0]',
    spec ->> '$.task.kind', spec ->> '$.task.type'), coalesce(spec ->> '$.task.base_url', spec ->> '$.task.url', ''),
    coalesce('job ' || (spec ->> '$.input.job'), spec ->> '$.input.path'),
    spec ->> '$.output.path', spec ->> '$.output.failures', cached, unsure, asked, open"""


class Reader:
    """Reads one workspace, from one thread at a time.

    Raises WorkspaceError when the file is missing or no workspace.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            raise WorkspaceError(f"{path}: there is no workspace here; `batchtop run JOB.toml` makes one")
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise WorkspaceError(f"{path}: cannot be read as a workspace ({error})") from error
        if version != len(STEPS):
            self._db.close()
            raise of_another_version(path, version)
        self.results: Final = Results(self._db)
        self._course: Final = CourseReader(self._db)
        self._rates: Final = RateReader(self._db)
        self._recent: Final = RecentReader(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def engine(self) -> EngineRow | None:
        """Return the engine that owns the workspace, or None when there is none: a dead one holds no lock any more."""
        row = self._db.execute("SELECT pid, started_at, heartbeat_at FROM engine").fetchone()
        return EngineRow(*row) if row and owner(self._path) is not None else None

    def jobs(self) -> tuple[JobRow, ...]:
        """Return every job, the newest first."""
        rows = self._db.execute(f"SELECT {_JOB_COLUMNS} FROM jobs ORDER BY coalesce(started_at, created_at) DESC")
        return tuple(map(_job, rows))

    def rates(self, jobs: Sequence[JobRow], now: float, *, live: bool) -> dict[int, Rates]:
        """Return how fast these jobs went, by id, as far as that is read by now; see `RateReader.read_on`."""
        return self._rates.read_on(jobs, now, live=live)

    def job(self, name: str) -> JobRow | None:
        """Return one job's totals."""
        return read_job(self._db, name)

    def known_job(self, name: str) -> JobRow:
        """Return one job's totals; raises UsageError, which names those there are, when there is no such job."""
        if job := self.job(name):
            return job
        known = ", ".join(sorted(job.name for job in self.jobs())) or "none"
        raise UsageError(f"{self._path}: there is no job named {name!r}; there are: {known}")

    def spec(self, name: str) -> JobSpec:
        """Return a job as it ran last; raises UsageError where there is none, or this version can't read it."""
        job = self.known_job(name)
        (text,) = self._db.execute("SELECT spec FROM jobs WHERE id = ?", (job.id,)).fetchone()
        try:
            return msgspec.json.decode(text, type=JobSpec)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"{self._path}: {name} was stored by another version; run its job file ({error})"
            ) from None

    def snapshot(self, name: str, window_s: float = WINDOW_S) -> Snapshot | None:
        """Return all that a screen shows of one job, or None when there is no such job.

        The samples are those of the last `window_s` seconds in which the job ran. Where that is endless they are those
        of `WINDOW_S`, and the course of the job tells the rest: it is read in pages, one for each snapshot. For 0 there
        are none.
        """
        self._db.execute("BEGIN")  # one view of the file for all that follows
        try:
            job = self.job(name)
            return self._snapshot(job, window_s) if job else None
        finally:
            self._db.execute("COMMIT")

    def moment(self, name: str, at: float) -> Snapshot | None:
        """Return a job as it stood at a moment of the past, or None when there is no such job."""
        with self.results.one_moment():
            job = self.job(name)
            if job is None:
                return None
            now = replace(self._snapshot(job, WINDOW_S), changes=self.changes(job.id))
            return moment(self._db, now, at, EVENTS_SHOWN)

    def _snapshot(self, job: JobRow, window_s: float) -> Snapshot:
        return Snapshot(
            taken_at=time.time(),
            job=job,
            dials=self._dials(job.id),
            samples=self.recent(job.id, WINDOW_S if isinf(window_s) else window_s) if window_s else (),
            lanes=self._lanes(job.id),
            events=self._events(job.id),
            changes=self.changes(job.id, CHANGES_SHOWN),
            engine=self.engine(),
            window_s=window_s,
            course=self._course.read_on(job.id) if isinf(window_s) else None,
        )

    def recent(self, job: int, window_s: float) -> tuple[Sample, ...]:
        """Return the samples of the last `window_s` seconds that a job has any of, oldest first."""
        return self._recent.read(job, window_s)

    def history(self, job: int) -> Iterator[Sample]:
        """Yield every sample of a job, oldest first."""
        return all_samples(self._db, job)

    def samples_between(self, job: int, since: float, until: float) -> tuple[Sample, ...]:
        """Return the samples of a job that end after `since` and not after `until`, oldest first."""
        return samples_between(self._db, job, since, until)

    def changes(self, job: int, most: int = -1) -> tuple[Change, ...]:
        """Return the last `most` changes of a job's settings, or all of them, oldest first."""
        rows = self._db.execute(
            "SELECT at, who, key, old, new FROM changes WHERE job = ? ORDER BY id DESC LIMIT ?", (job, most)
        ).fetchall()
        return tuple(
            Change(at, who, key, as_value(key, old), as_value(key, new)) for at, who, key, old, new in reversed(rows)
        )

    def item(self, job: int, key: str) -> ItemStory | None:
        """Return one item in full, told by its id as JSON text, or None where there is none."""
        return item_story(self._db, job, key)

    def latest(
        self,
        job: int,
        *,
        most: int = 200,
        after_seq: int = 0,
        find: str = "",
        failed: bool | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Latest:
        """Return the newest results that count; see `latest.latest`."""
        return latest(self._db, job, most=most, after_seq=after_seq, find=find, failed=failed, stop=stop)

    def _dials(self, job: int) -> Resolved:
        rows = self._db.execute("SELECT key, value, origin FROM dials WHERE job = ?", (job,)).fetchall()
        values: dict[str, Any] = {key: as_value(key, value) for key, value, _ in rows if key in DIALS}
        return Resolved(Settings(**values), {key: origin for key, _, origin in rows if key in DIALS})

    def _lanes(self, job: int) -> tuple[LaneState, ...]:
        return lanes_now(self._db, job)

    def _events(self, job: int) -> tuple[Event, ...]:
        rows = self._db.execute(
            "SELECT id, at, level, message FROM events WHERE job = ? ORDER BY id DESC LIMIT ?", (job, EVENTS_SHOWN)
        )
        return tuple(Event(*row) for row in rows)[::-1]


def of_another_version(path: Path, version: int) -> WorkspaceError:
    """Return the error of a workspace whose tables are not this version's, to who only reads."""
    if 0 < version < len(STEPS):
        told = "was written by an older batchtop; `batchtop run` or `batchtop --no-ui` brings it up to date"
        return WorkspaceError(f"{path}: {told}")
    return WorkspaceError(f"{path}: is no workspace of this version of batchtop")


def read_job(db: sqlite3.Connection, name: str) -> JobRow | None:
    """Return one job's totals."""
    row = db.execute(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE name = ?", (name,)).fetchone()
    return _job(row) if row else None


def as_value(key: str, number: float) -> Value:
    """Return a number of the database as its setting's type."""
    return int(number) if key in DIALS and DIALS[key].kind == "count" else number


def _job(row: tuple[Any, ...]) -> JobRow:
    fields = list(row)
    fields[2] = JobState(row[2])
    fields[9] = msgspec.json.decode(row[9], type=dict[str, int])
    fields[11] = msgspec.json.decode(row[11], type=dict[str, float])
    fields[19:25] = [text or "" for text in row[19:25]]
    fields[-1] = bool(row[-1])
    return JobRow(*fields)
