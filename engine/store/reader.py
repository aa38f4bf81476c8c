"""What screens and commands see of a workspace: short reads, capped, on a connection that can't write."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from ..errors import UsageError, WorkspaceError
from ..histogram import Histogram
from ..settings import DIALS, Resolved, Settings, Value
from ..snapshot import Change, EngineRow, Event, JobRow, JobState, LaneState, Sample, Snapshot
from .lock import owner
from .migrations import BUSY_TIMEOUT_S, STEPS

EVENTS_SHOWN = 200
CHANGES_SHOWN = 500

_JOB_COLUMNS = """id, name, state, reason, exit_code, total, done, failed, requests, errors, cut, spent,
    tokens_in, tokens_out, cost, created_at, started_at, ended_at, active_s,
    spec ->> '$.task.type', spec ->> '$.task.model', spec ->> '$.task.base_url', spec ->> '$.input.path',
    spec ->> '$.output.path'"""
_SAMPLE_COLUMNS = """at, span_s, items, failed, requests, errors, latency, in_flight, target, tokens_in, tokens_out,
    cost, backlog, rss_mb, cpu, spent"""


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
            raise WorkspaceError(f"{path}: {_told(version)}")

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

    def job(self, name: str) -> JobRow | None:
        """Return one job's totals."""
        return read_job(self._db, name)

    def known_job(self, name: str) -> JobRow:
        """Return one job's totals; raises UsageError, which names those there are, when there is no such job."""
        if job := self.job(name):
            return job
        known = ", ".join(sorted(job.name for job in self.jobs())) or "none"
        raise UsageError(f"{self._path}: there is no job named {name!r}; there are: {known}")

    def snapshot(self, name: str, window_s: float = 300.0) -> Snapshot | None:
        """Return all that a screen shows of one job, or None when there is no such job.

        The samples are those of the last `window_s` seconds in which the job ran.
        """
        self._db.execute("BEGIN")  # one view of the file for all that follows
        try:
            job = self.job(name)
            return self._snapshot(job, window_s) if job else None
        finally:
            self._db.execute("COMMIT")

    def _snapshot(self, job: JobRow, window_s: float) -> Snapshot:
        return Snapshot(
            taken_at=time.time(),
            job=job,
            dials=self._dials(job.id),
            samples=self._samples(job.id, window_s),
            lanes=self._lanes(job.id),
            events=self._events(job.id),
            changes=self._changes(job.id),
            engine=self.engine(),
        )

    def _dials(self, job: int) -> Resolved:
        rows = self._db.execute("SELECT key, value, origin FROM dials WHERE job = ?", (job,)).fetchall()
        values: dict[str, Any] = {key: as_value(key, value) for key, value, _ in rows if key in DIALS}
        return Resolved(Settings(**values), {key: origin for key, _, origin in rows if key in DIALS})

    def _samples(self, job: int, window_s: float) -> tuple[Sample, ...]:
        rows = self._db.execute(
            f"""SELECT {_SAMPLE_COLUMNS} FROM samples
            WHERE job = ?1 AND at > (SELECT max(at) FROM samples WHERE job = ?1) - ?2 ORDER BY at""",
            (job, window_s),
        )
        return tuple(map(_sample, rows))

    def _lanes(self, job: int) -> tuple[LaneState, ...]:
        rows = self._db.execute("SELECT state FROM lanes WHERE job = ? ORDER BY name", (job,))
        return tuple(msgspec.json.decode(state, type=LaneState) for (state,) in rows)

    def _events(self, job: int) -> tuple[Event, ...]:
        rows = self._db.execute(
            "SELECT id, at, level, message FROM events WHERE job = ? ORDER BY id DESC LIMIT ?", (job, EVENTS_SHOWN)
        )
        return tuple(Event(*row) for row in rows)[::-1]

    def _changes(self, job: int) -> tuple[Change, ...]:
        rows = self._db.execute(
            "SELECT at, who, key, old, new FROM changes WHERE job = ? ORDER BY id DESC LIMIT ?", (job, CHANGES_SHOWN)
        )
        return tuple(Change(at, who, key, as_value(key, old), as_value(key, new)) for at, who, key, old, new in rows)[
            ::-1
        ]

    def output_lines(self, job: int, *, after: int = 0, failed: bool = False) -> Iterator[tuple[int, bytes]]:
        """Yield each result behind number `after` with its line of the output (or of the failures) file.

        Answers to what is no longer in the input, or was asked otherwise, are left out.
        """
        wanted = "<>" if failed else "="
        last = after
        while True:
            rows = self._db.execute(
                f"""SELECT seq, key, outcome, output, message, attempts, finish_reason, model
                FROM results JOIN items ON items.row = item AND items.digest = results.digest
                WHERE results.job = ? AND seq > ? AND outcome {wanted} 'ok' AND status <> 'removed'
                ORDER BY seq LIMIT 1000""",
                (job, last),
            ).fetchall()
            if not rows:
                return
            for seq, key, outcome, output, message, attempts, finish_reason, model in rows:
                yield (
                    seq,
                    failure_line(key, outcome, message, attempts)
                    if failed
                    else output_line(key, output, finish_reason, model),
                )
            last = rows[-1][0]

    def line_ever(self, job: int, *, up_to: int | None = None) -> bytes:
        """Return the line of the first good result that there ever was, or of the last up to a number; maybe none.

        The last one up to the number of an output's last line is that line, whatever became of its item.
        """
        which = "ORDER BY seq" if up_to is None else "AND seq <= ? ORDER BY seq DESC"
        row = self._db.execute(
            f"""SELECT key, output, finish_reason, results.model FROM results JOIN items ON items.row = item
            WHERE results.job = ? AND outcome = 'ok' {which} LIMIT 1""",
            (job,) if up_to is None else (job, up_to),
        ).fetchone()
        return output_line(*row) if row else b""


