"""An input comes into the workspace in bulk, and is compared with what an earlier load saw."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from ..errors import InputError
from ..job import InputSpec
from ..source.place import twice
from ..source.row import Row
from ..text import plural
from . import payloads
from .answers import gather_all, note_repeats
from .tables import create_key_index, through

CHUNK_ROWS: Final = 5_000
DISCARD_ROWS: Final = 20_000
CHUNK_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the input holds after a load, and how it differs from the load before."""

    total: int
    pending: int
    changed: int = 0
    """Items done or failed before whose content, or what makes their answer, is another now."""
    removed: int = 0
    """Items that are in the input no longer."""
    new: int = 0
    """Items that were not in the input before."""
    rejected: int = 0
    """Rows that could not be read, and were set aside."""
    prepared: tuple[int, ...] = ()
    """The rows that were read, then those behind each step of the preparation."""


def next_rows(rows: Iterator[Row]) -> list[Row]:
    """Take as many rows as go into one transaction: fewer where they are large, so that memory stays flat."""
    chunk: list[Row] = []
    size = 0
    for row in islice(rows, CHUNK_ROWS):
        chunk.append(row)
        size += len(row.payload)
        if size >= CHUNK_BYTES:
            break
    return chunk


def stamp(db: sqlite3.Connection, job: int) -> str:
    """Return the stamp of the input that was loaded last, empty when none was."""
    return str(db.execute("SELECT stamp FROM jobs WHERE id = ?", (job,)).fetchone()[0])


def begin_load(db: sqlite3.Connection, job: int) -> int:
    """Count a load begun and return its number; the stamp is gone until `finish_load` writes the new one."""
    return int(
        db.execute("UPDATE jobs SET load = load + 1, stamp = '' WHERE id = ? RETURNING load", (job,)).fetchone()[0]
    )


def discard_chunk(db: sqlite3.Connection, job: int) -> int:
    """Remove some of what a first load left that never came to its end, and return how many rows, 0 when none is left.

    Nothing of it was ever sent. By and by, so that other jobs get their commits in between.
    """
    if _has_keys(db, job):
        return 0
    return db.execute(
        """DELETE FROM items WHERE row IN
        (SELECT row FROM items WHERE job = ? AND status = 'pending' LIMIT ?)""",
        (job, DISCARD_ROWS),
    ).rowcount


def load_chunk(db: sqlite3.Connection, job: int, load: int, rows: Iterator[Row]) -> int:
    """Store the next rows of the input and return how many they were, 0 at its end.

    An unchanged row stays as it is; one that changed, or is back, is settled by `finish_load`. Raises InputError at a
    second row of the same id, in a first load at its end.
    """
    chunk = next_rows(rows)
    if not _has_keys(db, job):
        payloads.add(db, job, load, chunk)
        return len(chunk)
    before = db.total_changes
    db.executemany(
        f"""INSERT INTO items (job, key, line, digest, load) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (key) WHERE job = {job} DO UPDATE SET line = excluded.line, load = excluded.load,
        digest = excluded.digest, status = CASE WHEN status = 'removed' THEN 'pending'
        WHEN digest <> excluded.digest AND status IN ('done', 'failed') THEN 'changed' ELSE status END
        WHERE load < excluded.load""",
        ((job, row.key, row.line, row.digest, load) for row in chunk),
    )
    if db.total_changes - before < len(chunk):
        raise _twice(db, job, [(row.key, row.line) for row in chunk])
    payloads.renew(db, job, chunk)
    return len(chunk)


def tell_progress(db: sqlite3.Connection, job: int, rows: int, share: float) -> None:
    """Write how far a load has come: rows, and the share of the input that is read, 0 where that is unknown."""
    told = f"{plural(rows, 'row')} read{f', {share:.0%} of the input' if share else ''}"
    db.execute("UPDATE jobs SET reason = ? WHERE id = ? AND state = 'loading'", (told, job))


