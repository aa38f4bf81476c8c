"""Rows that join a job while it runs: what is new, what has changed, and what has to wait."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ..identity import Identify
from ..source.row import Row
from . import payloads
from .loads import CHUNK_BYTES
from .migrations import BUSY_TIMEOUT_S
from .writer import Writer

PAGE_ROWS: Final = 1_000

_decode: Any = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of the rows that came."""

    waiting: list[Row]
    """Those whose items are still being asked as they were before."""
    changed: tuple[int, ...] = ()
    """Rows of items that were there before and are to be asked again."""
    stale: bool = False
    """Whether an output file has lines that no longer hold."""


class Last(NamedTuple):
    """How far the rows of a job have come."""

    number: int
    """The highest of the ids that are numbers."""
    line: int


class _Known(NamedTuple):
    row: int
    digest: bytes
    status: str

    def is_still(self, row: Row) -> bool:
        """Return whether the item asks what a row of the same id asks."""
        return self.digest == row.digest and self.status != "removed"

    def is_in_hand_as_other_than(self, row: Row) -> bool:
        """Return whether it has no answer yet, and asks something else."""
        return self.digest != row.digest and self.status == "pending"


class _Counts(NamedTuple):
    """What a result adds to the totals of its job."""

    done: int = 0
    failed: int = 0
    cut: int = 0
    cached: int = 0


def last(db: sqlite3.Connection, job: int) -> Last:
    """Return how far the rows of a job have come, so that more of them can follow."""
    query = "SELECT coalesce(max(CAST(key AS INTEGER)), 0), coalesce(max(line), 0) FROM items WHERE job = ?"
    return Last(*db.execute(query, (job,)).fetchone())


def mark_open(writer: Writer, job: int, *, is_open: bool) -> None:
    """Write whether more rows may come."""
    writer.do("UPDATE jobs SET open = ?1, repeats = repeats OR ?1 WHERE id = ?2", (is_open, job))


def stored(path: Path, job: int, identify: Identify) -> Iterator[Row]:
    """Yield the items that a job has, told apart anew: what makes their answers may be another than before."""
    query = f"""SELECT row, line, key, {payloads.OF_ITEM} FROM items WHERE job = ? AND row > ? AND status <> 'removed'
        ORDER BY row LIMIT {PAGE_ROWS}"""
    after = 0
    with closing(_connect(path)) as db:
        while page := _page(db, query, (job, after)):
            for _, line, key, payload in page:
                yield Row(line, key, payload, identify(key, _decode(payload)))
            after = page[-1][0]


def _page(db: sqlite3.Connection, query: str, values: tuple[int, int]) -> list[tuple[int, int, str, bytes]]:
    """Return the next of a query's rows, fewer where they are large; nothing is being read any more then."""
    page: list[tuple[int, int, str, bytes]] = []
    size = 0
    with closing(db.execute(query, values)) as rows:
        for row in rows:
            page.append(row)
            size += len(row[3])
            if size >= CHUNK_BYTES:
                break
    return page


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


def arrive(db: sqlite3.Connection, job: int, rows: Sequence[Row]) -> Arrived:
    """Add rows to a job that runs; those it has already stay as they are, and those that have changed are redone.

    An item that nobody has answered yet may be on its way to a server: what it has become waits until it is answered.
    """
    known = _known(db, job, rows)
    new: list[Row] = []
    changed: list[tuple[Row, _Known]] = []
    waiting: dict[str, list[Row]] = {}
    for row in rows:
        before = known.get(row.key)
        if row.key in waiting or (before and before.is_in_hand_as_other_than(row)):
            waiting.setdefault(row.key, []).append(row)
        elif before is None or not before.is_still(row):
            new.append(row) if before is None else changed.append((row, before))
            known[row.key] = _Known(0, row.digest, "pending")
    (load,) = db.execute("SELECT load FROM jobs WHERE id = ?", (job,)).fetchone()
    payloads.add(db, job, load, new)
    again = [before.row for row, before in changed if _renewed(db, job, row, before)]
    back = sum(before.status == "removed" for _, before in changed)
    stale = len(again) < len(changed) or any(before.status == "done" for _, before in changed)
    db.execute(
        "UPDATE jobs SET total = total + ?, load = load + ?, output_stale = output_stale OR ? WHERE id = ?",
        (len(new) + back, len(again) < len(changed), bool(changed), job),
    )
    return Arrived([row for each in waiting.values() for row in each], tuple(again), stale)


def _known(db: sqlite3.Connection, job: int, rows: Sequence[Row]) -> dict[str, _Known]:
    keys = msgspec.json.encode([row.key for row in rows]).decode()
    found = db.execute(
        f"""SELECT key, row, digest, status FROM items
        WHERE job = {job:d} AND key IN (SELECT value FROM json_each(?))""",  # a constant, for the job's own index
        (keys,),
    )
    return {key: _Known(row, digest, status) for key, row, digest, status in found}


def _renewed(db: sqlite3.Connection, job: int, row: Row, before: _Known) -> bool:
    """Write what an item has become, and return whether it is to be asked; it may have been, as it is now."""
    was = _counts(db, before.row, before.digest) if before.status in {"done", "failed"} else _Counts()
    db.execute("DELETE FROM results WHERE item = ? AND outcome <> 'ok'", (before.row,))
    now = _counts(db, before.row, row.digest)
    db.execute(
        "UPDATE items SET line = ?, digest = ?, status = ? WHERE row = ?",
        (row.line, row.digest, "done" if now.done else "pending", before.row),
    )
    payloads.renew(db, job, [row])
    db.execute(
        "UPDATE jobs SET done = done + ?, failed = failed + ?, cut = cut + ?, cached = cached + ? WHERE id = ?",
        (*(after - earlier for after, earlier in zip(now, was, strict=True)), job),
    )
    return not now.done


def _counts(db: sqlite3.Connection, row: int, digest: bytes) -> _Counts:
    query = """SELECT outcome = 'ok', outcome <> 'ok', outcome = 'ok' AND finish_reason = 'length', cached FROM results
        WHERE item = ? AND digest = ?"""
    found = db.execute(query, (row, digest)).fetchone()
    return _Counts(*found) if found else _Counts()
