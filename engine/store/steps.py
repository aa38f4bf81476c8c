"""How the tables of a workspace came to be what they are, one step from each version to the next."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

from ..identity import Identify, identify
from ..job import JobSpec
from .tables import TABLES, create_key_index

Step: TypeAlias = Callable[[sqlite3.Connection], None]

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

_IDENTITY = """
-- Items that were answered by what an equal item was answered before, here or in another job.
ALTER TABLE jobs ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;
-- Items that ended by being asked, over all runs, also where the answer counts no more.
ALTER TABLE jobs ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET asked = done + failed;
-- Answers of other jobs from before this time are none for this one: it was to be done afresh.
ALTER TABLE jobs ADD COLUMN fresh_from REAL NOT NULL DEFAULT 0;
-- Failures from before this time keep no item of this job from being tried: they were to be tried again.
ALTER TABLE jobs ADD COLUMN retry_from REAL NOT NULL DEFAULT 0;
-- Pending items up to this row are in the hands of the engine, or were when it died; 0 after an orderly end.
ALTER TABLE jobs ADD COLUMN leased_row INTEGER NOT NULL DEFAULT 0;
-- Items that may have been sent, and billed, by engines that died before the answer was kept.
ALTER TABLE jobs ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;
-- 1: not asked, but copied from the answer to an equal item, with the time of that.
ALTER TABLE results ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;
-- What equal items are answered with: good answers, and refusals that will not change. Where very many ask the same,
-- each of them finds one at once, as nothing has to be sorted.
CREATE INDEX results_ok ON results (digest, at) WHERE outcome = 'ok';
CREATE INDEX results_refused ON results (digest, at) WHERE outcome = 'bad_item';
DROP INDEX results_failed;
CREATE INDEX results_failed ON results (job, outcome, message) WHERE outcome <> 'ok';
-- In its place each job has an index of its own, items_of_1 and so on, made when its first load is over.
DROP INDEX items_by_key;
"""

_LOOKING_BACK = """
-- How late the engine's loop was at most, how many connections were open, and the requests a minute that all lanes in
-- use allowed together, 0 where one is unknown.
ALTER TABLE samples ADD COLUMN lag_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN connections INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN rpm_limit INTEGER NOT NULL DEFAULT 0;
-- How a lane stood at some moments, so that one of the past can be looked at.
CREATE TABLE lane_samples (
    job INTEGER NOT NULL REFERENCES jobs,
    at REAL NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,                    -- JSON
    PRIMARY KEY (job, at, name)
) STRICT, WITHOUT ROWID;
-- The attempts before the last one of an item, which ended badly: JSON, empty where there was none.
ALTER TABLE results ADD COLUMN tries TEXT NOT NULL DEFAULT '';
"""

_TOTALS_OF_THE_MOMENT = """
-- The totals of the job at the end of the span that later runs take back, NULL in what an older version wrote: items
-- that are tried again, asked afresh, changed or gone count no more.
ALTER TABLE samples ADD COLUMN job_total INTEGER;
ALTER TABLE samples ADD COLUMN job_done INTEGER;
ALTER TABLE samples ADD COLUMN job_failed INTEGER;
ALTER TABLE samples ADD COLUMN job_cut INTEGER;
ALTER TABLE samples ADD COLUMN job_cached INTEGER;
ALTER TABLE samples ADD COLUMN job_unsure INTEGER;
"""

_LIVE_INPUTS = """
-- 1: the input has not come to its end, so nobody knows how many items there will be.
ALTER TABLE jobs ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
"""

_STREAMS = """
-- When streamed answers began: a histogram as that of the latency; x'80' is an empty one.
ALTER TABLE samples ADD COLUMN first BLOB NOT NULL DEFAULT x'80';
"""

_REMOTE_BATCHES = """
-- Files of questions in the hands of a provider, whose answers are not all collected.
CREATE TABLE remote_batches (
    tag TEXT PRIMARY KEY,                   -- what it is known by here, and told to the provider with it
    job INTEGER NOT NULL REFERENCES jobs,
    id TEXT NOT NULL DEFAULT '',            -- what the provider knows it by; empty until that has answered
    at REAL NOT NULL,
    digests BLOB NOT NULL,                  -- of the items whose answers are to be collected, 16 bytes each
    cancelled INTEGER NOT NULL DEFAULT 0    -- 1: it was ended from here
) STRICT, WITHOUT ROWID;
"""

_FORGET = """ON results WHEN old.outcome IN ('ok', 'bad_item') BEGIN
    DELETE FROM new_answers WHERE seq = old.seq; DELETE FROM answers
    WHERE digest = old.digest AND refused = (old.outcome = 'bad_item') AND at = old.at AND seq = old.seq; END"""
_ANSWERS = f"""
-- 1 unless it is known that no two items ask the same: what one is answered is then looked for while the job runs.
ALTER TABLE jobs ADD COLUMN repeats INTEGER NOT NULL DEFAULT 1;
-- What equal items are answered with, by what was asked. Where very many ask the same, each of them finds one at once,
-- as nothing has to be sorted.
CREATE TABLE answers (
    digest BLOB NOT NULL,
    refused INTEGER NOT NULL,               -- 0: a good answer; 1: a refusal that will not change
    at REAL NOT NULL,                       -- of the result
    seq INTEGER NOT NULL,                   -- of the result
    PRIMARY KEY (digest, refused, at, seq)
) STRICT, WITHOUT ROWID;
-- Those that are not among them yet (store/answers.py).
CREATE TABLE new_answers (
    seq INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    refused INTEGER NOT NULL,
    at REAL NOT NULL
) STRICT;
INSERT INTO answers SELECT digest, outcome = 'bad_item', at, seq FROM results WHERE outcome IN ('ok', 'bad_item')
    ORDER BY digest;
