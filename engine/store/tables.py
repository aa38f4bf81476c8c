"""The tables of a workspace as they were first; what they have become since is in `steps`."""

import sqlite3
from typing import Final

TABLES: Final = """
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
    output BLOB,                            -- when the outcome is ok: JSON text, or a vector (engine/vector.py)
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
    verb TEXT NOT NULL,                     -- run set undo preset pause resume drain cancel retest retry lane
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


def create_key_index(db: sqlite3.Connection, job: int) -> None:
    """Give a job its index of ids, which is also what keeps them apart; raises IntegrityError where two are equal.

    One for each job, made when its rows are there: in one for all, ids in no order slow a load down to a third.
    """
    db.execute(f"CREATE UNIQUE INDEX items_of_{job} ON items (key) WHERE job = {job}")


def through(db: sqlite3.Connection, job: int) -> str:
    """Return how a statement best comes by all items of a loaded job: ids in no order lead all over the table."""
    (mine,) = db.execute(f"SELECT count(*) FROM items INDEXED BY items_of_{job} WHERE job = {job}").fetchone()
    (most,) = db.execute("SELECT max(row) FROM items").fetchone()
    return "NOT INDEXED" if most and mine > most / 2 else f"INDEXED BY items_of_{job}"
