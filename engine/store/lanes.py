"""What lanes have used and learned, kept for the engine that comes next."""

import sqlite3
from typing import TypeAlias

from .writer import Writer

Identity: TypeAlias = tuple[str, str]
"""Server, model and name of the key's variable as one text, and the tag of the key."""


def remembered(db: sqlite3.Connection) -> dict[Identity, bytes]:
    """Return the state of each lane as JSON, for the key it was last used with."""
    return {
        (name, tag): state.encode() for name, tag, state in db.execute("SELECT name, key_tag, state FROM lane_memory")
    }


def remember(writer: Writer, identity: Identity, state: bytes, at: float) -> None:
    """Keep a lane's state; with another key than before, that of the earlier one is forgotten."""
    writer.do(
        "INSERT OR REPLACE INTO lane_memory (name, key_tag, state, at) VALUES (?, ?, ?, ?)",
        (*identity, state.decode(), at),
    )
