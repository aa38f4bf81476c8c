"""A job leaves the workspace with all that is kept of it, in short steps, and the file gives its space back.

Whoever removes writes for himself, beside an engine that may be at other jobs: each step is a transaction of its own,
and between two steps the engine has its turn. The row of the job goes last and is marked from the first step on, so
that a removal cut short at any point is seen, can't be run, and is finished by the next.
"""

import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import UsageError, WorkspaceError
from ..snapshot import ACTIVE
from .lock import owner
from .migrations import BUSY_TIMEOUT_S, connect, transaction
from .remote import names_of

STEP_ROWS: Final = 2_000
"""Rows that go in one transaction while an engine has the workspace: it waits for some 20 ms."""
STEP_ROWS_ALONE: Final = 20_000
STEP_PAGES: Final = 500
CACHE_KB: Final = 65_536
"""Digests lie in no order, so nearly every page of `answers` is touched again and again."""

_TABLES: Final = (
    ("results", "seq"),
    ("items", "row"),
    ("samples", "at"),
    ("lane_samples", "at"),
    ("events", "id"),
    ("changes", "id"),
)
"""Each with the column that orders it; what points to others goes before what it points to."""
_SMALL_TABLES: Final = ("dials", "lanes", "remote_batches")
_STILL: Final = "EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND spec ->> '$.removing' IS NOT NULL)"
"""Another removal may have come to the end first, and the number of the job may be a new job's since."""
_WHOLE: Final = "SELECT id, state FROM jobs WHERE name = ? AND spec ->> '$.removing' IS NULL"
_MARKED: Final = """SELECT id FROM jobs WHERE spec ->> '$.removing' = ?1
    OR (name = ?1 AND spec ->> '$.removing' IS NOT NULL)"""


class Removed(NamedTuple):
    """What a removal brought, in bytes."""

    given_back: int
    """To the disk."""
    kept: int
    """By the file, for what comes next."""


def is_half_removed(path: Path, name: str) -> bool:
    """Tell whether nothing is left of a job of this name but what a removal left that never came to its end."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as db:
        return db.execute(_WHOLE, (name,)).fetchone() is None and db.execute(_MARKED, (name,)).fetchone() is not None


def left_at_provider(path: Path, name: str) -> list[str]:
    """Return what people know the batches by that a job, or what is left of it, has at a provider."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as db:
        jobs = [job for (job, *_) in (*db.execute(_WHOLE, (name,)), *db.execute(_MARKED, (name,)))]
        return [batch for job in jobs for batch in names_of(db, job)]


def remove(path: Path, name: str, tell: Callable[[int], None]) -> Removed:
    """Remove a job, and what a removal that was cut short left of one of this name.

    Raises UsageError while an engine has the job. `tell` hears after each step how many rows are gone.
    """
    rows = 0
    with _opened(path) as db:
        size = _number(db, "page_count")
        _mark(db, path, name)
        marked = [job for (job,) in db.execute(_MARKED, (name,))]
        for job in marked:
            for _ in _in_turns(path, _drop_keys(db, job)):
                tell(rows)
            with _shrinking(db):
                for step in _in_turns(path, _clear(db, path, job)):
                    rows += step
                    tell(rows)
        if not _number(db, "auto_vacuum") and owner(path) is None:
            db.execute("VACUUM")  # of an age before workspaces could give space back; now it can
        with transaction(db):
            db.executemany(f"DELETE FROM jobs WHERE id = ?1 AND {_STILL}", ((job,) for job in marked))
        _checkpoint(db, path)
        page = _number(db, "page_size")
        return Removed((size - _number(db, "page_count")) * page, _number(db, "freelist_count") * page)


def _mark(db: sqlite3.Connection, path: Path, name: str) -> None:
    """Take its name and its output file from a job: another may have them from now on."""
    with transaction(db):
        row = db.execute(_WHOLE, (name,)).fetchone()
        if row is None:
            return
        job, state = row
        check_idle(path, name, state)
        db.execute(
            """UPDATE jobs SET name = ?1 || ' (being removed, ' || id || ')', spec = json_object('removing', ?1),
            state = 'stopped', reason = ?2, exit_code = NULL, output_path = '' WHERE id = ?3""",
            (name, f"half of it is gone; `batchtop rm {name}` removes the rest", job),
        )
        db.execute("DELETE FROM commands WHERE job = ? AND state <> 'new'", (name,))


def check_idle(path: Path, name: str, state: str) -> None:
    """Raise UsageError while an engine has a job in its hands."""
    pid = owner(path) if state in ACTIVE else None
    if pid is not None:
        raise UsageError(f"{name} is {state} in the engine with pid {pid}; drain or cancel it first")


def _drop_keys(db: sqlite3.Connection, job: int) -> Iterator[int]:
    """Drop a job's index of ids, which is quick, and give its pages back, which is not."""
    with transaction(db):
        if db.execute(f"SELECT {_STILL}", (job,)).fetchone() == (1,):
            db.execute(f"DROP INDEX IF EXISTS items_of_{job}")
    yield 0
    before = 0
    while before != (free := _number(db, "freelist_count")):
        yield free
        before = free
        db.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")  # `execute` stops at the first page


def _clear(db: sqlite3.Connection, path: Path, job: int) -> Iterator[int]:
    """Delete all that belongs to a job but its row, and yield how many rows each step took."""
    for table, key in _TABLES:
        yield from _clear_table(db, path, job, table, key)
    with transaction(db):
        for table in _SMALL_TABLES:
            db.execute(f"DELETE FROM {table} WHERE job = ?1 AND {_STILL}", (job,))


def _clear_table(db: sqlite3.Connection, path: Path, job: int, table: str, key: str) -> Iterator[int]:
    following = f"SELECT {key} FROM {table} WHERE job = ? AND {key} > ? ORDER BY {key} LIMIT ?"
    last = -1
    while True:
        rows = STEP_ROWS_ALONE if owner(path) is None else STEP_ROWS
        # Looked up before the transaction begins: among items of other jobs that takes long.
        count, end = db.execute(f"SELECT count(*), max({key}) FROM ({following})", (job, last, rows)).fetchone()
        if not count:
            return
        with transaction(db):
            going = f"job = ?1 AND {key} > ?2 AND {key} <= ?3"
            db.execute(f"DELETE FROM {table} WHERE {going} AND {_STILL}", (job, last, end))
        yield count
        last = end


def _in_turns(path: Path, steps: Iterator[int]) -> Iterator[int]:
    """Take one step after the other, and let an engine write for as long as the last one took."""
    while True:
        began = time.monotonic()
        step = next(steps, None)
        if step is None:
            return
        took_s = time.monotonic() - began
        yield step
        if owner(path) is not None:
            time.sleep(took_s)


def _checkpoint(db: sqlite3.Connection, path: Path) -> None:
    """Have the file itself be short now; where an engine runs, its next commits see to that."""
    if owner(path) is None:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextmanager
def _shrinking(db: sqlite3.Connection) -> Generator[None]:
    """Have each commit give back what it frees, so that no long list of free pages has to be searched for each."""
    db.execute("PRAGMA auto_vacuum = FULL")
    try:
        yield
    finally:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])


@contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    db = connect(path)
    try:
        db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        db.execute("PRAGMA secure_delete = FAST")  # pages that the file gives back need not be overwritten first
        yield db
    except sqlite3.Error as error:
        raise WorkspaceError(f"{path}: the job could not be removed ({error}); `rm` again goes on with it") from error
    finally:
        db.close()
