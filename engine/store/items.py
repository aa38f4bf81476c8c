"""The items of a job: loaded in bulk, compared with what an earlier load saw, paged back by key."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import aiosqlite
import msgspec

from ..errors import InputError
from ..item import Item
from ..outcome import RETRIED_BY_RERUN
from ..source.row import Row
from .migrations import BUSY_TIMEOUT_S

CHUNK_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the input holds after a load, and how it differs from the load before."""

    total: int
    pending: int
    changed: int = 0
    """Items done or failed before whose content, or what makes their answer, is another now."""
    removed: int = 0
    """Items that are in the input no longer."""


def stamp(db: sqlite3.Connection, job: int) -> str:
    """Return the stamp of the input that was loaded last, empty when none was."""
    return str(db.execute("SELECT stamp FROM jobs WHERE id = ?", (job,)).fetchone()[0])


def begin_load(db: sqlite3.Connection, job: int) -> int:
    """Count a load begun and return its number; the stamp is gone until `finish_load` writes the new one."""
    return int(
        db.execute("UPDATE jobs SET load = load + 1, stamp = '' WHERE id = ? RETURNING load", (job,)).fetchone()[0]
    )


def load_chunk(db: sqlite3.Connection, job: int, load: int, rows: Iterator[Row]) -> int:
    """Store the next rows of the input and return how many they were, 0 at its end.

    An unchanged row stays as it is; one that changed, or is back, is settled by `finish_load`. Raises InputError at a
    second row of the same id.
    """
    chunk = [(job, row.key, row.line, row.digest, row.payload, load) for row in islice(rows, CHUNK_ROWS)]
    before = db.total_changes
    db.executemany(
        """INSERT INTO items (job, key, line, digest, payload, load) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (job, key) DO UPDATE SET line = excluded.line, load = excluded.load, payload = excluded.payload,
        digest = excluded.digest, status = CASE WHEN status = 'removed' THEN 'pending'
        WHEN digest <> excluded.digest AND status IN ('done', 'failed') THEN 'changed' ELSE status END
        WHERE load < excluded.load""",
        chunk,
    )
    if db.total_changes - before < len(chunk):
        raise _twice(db, job, chunk)
    return len(chunk)


def _twice(db: sqlite3.Connection, job: int, chunk: list[tuple[int, str, int, bytes, bytes, int]]) -> InputError:
    (path,) = db.execute("SELECT spec ->> '$.input.path' FROM jobs WHERE id = ?", (job,)).fetchone()
    for _, key, line, *_ in chunk:
        (first,) = db.execute("SELECT line FROM items WHERE job = ? AND key = ?", (job, key)).fetchone()
        if first != line:
            return InputError(f"{path}, line {line}: the id {key} was used before, on line {first}; ids have to differ")
    return InputError(f"{path}: two rows have the same id; ids have to differ")


def finish_load(db: sqlite3.Connection, job: int, load: int, new_stamp: str) -> Loaded:
    """Settle what a load means for the results of earlier ones, and keep its stamp."""
    changed, removed, answered = _compare(db, job, load) if load > 1 else (0, 0, 0)
    counts = dict(db.execute("SELECT status, count(*) FROM items WHERE job = ? GROUP BY status", (job,)).fetchall())
    total = sum(counts.values()) - counts.get("removed", 0)
    db.execute(
        """UPDATE jobs SET stamp = ?1, total = ?2, done = ?3, failed = ?4, cut = ?7,
        output_stale = output_stale OR ?5 OR done <> ?3 WHERE id = ?6""",
        (new_stamp, total, counts.get("done", 0), counts.get("failed", 0), answered > 0, job, _cut(db, job)),
    )
    return Loaded(total, counts.get("pending", 0), changed, removed)


def _cut(db: sqlite3.Connection, job: int) -> int:
    """Return how many answers that count were cut short by the token limit."""
    query = """SELECT count(*) FROM results JOIN items ON row = item AND items.digest = results.digest
        WHERE results.job = ? AND finish_reason = 'length' AND status = 'done'"""
    return int(db.execute(query, (job,)).fetchone()[0])


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


def retry_transient(db: sqlite3.Connection, job: int) -> int:
    """Make the items pending again that failed for a cause that passes, and return how many they are."""
    marks = ", ".join("?" * len(RETRIED_BY_RERUN))
    failed = f"FROM results WHERE job = ? AND outcome <> 'ok' AND outcome IN ({marks})"
    values = (job, *sorted(RETRIED_BY_RERUN))
    count = db.execute(f"UPDATE items SET status = 'pending' WHERE row IN (SELECT item {failed})", values).rowcount
    db.execute(f"DELETE {failed}", values)
    db.execute("UPDATE jobs SET failed = failed - ? WHERE id = ?", (count, job))
    return count


class Pages:
    """Pending items of one job, page by page in the order of their rows, on a connection that only reads."""

    def __init__(self, path: Path, job: int) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._job = job
        self._after = 0

    async def __aenter__(self) -> Self:
        self._db = await aiosqlite.connect(self._uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()

    async def next(self, limit: int) -> list[Item]:
        """Return the following items, none at the end."""
        rows = await self._db.execute_fetchall(
            """SELECT row, key, payload, digest FROM items WHERE job = ? AND status = 'pending' AND row > ?
            ORDER BY row LIMIT ?""",
            (self._job, self._after, limit),
        )
        items = [Item(row, key, _decode(payload), digest) for row, key, payload, digest in rows]
        if items:
            self._after = items[-1].row
        return items


_decode = msgspec.json.Decoder(dict[str, object]).decode
