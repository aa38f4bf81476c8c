"""What the rows of an input hold, kept apart from their items: one that ends changes a few bytes, not all it holds."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from ..source.row import Row

OF_ITEM: Final = "(SELECT payload FROM payloads WHERE payloads.row = items.row)"
"""What an item holds, as JSON, where `items` are looked through."""


def add(db: sqlite3.Connection, job: int, load: int, rows: Sequence[Row]) -> None:
    """Store rows whose items are new."""
    (last,) = db.execute("SELECT coalesce(max(row), 0) FROM items").fetchone()
    numbered = list(enumerate(rows, last + 1))
    db.executemany(
        "INSERT INTO items (row, job, key, line, digest, load) VALUES (?, ?, ?, ?, ?, ?)",
        ((number, job, row.key, row.line, row.digest, load) for number, row in numbered),
    )
    db.executemany("INSERT INTO payloads VALUES (?, ?)", ((number, row.payload) for number, row in numbered))


def renew(db: sqlite3.Connection, job: int, rows: Sequence[Row]) -> None:
    """Store what rows hold now whose items are there already."""
    db.executemany(
        f"""INSERT INTO payloads SELECT row, ? FROM items WHERE job = {job:d} AND key = ?
        ON CONFLICT (row) DO UPDATE SET payload = excluded.payload WHERE payload <> excluded.payload""",
        ((row.payload, row.key) for row in rows),
    )
