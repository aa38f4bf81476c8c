"""What the engine writes down about a job: its row, its settings, its samples, its log."""

import os
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from ..errors import OutputError
from ..job import JobSpec
from ..price import is_priced
from ..settings import DIALS, Layer, Resolved, Value
from ..snapshot import JobRow, JobState, LaneState, Sample
from .history import SAMPLE_COLUMNS, TOTAL_COLUMNS
from .reader import as_value, read_job
from .writer import Writer


def register(
    db: sqlite3.Connection, spec: JobSpec, at: float, wishes: Collection[str]
) -> tuple[JobRow, tuple[Layer, ...]]:
    """Make the job's row, or bring the row of that name up to date; return it and its live changes.

    Live changes of the settings in `wishes` are forgotten: the person has said anew what they should be.
    """
    text = msgspec.json.encode(spec).decode()
    (job,) = db.execute(
        """INSERT INTO jobs (name, spec, state, created_at, cost) VALUES (?1, ?2, 'queued', ?3, ?4)
        ON CONFLICT (name) DO UPDATE SET spec = ?2, state = 'queued', reason = '', exit_code = NULL, ended_at = NULL,
        cost = coalesce(cost, ?4)
        RETURNING id""",
        (spec.name, text, at, 0.0 if is_priced(spec.task) else None),
    ).fetchone()
    db.executemany("UPDATE dials SET live = 0 WHERE job = ? AND key = ?", ((job, key) for key in wishes))
    rows = db.execute("SELECT key, value, origin FROM dials WHERE job = ? AND live = 1", (job,)).fetchall()
    live = tuple(Layer(origin, {key: as_value(key, value)}) for key, value, origin in rows if key in DIALS)
    row = read_job(db, spec.name)
    assert row is not None, "the row was written a moment ago"  # noqa: S101
    return row, live


def interrupted(db: sqlite3.Connection) -> tuple[JobSpec, ...]:
    """Return the jobs an engine left in the middle that can go on, and write of all that it did."""
    rows = db.execute(
        """UPDATE jobs SET state = 'stopped', reason = 'its engine died; run the job again to continue', exit_code = 3
        WHERE state IN ('queued', 'loading', 'running', 'paused', 'draining') RETURNING spec"""
    ).fetchall()
    return tuple(filter(None, (_spec(text) for (text,) in rows)))


def _spec(text: str) -> JobSpec | None:
    """Return a stored job, or None where another version wrote what this one does not understand."""
    try:
        return msgspec.json.decode(text, type=JobSpec)
    except msgspec.MsgspecError:
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """How far an output file came."""

    path: str = ""
    """Empty when there is none."""
    seq: int = 0
    """The last result in it."""
    size: int = 0
    """How many bytes it has then."""
    stale: bool = False
    """Whether what it should hold has changed since."""


def output_place(db: sqlite3.Connection, job: int, *paths: str) -> Place:
    """Return how far the output came that this job wrote last; raises OutputError when a path is another job's."""
    _refuse_taken(db, job, paths)
    query = "SELECT output_path, output_seq, output_bytes, output_stale FROM jobs WHERE id = ?"
    found, seq, size, stale = db.execute(query, (job,)).fetchone()
    return Place(found, seq, size, bool(stale))


def claim_output(db: sqlite3.Connection, job: int, place: Place, *others: str, at: float | None = None) -> None:
    """Write which output file is this job's from now on, and where it goes on; no file leaves the last one claimed.

    From `at` on the job has started, and its failures file is its own too. Raises OutputError when another job was
    quicker with one of the files.
    """
    _refuse_taken(db, job, (place.path, *others))
    db.execute("UPDATE jobs SET started_at = coalesce(started_at, ?) WHERE id = ?", (at, job))
    if place.path:
        db.execute(
            "UPDATE jobs SET output_path = ?, output_seq = ?, output_bytes = ?, output_stale = ? WHERE id = ?",
            (place.path, place.seq, place.size, place.stale, job),
        )


def _refuse_taken(db: sqlite3.Connection, job: int, paths: Sequence[str]) -> None:
    """Raise OutputError where another job writes one of these; pipes and devices are for everybody."""
    query = """SELECT name, output_path, iif(started_at IS NULL, NULL, spec ->> '$.output.failures')
        FROM jobs WHERE id <> ?"""
    mine = {os.path.realpath(path): path for path in paths if path and _is_ones_own(Path(path))}
    for name, *files in db.execute(query, (job,)).fetchall():
        for what, file in zip(("output", "failures file"), files, strict=True):
            if file and (path := mine.get(os.path.realpath(file))):
                raise OutputError(f"{path}: is the {what} of job {name}; choose another output")


