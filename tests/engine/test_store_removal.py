"""A job is removed: all of it goes, nothing of another's does, and the file is short again."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from batchtop.engine.errors import UsageError
from batchtop.engine.store import answers, record, removal
from batchtop.engine.store.group import last_seq
from batchtop.engine.store.history import SAMPLE_COLUMNS
from batchtop.engine.store.lock import WorkspaceLock
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.removal import is_half_removed, remove
from batchtop.engine.store.tables import create_key_index

from .workshop import job_of, rows_of

ITEMS = 600
MOMENTS = 150
TABLES = ("items", "results", "samples", "lane_samples", "events", "changes", "dials", "lanes", "remote_batches")


class CutError(Exception):
    """The process that removes dies here."""


def stored(workspace: Path, name: str, *, state: str = "finished", items: int = ITEMS) -> int:
    """Make a job with something in every table, its rows between those of the jobs before."""
    digests = [f"{name}{number}".encode().rjust(16) for number in range(items)]
    with closing(connect(workspace)) as db:
        db.execute("BEGIN")
        row, _ = record.register(db, job_of(workspace, name=name), 0.0, ())
        last = last_seq(db)
        db.executemany(
            "INSERT INTO items (job, key, line, digest, load, status) VALUES (?, ?, ?, ?, 1, 'done')",
            ((row.id, str(n), n, digest) for n, digest in enumerate(digests)),
        )
        db.execute("INSERT INTO payloads SELECT row, zeroblob(800) FROM items WHERE job = ?", (row.id,))
        db.execute(
            """INSERT INTO results (job, item, digest, outcome, output, attempts, latency_ms, at)
            SELECT job, row, digest, 'ok', zeroblob(500), 1, 1, 1 FROM items WHERE job = ?""",
            (row.id,),
        )
        answers.take(db, last)
        if name != "last":
            answers.gather(db)
        db.executemany(
            f"""INSERT INTO samples (job, {SAMPLE_COLUMNS})
            VALUES (?, ?, 1, 1, 0, 1, '{{}}', x'80', 1, 1, 1, 1, 0, 0, 1, 1, '{{}}', 0, 1, 0, x'80')""",
            ((row.id, float(n)) for n in range(items)),
        )
        db.executemany(
            "INSERT INTO lane_samples VALUES (?, ?, ?, '{}')",
            ((row.id, float(n), lane) for n in range(MOMENTS) for lane in ("one", "two")),
        )
        db.execute("INSERT INTO events (job, at, level, message) VALUES (?, 0, 'info', 'a word')", (row.id,))
        db.execute("INSERT INTO changes (job, at, who, key, old, new) VALUES (?, 0, 'me', 'delay', 0, 1)", (row.id,))
        db.execute("INSERT INTO dials VALUES (?, 'delay', 1, 'me', 1)", (row.id,))
        db.execute("INSERT INTO remote_batches (tag, job, at, digests) VALUES (?1, ?1, 0, x'')", (row.id,))
        db.execute("INSERT INTO lanes VALUES (?, 'lane', '{}')", (row.id,))
        db.execute(
            "INSERT INTO commands (job, verb, args, who, at, state) VALUES (?, 'run', '{}', '', 0, 'applied')", (name,)
        )
        create_key_index(db, row.id)
        db.execute("UPDATE jobs SET state = ?, output_path = ? WHERE id = ?", (state, f"/{name}.jsonl", row.id))
        db.execute("COMMIT")
    return row.id


def all_of(workspace: Path, job: int) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows_of(workspace, f"SELECT * FROM {table} WHERE job = ?", job) for table in TABLES}


def pages(workspace: Path) -> int:
    return rows_of(workspace, "PRAGMA page_count")[0][0]


def answered(workspace: Path) -> list[int]:
    """The results that answer equal items, found already or not yet."""
    return [
        seq for (seq,) in rows_of(workspace, "SELECT seq FROM answers UNION ALL SELECT seq FROM new_answers ORDER BY 1")
    ]


def nothing_is_left(workspace: Path, job: int) -> bool:
    names = [name for (name,) in rows_of(workspace, "SELECT name FROM sqlite_schema")]
    assert rows_of(workspace, "PRAGMA integrity_check") == [("ok",)]
    ours, theirs = (rows_of(workspace, f"SELECT row FROM {table} ORDER BY row") for table in ("items", "payloads"))
    assert ours == theirs
    assert answered(workspace) == [seq for (seq,) in rows_of(workspace, "SELECT seq FROM results ORDER BY seq")]
    return not any(all_of(workspace, job).values()) and f"items_of_{job}" not in names


def cut_at(step: int) -> Callable[[int], None]:
    steps = iter(range(step))

    def tell(_rows: int) -> None:
        if next(steps, None) is None:
            raise CutError

    return tell


def silent(_rows: int) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a small job take many steps."""
    for name in ("STEP_ROWS", "STEP_ROWS_ALONE"):
        monkeypatch.setattr(removal, name, 100)
    monkeypatch.setattr(removal, "STEP_PAGES", 3)


