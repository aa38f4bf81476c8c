"""Rows on their way through the preparation, in a database of their own that goes when it closes: memory stays flat."""

import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from ..errors import InputError
from ..source.row import Record

Rank: TypeAlias = int | float | str | None

_CACHE_KB: Final = 32_000

_decode: Any = msgspec.json.Decoder(dict[str, object]).decode


class Order(NamedTuple):
    """Which of the ranked rows come back, and in which order."""

    sql: str


HIGHEST: Final = Order("ORDER BY rank IS NULL, rank DESC, number")
LOWEST: Final = Order("ORDER BY rank IS NULL, rank, number")


def lowest(count: int) -> Order:
    """Return the order of the input, of so many rows as have the lowest ranks."""
    return Order(f"WHERE number IN (SELECT number FROM ranked ORDER BY rank, number LIMIT {count}) ORDER BY number")


@contextmanager
def _database(*tables: str) -> Generator[sqlite3.Connection]:
    """Open a database in memory that goes on in a temporary file where it grows."""
    try:
        with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as db:
            db.execute("PRAGMA journal_mode = OFF")
            db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            for table in tables:
                db.execute(table)
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        raise InputError(
            f"the preparation has no room for its rows ({error}); set SQLITE_TMPDIR to a folder that has"
        ) from error


def in_order(ranked: Iterable[tuple[Rank, Record]], order: Order) -> Iterator[Record]:
    """Yield records in another order, once all have come."""
    with _database(
        "CREATE TABLE ranked (number INTEGER PRIMARY KEY, rank, line INTEGER, key TEXT, payload BLOB)",
    ) as db:
        db.executemany(
            "INSERT INTO ranked (rank, line, key, payload) VALUES (?, ?, ?, ?)",
            ((rank, record.line, record.key, record.payload) for rank, record in ranked),
        )
        for line, key, payload in db.execute(f"SELECT line, key, payload FROM ranked {order.sql}"):
            yield Record(line, key, _decode(payload), payload)


class Seen:
    """Digests, each with the key of the row that had it first."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def first(self, digest: bytes, key: str) -> str | None:
        """Return the key of the first row with a digest, None where it is this one."""
        if self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, key)).rowcount:
            return None
        return str(self._db.execute("SELECT key FROM seen WHERE digest = ?", (digest,)).fetchone()[0])


@contextmanager
def seen() -> Generator[Seen]:
    """Open a memory of digests."""
    with _database("CREATE TABLE seen (digest BLOB PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID") as db:
        yield Seen(db)
