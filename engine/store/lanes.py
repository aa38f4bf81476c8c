"""What lanes have used and learned, kept for the engine that comes next."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from ..errors import UsageError
from ..snapshot import JobRow
from .migrations import connect, transaction
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


def lanes_of(path: Path, job: JobRow) -> list[str]:
    """Return the names of the lanes of a job, those among them that its last run did not have."""
    with closing(connect(path)) as db:
        return [name for (name,) in db.execute("SELECT name FROM lanes WHERE job = ? ORDER BY name", (job.id,))]


def switch_at_rest(path: Path, job: JobRow, name: str, *, enabled: bool) -> None:
    """Switch a lane off or on for the next run of a job that no engine runs; raises UsageError where it has none."""
    with closing(connect(path)) as db, transaction(db):
        switched = db.execute(
            "UPDATE lanes SET state = json_set(state, '$.enabled', json(?)) WHERE job = ? AND name = ?",
            ("true" if enabled else "false", job.id, name),
        )
        if not switched.rowcount:
            raise UsageError(f"{job.name}: there is no lane {name!r} any more")