def test_all_of_a_job_goes_and_all_of_the_others_stays(workspace: Path):
    first, gone, last = (stored(workspace, name) for name in ("first", "gone", "last"))
    others = [all_of(workspace, job) for job in (first, last)]
    before = pages(workspace)
    removed = remove(workspace, "gone", silent)
    assert nothing_is_left(workspace, gone)
    assert [all_of(workspace, job) for job in (first, last)] == others
    assert rows_of(workspace, "SELECT name FROM jobs ORDER BY id") == [("first",), ("last",)]
    assert rows_of(workspace, "SELECT job FROM commands ORDER BY id") == [("first",), ("last",)]
    assert pages(workspace) < 0.7 * before
    assert removed.given_back == 4096 * (before - pages(workspace))
    assert (removed.kept, workspace.stat().st_size) == (0, 4096 * pages(workspace))


def test_it_takes_no_more_than_a_step_at_a_time(workspace: Path):
    stored(workspace, "gone")
    told: list[int] = []
    remove(workspace, "gone", told.append)
    assert all(later - earlier <= 100 for earlier, later in pairwise(told))
    assert told[-1] == 3 * ITEMS + MOMENTS * 2 + 2


@pytest.mark.parametrize("step", [0, 1, 2, 4, 8, 12, 16, 20])
def test_what_was_cut_short_is_seen_and_is_finished_by_the_next(workspace: Path, step: int):
    other, gone = stored(workspace, "other"), stored(workspace, "gone")
    kept = all_of(workspace, other)
    with pytest.raises(CutError):
        remove(workspace, "gone", cut_at(step))
    assert is_half_removed(workspace, "gone")
    with Reader(workspace) as reader:
        assert reader.job("gone") is None
        (half,) = (job for job in reader.jobs() if job.name != "other")
    assert (half.name, half.state.value) == (f"gone (being removed, {gone})", "stopped")
    assert "`batchtop rm gone`" in half.reason
    assert is_half_removed(workspace, half.name)
    remove(workspace, half.name if step % 8 else "gone", silent)
    assert nothing_is_left(workspace, gone)
    assert all_of(workspace, other) == kept
    assert not is_half_removed(workspace, "gone")
    assert rows_of(workspace, "PRAGMA auto_vacuum") == [(2,)]


def test_a_name_and_an_output_are_free_as_soon_as_the_removal_begins(workspace: Path):
    gone = stored(workspace, "job")
    with pytest.raises(CutError):
        remove(workspace, "job", cut_at(5))
    new = stored(workspace, "job")
    with closing(connect(workspace)) as db:
        record.output_place(db, new, "/job.jsonl")
    assert not is_half_removed(workspace, "job"), "there is a whole one, and somebody has to say yes to its end"
    remove(workspace, "job", silent)
    assert nothing_is_left(workspace, gone)
    assert nothing_is_left(workspace, new)
    assert rows_of(workspace, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize("step", [1, 2, 5, 9])
def test_of_two_at_once_the_later_spares_what_has_the_number_since(workspace: Path, step: int):
    gone, new = stored(workspace, "gone"), 0
    left = iter(range(step))

    def tell(_rows: int) -> None:
        nonlocal new
        if next(left, None) is None and not new:
            remove(workspace, "gone", silent)
            new = stored(workspace, "new")

    remove(workspace, "gone", tell)
    assert new == gone
    many = {"items": ITEMS, "results": ITEMS, "samples": ITEMS, "lane_samples": MOMENTS * 2}
    assert {table: len(rows) for table, rows in all_of(workspace, new).items()} == dict.fromkeys(TABLES, 1) | many
    assert rows_of(workspace, "SELECT count(*) FROM sqlite_schema WHERE name = ?", f"items_of_{new}") == [(1,)]


@pytest.mark.parametrize("state", ["queued", "loading", "running", "paused", "draining"])
def test_a_job_in_the_hands_of_an_engine_stays_as_it_is(workspace: Path, state: str):
    job = stored(workspace, "job", state=state)
    before = all_of(workspace, job)
    with WorkspaceLock(workspace), pytest.raises(UsageError, match=f"job is {state} in the engine with pid"):
        remove(workspace, "job", silent)
    assert all_of(workspace, job) == before
    remove(workspace, "job", silent)
    assert nothing_is_left(workspace, job)


def made_without_vacuum(workspace: Path) -> None:
    with closing(sqlite3.connect(workspace)) as db:
        db.execute("PRAGMA auto_vacuum = NONE")
        db.execute("CREATE TABLE first (page)")
        db.execute("DROP TABLE first")
        db.execute("PRAGMA journal_mode = WAL").fetchall()


def test_a_file_that_could_not_shrink_is_written_anew_and_can_from_then_on(workspace: Path):
    made_without_vacuum(workspace)
    stored(workspace, "one")
    before = pages(workspace)
    stored(workspace, "two")
    assert remove(workspace, "two", silent).kept == 0
    assert pages(workspace) <= before + 10
    assert rows_of(workspace, "PRAGMA auto_vacuum") == [(2,)]


def test_a_file_that_could_not_shrink_keeps_its_space_while_an_engine_has_it(workspace: Path):
    made_without_vacuum(workspace)
    gone = stored(workspace, "gone")
    before = pages(workspace)
    with WorkspaceLock(workspace):
        removed = remove(workspace, "gone", silent)
    assert nothing_is_left(workspace, gone)
    assert (removed.given_back, pages(workspace)) == (0, before)
    assert removed.kept > 0.8 * 4096 * before
