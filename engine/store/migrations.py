"""Opens a workspace to write; a file made by an older version moves forward by itself."""

import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from ..errors import WorkspaceError, WorkspaceLostError
from .lock import owner
from .steps import STEPS

BUSY_TIMEOUT_S = 10.0
CACHE_KB: Final = 16_384
"""Where answers are gathered with each group, it touches a page for nearly each of its digests; with less room some are
written before its commit too."""
LOG_PAGES: Final = 8_000
"""How long the log grows before the engine brings it to the file, where a page of many groups is then written once."""
LONG_LOG_PAGES: Final = 4 * LOG_PAGES
"""And before another program does: SQLite up to 3.51.2 may lose pages where two do so one right after the other."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a workspace to write, made or moved forward to this version's tables.

    Raises WorkspaceError when the file is no workspace, can't be opened, or is of a newer version.
    """
    with ExitStack() as stack:
        try:
            db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            stack.enter_context(closing(db))
            if db.execute("PRAGMA page_count").fetchone() == (0,):
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that removed jobs give their space back
            _migrate(db, path)
            _use_wal(db)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
            db.execute(f"PRAGMA wal_autocheckpoint = {LONG_LOG_PAGES}")
        except sqlite3.Error as error:
            raise _kind(error)(f"{path}: cannot be used as a workspace ({error})") from error
        stack.pop_all()
    return db


def _kind(error: sqlite3.Error) -> type[WorkspaceError]:
    """Return whether the disk is the matter, or the file that was named."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return WorkspaceLostError if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR} else WorkspaceError


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, patiently: SQLite does not wait for another process that does the same."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    if _version(db) == len(STEPS):
        return
    with transaction(db):  # two processes may meet here: the second finds the work done
        version = _version(db)
        _check(db, path, version)
        _check_alone(path, version)
        for step in STEPS[version:]:
            step(db)
        db.execute(f"PRAGMA user_version = {len(STEPS)}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """Commit what is written in here, all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check_alone(path: Path, version: int) -> None:
    """Raise WorkspaceError where the engine of an older version runs: the tables that it works on would be others."""
    if 0 < version < len(STEPS) and (pid := owner(path)) not in {None, os.getpid()}:
        raise WorkspaceError(
            f"{path}: the engine with pid {pid} runs on it with an older batchtop; drain its jobs, then try again"
        )


def _check(db: sqlite3.Connection, path: Path, version: int) -> None:
    if version > len(STEPS):
        raise WorkspaceError(f"{path}: was written by a newer batchtop (tables of version {version}); update batchtop")
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise WorkspaceError(f"{path}: is an SQLite file, but no batchtop workspace; choose another with --db")