DROP INDEX results_ok;
DROP INDEX results_refused;
CREATE TRIGGER answer_gone AFTER DELETE {_FORGET};
-- What is to be asked afresh takes a digest that nobody has.
CREATE TRIGGER answer_disowned AFTER UPDATE OF digest {_FORGET};
"""

_PAYLOADS = """
-- What the rows of the input hold, apart from the items, which are written to when they end.
CREATE TABLE payloads (
    row INTEGER PRIMARY KEY,                -- of the item
    payload BLOB NOT NULL                   -- its fields as JSON
) STRICT;
INSERT INTO payloads SELECT row, payload FROM items ORDER BY row;
CREATE TABLE slim (
    row INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs,
    key TEXT NOT NULL,                      -- its id as JSON text
    line INTEGER NOT NULL,                  -- where it stands in the input
    digest BLOB NOT NULL,                   -- of its content and what makes its answer
    load INTEGER NOT NULL,                  -- the load that saw it last
    status TEXT NOT NULL DEFAULT 'pending'  -- pending done failed removed, and changed until a load is over
) STRICT;
INSERT INTO slim SELECT row, job, key, line, digest, load, status FROM items ORDER BY row;
DROP TABLE items;
ALTER TABLE slim RENAME TO items;
CREATE TRIGGER payload_gone AFTER DELETE ON items BEGIN DELETE FROM payloads WHERE row = old.row; END;
"""


def _script(statements: str) -> Step:
    """Return a step that does nothing but run these, one by one: `executescript` would commit between them."""

    def step(db: sqlite3.Connection) -> None:
        for statement in statements.split(";\n"):
            db.execute(statement)

    return step


def _part_payloads(db: sqlite3.Connection) -> None:
    """Keep what items hold apart from them; they are made anew, as a column that is dropped leaves its room behind."""
    indexes = db.execute("SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'items'").fetchall()
    _script(_PAYLOADS)(db)
    for (index,) in indexes:
        db.execute(index)


def _identify_by_content(db: sqlite3.Connection) -> None:
    """Tell items by what is asked, not by all that their row holds, and let equal items of all jobs share answers."""
    _script(_IDENTITY)(db)
    for job, spec in db.execute("SELECT id, spec FROM jobs").fetchall():
        create_key_index(db, job)
        with suppress(msgspec.MsgspecError):  # a job that this version can't run keeps its results as they are
            _digest_anew(db, job, identify(msgspec.json.decode(spec, type=JobSpec)))


def _digest_anew(db: sqlite3.Connection, job: int, digest_of: Identify) -> None:
    def digest(key: str, payload: bytes) -> bytes:
        return digest_of(key, msgspec.json.decode(payload, type=dict[str, object]))

    db.create_function("digest_of", 2, digest, deterministic=True)
    db.execute(
        """UPDATE results SET digest = (SELECT digest_of(key, payload) FROM items WHERE row = item)
        WHERE job = ?1 AND digest = (SELECT digest FROM items WHERE row = item)""",
        (job,),
    )
    db.execute("UPDATE items SET digest = digest_of(key, payload) WHERE job = ?", (job,))
    db.create_function("digest_of", 2, None)


STEPS: Final[tuple[Step, ...]] = (
    _script(TABLES),
    _script(_TIME_AND_LANES),
    _identify_by_content,
    _script(_LOOKING_BACK),
    _script(_TOTALS_OF_THE_MOMENT),
    _script(_LIVE_INPUTS),
    _script(_STREAMS),
    _script(_REMOTE_BATCHES),
    _script(_ANSWERS),
    _part_payloads,
)
"""Each step moves the file from the version of its index to the next."""
