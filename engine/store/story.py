"""One item in full: what it holds, how it ended, and which tries came before."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ..item import Try
from ..vector import beginning

MOST_BYTES: Final = 200_000
"""So much is read of an item's fields, and of its output."""
ROWS_WITHOUT_INDEX: Final = 100_000
"""So many items of a job that is loaded for the first time are looked at: they have no index of their ids yet."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """JSON text as it is stored, of a long one the beginning."""

    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How an item ended, or had ended once."""

    stands: bool
    """Whether that counts: the item is still what was asked, and is not to be done again."""
    seq: int
    """Its number in the order of the commits."""
    outcome: str
    output: Excerpt
    """Empty for a failure."""
    message: str
    """What went wrong, empty for an answer."""
    attempts: int
    """Tries that counted, 0 for a copy."""
    latency_ms: float
    at: float
    """Seconds since the epoch; of a copy, when the answer came that it is of."""
    finish_reason: str
    model: str
    """The model that answered, where it was not the job's own."""
    cached: bool
    """Whether it was not asked, but has the answer of an equal item."""
    tries: tuple[Try, ...]
    """How its tries before the last one ended, oldest first."""


@dataclass(frozen=True, slots=True)
class ItemStory:
    """An item and what became of it."""

    key: str
    """Its id as JSON text."""
    row: int
    """Its number in the items table."""
    line: int
    """Where it stands in the input."""
    status: str
    """`pending`, `done`, `failed`, `removed` from the input, or `changed` while that is loaded."""
    fields: Excerpt
    """A JSON object."""
    ended: Ended | None
    """None while it has no result; the one of an earlier version of it where it has no other."""


# A result of the item as it is now goes before one of what it was.
_RESULT: Final = """coalesce(
    (SELECT seq FROM results AS own WHERE own.item = items.row AND own.digest = items.digest),
    (SELECT max(seq) FROM results AS old WHERE old.item = items.row))"""
_COLUMNS: Final = f"""items.row, line, status, substr(payload, 1, {MOST_BYTES}), length(payload), seq,
    results.digest = items.digest AND status = iif(outcome = 'ok', 'done', 'failed'), outcome,
    coalesce(substr(output, 1, {MOST_BYTES}), x''), coalesce(length(output), 0), coalesce(message, ''), attempts,
    latency_ms, at, finish_reason, model, cached, tries"""


def item_story(db: sqlite3.Connection, job: int, key: str) -> ItemStory | None:
    """Return an item, told by its id as JSON text, or None where there is none.

    Of a job that is loaded for the first time only items near the beginning of its input are found.
    """
    number = item_row(db, job, key)
    query = f"""SELECT {_COLUMNS} FROM items JOIN payloads ON payloads.row = items.row
        LEFT JOIN results ON seq = {_RESULT} WHERE items.row = ?"""
    found = db.execute(query, (number,)).fetchone()
    if found is None:
        return None
    row, line, status, payload, size, *ended = found
    return ItemStory(key, row, line, status, _excerpt(payload, size), _ended(ended) if ended[0] else None)


def item_row(db: sqlite3.Connection, job: int, key: str) -> int | None:
    """Return the row of an item, told by its id as JSON text; see `item_story`."""
    has_index = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
    if db.execute(has_index, (f"items_of_{job:d}",)).fetchone():
        query = f"SELECT row FROM items WHERE job = {job:d} AND key = ?"  # a constant, which the index needs
    else:
        query = f"""SELECT row FROM (SELECT row, key FROM items WHERE job = {job:d} AND status = 'pending'
            ORDER BY row LIMIT {ROWS_WITHOUT_INDEX}) WHERE key = ? LIMIT 1"""
    found = db.execute(query, (key,)).fetchone()
    return found[0] if found else None


def _ended(result: Sequence[Any]) -> Ended:
    seq, stands, outcome, output, size, message, attempts, latency_ms, at, finish_reason, model, cached, tries = result
    return Ended(
        stands=bool(stands),
        seq=seq,
        outcome=outcome,
        output=_excerpt(output, size),
        message=message,
        attempts=attempts,
        latency_ms=latency_ms,
        at=at,
        finish_reason=finish_reason,
        model=model,
        cached=bool(cached),
        tries=_decode_tries(tries) if tries else (),
    )


def _excerpt(raw: bytes, size: int) -> Excerpt:
    cut = size > len(raw)
    return Excerpt(beginning(raw, cut=cut).decode(errors="ignore"), cut)


_decode_tries = msgspec.json.Decoder(tuple[Try, ...]).decode