def _is_ones_own(path: Path) -> bool:
    return path.is_file() or not path.exists()


def save_dials(writer: Writer, job: int, dials: Resolved, live: Collection[str]) -> None:
    """Write the settings in force; `live` names those that a change made."""
    for key, origin in dials.origins.items():
        writer.do(
            """INSERT INTO dials (job, key, value, origin, live) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (job, key) DO UPDATE
            SET value = excluded.value, origin = excluded.origin, live = excluded.live""",
            (job, key, getattr(dials.settings, key), origin, key in live),
        )


class Log:
    """Writes one job's story through the writer, in its next group."""

    def __init__(self, writer: Writer, job: int) -> None:
        self._writer = writer
        self._job = job

    def state(self, state: JobState, reason: str = "", exit_code: int | None = None) -> None:
        """Write where the job stands, and why."""
        self._writer.do(
            "UPDATE jobs SET state = ?, reason = ?, exit_code = ? WHERE id = ?",
            (state.value, reason, exit_code, self._job),
        )

    def started(self, at: float) -> None:
        """Write when the job began to run; the first time stays."""
        self._writer.do("UPDATE jobs SET started_at = coalesce(started_at, ?) WHERE id = ?", (at, self._job))

    def ended(self, at: float) -> None:
        """Write when it stopped running, with nothing in its hands any more."""
        self._writer.do("UPDATE jobs SET ended_at = ?, leased_row = 0 WHERE id = ?", (at, self._job))

    def unsure(self, items: int) -> None:
        """Count items that may have been billed though no answer is kept."""
        self._writer.do("UPDATE jobs SET unsure = unsure + ? WHERE id = ?", (items, self._job))

    def event(self, at: float, level: str, message: str) -> None:
        """Write a line of the log."""
        self._writer.do(
            "INSERT INTO events (job, at, level, message) VALUES (?, ?, ?, ?)", (self._job, at, level, message)
        )

    def change(self, at: float, who: str, key: str, old: Value, new: Value) -> None:
        """Write that a setting was changed."""
        self._writer.do(
            "INSERT INTO changes (job, at, who, key, old, new) VALUES (?, ?, ?, ?, ?, ?)",
            (self._job, at, who, key, old, new),
        )

    def sample(self, sample: Sample) -> None:
        """Write what one span of time brought, and add it to the time the job ran unless it was paused.

        Beside it stand the totals that the job has by then, as those may go back later.
        """
        self._writer.do(
            f"""INSERT OR REPLACE INTO samples (job, {SAMPLE_COLUMNS}, {TOTAL_COLUMNS})
            SELECT ?1{", ?" * 20}, total, done, failed, cut, cached, unsure FROM jobs WHERE id = ?1""",
            (self._job, *_sample_values(sample)),
        )
        if sample.target:
            self._writer.do("UPDATE jobs SET active_s = active_s + ? WHERE id = ?", (sample.span_s, self._job))

    def lane(self, lane: LaneState) -> None:
        """Write how a lane stands."""
        self._writer.do(
            "INSERT OR REPLACE INTO lanes (job, name, state) VALUES (?, ?, ?)",
            (self._job, lane.name, msgspec.json.encode(lane).decode()),
        )

    def lane_sample(self, at: float, lane: LaneState) -> None:
        """Keep how a lane stood at a moment; what is as in a lane that nothing is known of is left out."""
        unknown = LaneState(lane.name)
        facts = {each.name: getattr(lane, each.name) for each in fields(lane)}
        told = {name: fact for name, fact in facts.items() if fact != getattr(unknown, name)}
        self._writer.do(
            "INSERT OR REPLACE INTO lane_samples (job, at, name, state) VALUES (?, ?, ?, ?)",
            (self._job, at, lane.name, msgspec.json.encode(told).decode()),
        )


def _sample_values(sample: Sample) -> tuple[object, ...]:
    return (
        sample.at,
        sample.span_s,
        sample.items,
        sample.failed,
        sample.requests,
        _counts(sample.errors),
        sample.latency.encode(),
        sample.in_flight,
        sample.target,
        sample.tokens_in,
        sample.tokens_out,
        sample.cost,
        sample.backlog,
        sample.rss_mb,
        sample.cpu,
        msgspec.json.encode({what: round(seconds, 3) for what, seconds in sample.spent.items()}).decode(),
        sample.lag_ms,
        sample.connections,
        sample.rpm_limit,
        sample.first.encode(),
    )


def _counts(counts: Mapping[str, int]) -> str:
    return msgspec.json.encode(dict(counts)).decode()