def _told(version: int) -> str:
    if 0 < version < len(STEPS):
        return "was written by an older batchtop; `batchtop run` or `batchtop --no-ui` brings it up to date"
    return "is no workspace of this version of batchtop"


def read_job(db: sqlite3.Connection, name: str) -> JobRow | None:
    """Return one job's totals."""
    row = db.execute(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE name = ?", (name,)).fetchone()
    return _job(row) if row else None


def output_line(key: str, output: bytes, finish_reason: str = "", model: str = "") -> bytes:
    """Return one line of the output file; an answer cut short, or of another model than the job's, is marked."""
    marks = "".join(
        f',"{name}":{msgspec.json.encode(text).decode()}'
        for name, text in (("finish_reason", finish_reason), ("model", model))
        if text
    )
    return b'{"id":%b,"status":"ok","output":%b%b}\n' % (key.encode(), output, marks.encode())


def failure_line(key: str, kind: str, message: str, attempts: int) -> bytes:
    """Return one line of the failures file."""
    error = msgspec.json.encode({"kind": kind, "message": message})
    return b'{"id":%b,"status":"failed","error":%b,"attempts":%d}\n' % (key.encode(), error, attempts)


def as_value(key: str, number: float) -> Value:
    """Return a number of the database as its setting's type."""
    return int(number) if key in DIALS and DIALS[key].kind == "count" else number


def _sample(row: tuple[Any, ...]) -> Sample:
    fields = list(row)
    fields[5] = msgspec.json.decode(row[5], type=dict[str, int])
    fields[6] = Histogram.decode(row[6])
    fields[-1] = msgspec.json.decode(row[-1], type=dict[str, float])
    return Sample(*fields)


def _job(row: tuple[Any, ...]) -> JobRow:
    fields = list(row)
    fields[2] = JobState(row[2])
    fields[9] = msgspec.json.decode(row[9], type=dict[str, int])
    fields[11] = msgspec.json.decode(row[11], type=dict[str, float])
    fields[19:] = [text or "" for text in row[19:]]
    return JobRow(*fields)