def finish_load(db: sqlite3.Connection, job: int, load: int, new_stamp: str) -> Loaded:
    """Settle what a load means for the results of earlier ones, and keep its stamp.

    Raises InputError when two rows of a first load have the same id.
    """
    first = not _has_keys(db, job)
    if first:
        _make_keys(db, job)
    else:
        gather_all(db)  # a new row may ask what one did that has changed since
    changed, removed, answered = (0, 0, 0) if first else _compare(db, job, load)
    how = through(db, job)
    query = f"SELECT status, count(*) FROM items {how} WHERE job = {job:d} GROUP BY status"
    counts = dict(db.execute(query).fetchall())
    total = sum(counts.values()) - counts.get("removed", 0)
    (before,) = db.execute("SELECT total FROM jobs WHERE id = ?", (job,)).fetchone()
    cut, cached = _marked(db, job)
    note_repeats(db, job, how)
    db.execute(
        """UPDATE jobs SET open = 0, stamp = ?1, total = ?2, done = ?3, failed = ?4, cut = ?5, cached = ?6,
        output_stale = output_stale OR ?7 OR done <> ?3 WHERE id = ?8""",
        (new_stamp, total, counts.get("done", 0), counts.get("failed", 0), cut, cached, answered > 0, job),
    )
    return Loaded(total, counts.get("pending", 0), changed, removed, new=total - before + removed)


def _has_keys(db: sqlite3.Connection, job: int) -> bool:
    """Tell whether a load of this job ever came to its end: its index of ids is made then."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
    return db.execute(query, (f"items_of_{job}",)).fetchone() is not None


def _make_keys(db: sqlite3.Connection, job: int) -> None:
    try:
        create_key_index(db, job)
    except sqlite3.IntegrityError:
        query = "SELECT key, max(line) FROM items WHERE job = ? GROUP BY key HAVING count(*) > 1 LIMIT 1"
        raise _twice(db, job, db.execute(query, (job,)).fetchall()) from None


def _twice(db: sqlite3.Connection, job: int, rows: list[tuple[str, int]]) -> InputError:
    (text,) = db.execute("SELECT spec -> '$.input' FROM jobs WHERE id = ?", (job,)).fetchone()
    spec = msgspec.json.decode(text, type=InputSpec)
    for key, line in rows:
        (first,) = db.execute("SELECT min(line) FROM items WHERE job = ? AND key = ?", (job, key)).fetchone()
        if first != line:
            return twice(spec, key, line, first)
    return InputError(f"{spec.path}: two rows have the same id; ids have to differ")


def _marked(db: sqlite3.Connection, job: int) -> tuple[int, int]:
    """Return how many answers that count were cut short by the token limit, and how many are copies."""
    query = """SELECT total(finish_reason = 'length' AND status = 'done'), total(cached)
        FROM results JOIN items ON row = item AND items.digest = results.digest
        WHERE results.job = ? AND status IN ('done', 'failed')"""
    cut, cached = db.execute(query, (job,)).fetchone()
    return int(cut), int(cached)


def _compare(db: sqlite3.Connection, job: int, load: int) -> tuple[int, int, int]:
    """Return how many items changed, how many went, and how many of those to do were answered by an earlier run."""
    gone = "UPDATE items SET status = 'removed' WHERE job = ? AND load < ? AND status <> 'removed'"
    removed = db.execute(gone, (job, load)).rowcount
    changed = db.execute("UPDATE items SET status = 'pending' WHERE job = ? AND status = 'changed'", (job,)).rowcount
    db.execute(
        """DELETE FROM results WHERE job = ? AND outcome <> 'ok'
        AND (SELECT status FROM items WHERE row = item) IN ('pending', 'removed')""",
        (job,),
    )
    answered = db.execute(
        """UPDATE items SET status = 'done' WHERE job = ? AND status = 'pending'
        AND EXISTS (SELECT 1 FROM results WHERE item = row AND results.digest = items.digest AND outcome = 'ok')""",
        (job,),
    ).rowcount
    return changed, removed, answered
