"""The items of a job: paged by key with what is known of them already, and made pending again."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import aiosqlite
import msgspec
from msgspec import Struct

from ..answer import Answer
from ..item import Item
from ..outcome import Outcome
from ..redo import Redo
from .answers import KNOWN, gather_all
from .migrations import BUSY_TIMEOUT_S

PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page ends with the item that makes it as large: what SQLite can hold in one text is not without end."""
FIRST_ROWS: Final = 100
PART_ROWS: Final = 500
"""So many are read at once: what else the loop has to do waits for as long as they take to become items."""

_PAGE: Final = """CAST('[' || coalesce(group_concat(
    '[' || row || ',' || json_quote(key) || ',' || CAST(payload AS TEXT) || ',"' || hex(digest) || '",'
    || coalesce(seq, 0) || ']'), '') || ']' AS BLOB)"""
"""A page as one JSON text, so that it is one step: for each the thread asks for the interpreter's lock again."""


class Known(Struct, frozen=True):
    """What an equal item was answered, in this job or another."""

    answer: Answer
    model: str
    at: float
    """When that was."""


class Found(Struct, frozen=True):
    """A pending item, and what is known of it already."""

    item: Item
    known: Known | None = None


def redo(db: sqlite3.Connection, job: int, wish: Redo, at: float) -> list[int]:
    """Make the items pending that a wish names, and return the rows of those that had failed.

    What equal items were refused before `at` spares them no more.
    """
    if wish.fresh:
        return _forget_all(db, job, at)
    marks = ", ".join("?" * len(wish.failed))
    failed = f"FROM results WHERE job = ? AND outcome <> 'ok' AND outcome IN ({marks})"
    values = (job, *sorted(wish.failed))
    rows = [row for (row,) in db.execute(f"SELECT item {failed}", values)]
    copies = db.execute(f"SELECT total(cached) {failed}", values).fetchone()[0]
    db.execute(f"UPDATE items SET status = 'pending' WHERE row IN (SELECT item {failed})", values)
    db.execute(f"DELETE {failed}", values)
    db.execute("UPDATE jobs SET failed = failed - ?, cached = cached - ? WHERE id = ?", (len(rows), int(copies), job))
    if Outcome.BAD_ITEM in wish.failed:
        db.execute("UPDATE jobs SET retry_from = ? WHERE id = ?", (at, job))
    return rows


def _forget_all(db: sqlite3.Connection, job: int, at: float) -> list[int]:
    """Make every item pending; the answers from before stay, under digests that no item has."""
    db.execute("DELETE FROM results WHERE job = ? AND outcome <> 'ok'", (job,))
    db.execute("UPDATE results SET digest = CAST(digest || randomblob(8) AS BLOB) WHERE job = ?", (job,))
    db.execute("UPDATE items SET status = 'pending' WHERE job = ? AND status IN ('done', 'failed')", (job,))
    db.execute(
        """UPDATE jobs SET fresh_from = ?, retry_from = ?, done = 0, failed = 0, cut = 0, cached = 0, output_stale = 1
        WHERE id = ?""",
        (at, at, job),
    )
    return []


def lease(db: sqlite3.Connection, job: int, row: int) -> None:
    """Write that pending items up to a row are in the hands of the engine from now on."""
    db.execute("UPDATE jobs SET leased_row = max(leased_row, ?) WHERE id = ?", (row, job))


def reclaim(db: sqlite3.Connection, job: int) -> int:
    """Take back what a dead engine had in its hands, and return how many questions it may have sent unanswered.

    None of a job whose questions go as batches: each batch is known before it goes, and its answers are collected.
    """
    (leased_row,) = db.execute("SELECT leased_row FROM jobs WHERE id = ?", (job,)).fetchone()
    if not leased_row:
        return 0
    gather_all(db)
    query = f"""SELECT count(DISTINCT digest) FROM items JOIN jobs ON jobs.id = items.job
        WHERE items.job = ? AND status = 'pending' AND row <= ? AND {KNOWN} IS NULL
        AND jobs.spec ->> '$.task.type' <> 'openai_batch'"""
    (unsure,) = db.execute(query, (job, leased_row)).fetchone()
    db.execute("UPDATE jobs SET leased_row = 0, unsure = unsure + ? WHERE id = ?", (unsure, job))
    return int(unsure)


class Pages:
    """Pending items of one job, page by page in the order of their rows, on a connection that only reads."""

    def __init__(self, path: Path, job: int) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._job = job
        self._most = FIRST_ROWS
        self.after = 0
        """The row up to which all is read."""

    async def __aenter__(self) -> Self:
        self._db = await aiosqlite.connect(self._uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()

    async def next(self, limit: int) -> list[Found]:
        """Return the following items, none at the end; fewer than the limit where they are large."""
        found: list[Found] = []
        limit = min(limit, self._most)
        while (wanted := min(limit, self._most, len(found) + PART_ROWS) - len(found)) > 0:
            part = await self._found("row > ? ORDER BY row LIMIT ?", (self.after, wanted))
            found += part
            self.after = part[-1].item.row if part else self.after
            if len(part) < wanted:
                break
        return found

    async def these(self, rows: Sequence[int]) -> list[Found]:
        """Return those of these items that are pending."""
        which = f"row IN ({', '.join('?' * len(rows))}) AND row > ? ORDER BY row"
        found: list[Found] = []
        while more := await self._found(which, (*rows, found[-1].item.row if found else 0)):
            found += more
        return found

    def rewind(self) -> None:
        """Begin again with the first."""
        self.after = 0

    async def _found(self, which: str, values: Iterable[object]) -> list[Found]:
        query = f"""SELECT {_PAGE} FROM (SELECT items.row, key, payload, digest, {KNOWN} AS seq
            FROM (SELECT row, sum(size) OVER (ORDER BY row) - size AS before FROM (
                SELECT row, (SELECT length(payload) FROM payloads WHERE payloads.row = items.row) AS size
                FROM items WHERE job = ? AND status = 'pending' AND {which})) AS wanted
            CROSS JOIN items ON items.row = wanted.row CROSS JOIN payloads ON payloads.row = wanted.row
            CROSS JOIN jobs ON jobs.id = items.job
            WHERE before < {PAGE_BYTES})"""
        ((text,),) = await self._db.execute_fetchall(query, (self._job, *values))
        rows = sorted(_read_page(text))
        known = await self._known([seq for *_, seq in rows if seq])
        size = len(text) + sum(len(each.answer.output) for each in known.values())
        self._most = max(1, PAGE_BYTES * len(rows) // size) if rows else self._most
        return [
            Found(Item(row, key, fields, bytes.fromhex(digest)), known.get(seq))
            for row, key, fields, digest, seq in rows
        ]

    async def _known(self, seqs: Sequence[int]) -> dict[int, Known]:
        if not seqs:
            return {}
        query = f"""SELECT seq, outcome, coalesce(output, x''), coalesce(message, ''), finish_reason, model, at
            FROM results WHERE seq IN ({", ".join("?" * len(seqs))})"""
        rows = await self._db.execute_fetchall(query, seqs)
        return {
            seq: Known(Answer(Outcome(outcome), output, message, finish_reason), model, at)
            for seq, outcome, output, message, finish_reason, model, at in rows
        }


_read_page = msgspec.json.Decoder(list[tuple[int, str, dict[str, object], str, int]]).decode
