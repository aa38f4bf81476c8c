"""The tables of a workspace, as an ordered list of steps; a file made by an older version moves forward by itself."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from ..errors import WorkspaceError

BUSY_TIMEOUT_S = 10.0

_TABLES = """
-- One row a job, known by its name; totals are kept by the writer in the transaction of the results they count.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,                     -- the job file as JSON; holds names of key variables, never keys
    state TEXT NOT NULL,                    -- queued loading running paused draining finished drained cancelled stopped
    reason TEXT NOT NULL DEFAULT '',
    exit_code INTEGER,
    total INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    errors TEXT NOT NULL DEFAULT '{}',      -- attempts that ended badly, by outcome, JSON
    tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    cost REAL,                              -- USD; NULL where no price is known
    created_at REAL NOT NULL,               -- this and every other time: seconds since the epoch
    started_at REAL,
    ended_at REAL,
    active_s REAL NOT NULL DEFAULT 0,
    stamp TEXT NOT NULL DEFAULT '',         -- of the input and what makes the answer, when it was last loaded
    load INTEGER NOT NULL DEFAULT 0,        -- how often the input was loaded
    output_path TEXT NOT NULL DEFAULT '',   -- the output file this job wrote last, whatever the spec says now
    output_seq INTEGER NOT NULL DEFAULT 0,  -- the last result in that file
    output_bytes INTEGER NOT NULL DEFAULT 0, -- how long it is then
    output_stale INTEGER NOT NULL DEFAULT 0 -- 1: what it should hold has changed, it is written anew
) STRICT;

-- The settings in force, and where each value comes from.
CREATE TABLE dials (
    job INTEGER NOT NULL REFERENCES jobs,
    key TEXT NOT NULL,
    value REAL NOT NULL,
    origin TEXT NOT NULL,
    live INTEGER NOT NULL,                  -- 1: changed while running; survives a resume
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
    row INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs,
    key TEXT NOT NULL,                      -- its id as JSON text
    line INTEGER NOT NULL,                  -- where it stands in the input
    digest BLOB NOT NULL,                   -- of its content and what makes its answer
    payload BLOB NOT NULL,                  -- its fields as JSON
    load INTEGER NOT NULL,                  -- the load that saw it last
    status TEXT NOT NULL DEFAULT 'pending'  -- pending done failed removed, and changed until a load is over
) STRICT;
CREATE UNIQUE INDEX items_by_key ON items (job, key);
CREATE INDEX items_pending ON items (job, row) WHERE status = 'pending';

-- One row an item that is done or failed, in the order of the commits. What is ok was paid for and stays when the item
-- changes or goes: it counts where its digest is the item's, and again when the item is back.
CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs,
    item INTEGER NOT NULL REFERENCES items,
    digest BLOB NOT NULL,                   -- the item's when it was sent
    outcome TEXT NOT NULL,
    output BLOB,                            -- JSON, when the outcome is ok
    message TEXT,                           -- what went wrong, when it is not
    attempts INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    at REAL NOT NULL,
    UNIQUE (item, digest)
) STRICT;
CREATE INDEX results_by_job ON results (job, seq);
CREATE INDEX results_failed ON results (job, outcome) WHERE outcome <> 'ok';

-- What happened in each second.
CREATE TABLE samples (
    job INTEGER NOT NULL REFERENCES jobs,
    at REAL NOT NULL,
    span_s REAL NOT NULL,
    items INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors TEXT NOT NULL,
    latency BLOB NOT NULL,                  -- histogram of ms, MessagePack: bucket -> count; bucket b ends at 1.02^b
    in_flight INTEGER NOT NULL,
    target INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    cost REAL NOT NULL,
    backlog INTEGER NOT NULL,
    rss_mb REAL NOT NULL,
    cpu REAL NOT NULL,
    PRIMARY KEY (job, at)
) STRICT, WITHOUT ROWID;

-- The latest state of what a server limits.
CREATE TABLE lanes (
    job INTEGER NOT NULL REFERENCES jobs,
    name TEXT NOT NULL,
    state TEXT NOT NULL,                    -- JSON
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs,
    at REAL NOT NULL,
    level TEXT NOT NULL,                    -- info warn error
    message TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_job ON events (job, id);

-- Every change of a setting while the job ran.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    key TEXT NOT NULL,
    old REAL NOT NULL,
    new REAL NOT NULL
) STRICT;
CREATE INDEX changes_by_job ON changes (job, id);

-- What somebody asks of the engine; answered in the same row.
CREATE TABLE commands (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    verb TEXT NOT NULL,                     -- run set preset pause resume drain cancel retest
    args TEXT NOT NULL,                     -- JSON
    who TEXT NOT NULL,
    at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',      -- new applied refused
    answer TEXT NOT NULL DEFAULT '',
    exit_code INTEGER,
    answered_at REAL
) STRICT;
CREATE INDEX commands_new ON commands (id) WHERE state = 'new';

-- The engine that owns this workspace, while one does.
CREATE TABLE engine (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER NOT NULL,
    started_at REAL NOT NULL,
    heartbeat_at REAL NOT NULL
) STRICT;
"""

_TIME_AND_LANES = """
-- Slot-seconds by what they were spent on, JSON.
ALTER TABLE jobs ADD COLUMN spent TEXT NOT NULL DEFAULT '{}';
ALTER TABLE samples ADD COLUMN spent TEXT NOT NULL DEFAULT '{}';
-- Answers kept though the token limit cut them short.
ALTER TABLE jobs ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
-- 'length' where the token limit cut the answer short.
ALTER TABLE results ADD COLUMN finish_reason TEXT NOT NULL DEFAULT '';
-- The model that answered, where it was not the job's own.
ALTER TABLE results ADD COLUMN model TEXT NOT NULL DEFAULT '';
-- What a lane has used and learned of its limits, so that a restart goes on where the last engine stopped.
CREATE TABLE lane_memory (
    name TEXT PRIMARY KEY,
    key_tag TEXT NOT NULL,                  -- tells keys apart and can't be turned back into one
    state TEXT NOT NULL,                    -- JSON
    at REAL NOT NULL
) STRICT;
"""


def _create_tables(db: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";\n"):
        db.execute(statement)


def _add_time_and_lanes(db: sqlite3.Connection) -> None:
    """Add where the time went, answers cut short, which model answered, and what lanes remember."""
    for statement in _TIME_AND_LANES.split(";\n"):
        db.execute(statement)


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create_tables, _add_time_and_lanes)
"""Each step moves the file from the version of its index to the next."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a workspace to write, made or moved forward to this version's tables.

    Raises WorkspaceError when the file is no workspace, can't be opened, or is of a newer version.
    """
    with ExitStack() as stack:
        try:
            db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            stack.enter_context(closing(db))
            _migrate(db, path)
            _use_wal(db)
            db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            raise WorkspaceError(f"{path}: cannot be used as a workspace ({error})") from error
        stack.pop_all()
    return db


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
    db.execute("BEGIN IMMEDIATE")  # two processes may meet here: the second finds the work done
    try:
        version = _version(db)
        _check(db, path, version)
        for step in STEPS[version:]:
            step(db)
        db.execute(f"PRAGMA user_version = {len(STEPS)}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check(db: sqlite3.Connection, path: Path, version: int) -> None:
    if version > len(STEPS):
        raise WorkspaceError(f"{path}: was written by a newer batchtop (tables of version {version}); update batchtop")
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise WorkspaceError(f"{path}: is an SQLite file, but no batchtop workspace; choose another with --db")
