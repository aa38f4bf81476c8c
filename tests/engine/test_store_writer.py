"""The one writer: groups, totals beside their results, and what happens when the database can't be written."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.errors import InputError, WorkspaceError
from batchtop.engine.outcome import Outcome
from batchtop.engine.settle import Settled
from batchtop.engine.store import writer as writer_module
from batchtop.engine.store.writer import GROUP_ROWS, Writer

from .other_program import locked
from .workshop import finish, job_of, registered, rows_of, settled, until

RESULTS = "SELECT item, outcome, output, message, attempts FROM results ORDER BY seq"
TOTALS = "SELECT done, failed, requests, tokens_in, tokens_out FROM jobs"


class Groups:
    """A sink that keeps what each commit brought, and what another connection sees of it at that moment."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self.groups: list[list[int]] = []
        self.seen: list[tuple[int, int]] = []
        self.moved = False

    def append(self, settled: Sequence[Settled], last_seq: int) -> None:
        self.groups.append([each.item.row for each in settled])
        ((stored, counted),) = rows_of(
            self._workspace, "SELECT (SELECT count(*) FROM results), done + failed FROM jobs"
        )
        self.seen.append((stored, counted))
        assert stored == last_seq
        self.moved = True

    def position(self) -> tuple[int, int] | None:
        moved, self.moved = self.moved, False
        return (self.groups[-1][-1], 1000) if moved else None

    @property
    def items(self) -> list[int]:
        return [row for group in self.groups for row in group]


@pytest.fixture
async def job(writer: Writer, workspace: Path) -> int:
    return await with_items(writer, workspace)


async def with_items(writer: Writer, workspace: Path, name: str = "job", count: int = 2000) -> int:
    """Register a job with so many items; those of the first job in a file have the rows from 1."""
    job = await registered(writer, job_of(workspace, name=name))
    await writer.run(
        lambda db: db.executemany(
            "INSERT INTO items (job, key, line, digest, load) VALUES (?, ?, 1, x'', 1)",
            ((job, str(number)) for number in range(count)),
        )
    )
    return job


async def test_results_items_and_totals_tell_the_same_story(writer: Writer, workspace: Path, job: int):
    finish(writer, job, settled(1), settled(2, Outcome.BAD_ITEM, attempts=3), settled(3))
    for outcome, usage in (
        (Outcome.OK, Usage(10, 2)),
        (Outcome.OVERLOADED, Usage(1, 0)),
        (Outcome.OVERLOADED, Usage()),
    ):
        writer.tally(job).request(outcome, usage, 0.0)
    await writer.flush()
    writer.tally(job).request(Outcome.TIMEOUT, Usage(), 0.0)
    await writer.flush()
    assert rows_of(workspace, RESULTS) == [
        (1, "ok", b'"yes"', None, 1),
        (2, "bad_item", None, "it was bad_item", 3),
        (3, "ok", b'"yes"', None, 1),
    ]
    assert rows_of(workspace, "SELECT status FROM items ORDER BY row LIMIT 4") == [
        ("done",),
        ("failed",),
        ("done",),
        ("pending",),
    ]
    assert rows_of(workspace, TOTALS) == [(2, 1, 4, 11, 2)]
    assert rows_of(workspace, "SELECT errors ->> '$.overloaded', errors ->> '$.timeout' FROM jobs") == [(2, 1)]


async def test_a_full_group_waits_for_no_time_to_pass(
    writer: Writer, workspace: Path, job: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("batchtop.engine.store.writer.GROUP_S", 3600)
    finish(writer, job, *map(settled, range(1, GROUP_ROWS + 1)))
    await until(lambda: writer.backlog == 0)


async def test_a_full_group_is_committed_though_the_loop_never_rests(writer: Writer, workspace: Path, job: int):
    groups, committed = Groups(workspace), threading.Event()
    writer.attach(job, groups, lambda: None)
    groups.position = lambda: committed.set() if groups.groups else None  # asked with the next group
    finish(writer, job, *map(settled, range(1, 2 * GROUP_ROWS + 2)))
    assert committed.wait(10), "nothing was awaited since"
    assert groups.items[:GROUP_ROWS] == list(range(1, GROUP_ROWS + 1))


async def test_groups_hold_many_results_and_keep_their_order(writer: Writer, workspace: Path, job: int):
    groups, woken = Groups(workspace), asyncio.Event()
    writer.attach(job, groups, woken.set)
    finish(writer, job, *map(settled, range(1, 1301)))
    assert writer.backlog == 1300
    await until(lambda: groups.items)
    finish(writer, job, *map(settled, range(1301, 1304)))
    await until(lambda: len(groups.items) == 1303)
    assert groups.items == list(range(1, 1304)), "in the order they were taken"
    assert len(groups.groups) < 10
    assert all(stored == counted for stored, counted in groups.seen), "one transaction for results and totals"
    await until(lambda: writer.backlog == 0)
    assert woken.is_set()


async def test_the_position_of_a_sink_is_written_with_a_later_commit(writer: Writer, workspace: Path, job: int):
    groups = Groups(workspace)
    writer.attach(job, groups, lambda: None)
    finish(writer, job, settled(1), settled(2))
    await writer.detach(job)
    assert rows_of(workspace, "SELECT output_seq, output_bytes FROM jobs") == [(2, 1000)]
    finish(writer, job, settled(3))
    await writer.flush()
    assert groups.items == [1, 2], "a sink that was let go gets nothing more"


async def test_each_sink_gets_its_own_jobs_results(writer: Writer, workspace: Path, job: int):
    other = await with_items(writer, workspace, "other")
    mine = Groups(workspace)
    writer.attach(other, mine, lambda: None)
    finish(writer, job, settled(1))
    finish(writer, other, settled(2001))
    mine.append = lambda settled, last_seq: mine.groups.append([each.item.row for each in settled])
    await writer.flush()
    assert mine.groups == [[2001]]


async def test_work_that_fails_takes_nothing_else_with_it(writer: Writer, workspace: Path, job: int):
    """A job with a bad input must not cost another job its results."""

    def work(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM items")
        raise InputError("line 7: no")

    finish(writer, job, settled(1))
    with pytest.raises(InputError):
        await writer.run(work)
    await writer.flush()
    assert writer.failure is None
    assert rows_of(workspace, RESULTS) == [(1, "ok", b'"yes"', None, 1)]
    assert rows_of(workspace, "SELECT count(*) FROM items") == [(2000,)]


async def test_a_caller_who_is_cancelled_stops_nothing(writer: Writer, workspace: Path, job: int):
    begun, go_on = threading.Event(), threading.Event()

    def work(db: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait()
        db.execute("UPDATE jobs SET reason = 'worked'")

    finish(writer, job, settled(1))
    first = asyncio.create_task(writer.run(work))
    await until(begun.is_set)
    finish(writer, job, settled(2))
    second = asyncio.create_task(writer.run(lambda db: None))
    await asyncio.sleep(0)
    assert writer.backlog == 1, "what was committed before the work waits no more"
    for caller in (second, first):
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    go_on.set()
    await writer.flush()
    assert rows_of(workspace, "SELECT done, reason FROM jobs") == [(2, "worked")]


async def test_leaving_commits_what_waits(workspace: Path):
    async with Writer(workspace) as writer:
        job = await with_items(writer, workspace)
        finish(writer, job, *map(settled, range(1, GROUP_ROWS + 8)))
    assert rows_of(workspace, "SELECT done FROM jobs") == [(GROUP_ROWS + 7,)]


def fill_disk(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 1")  # which SQLite takes as: no larger than it is


LARGE = b'"%b"' % (b"x" * 100_000)


@pytest.mark.parametrize(
    ("break_it", "result", "told"),
    [
        (fill_disk, settled(2, output=LARGE), "database or disk is full"),
        (lambda db: db.execute("PRAGMA query_only = ON"), settled(2), "readonly"),
        (lambda db: None, settled(2, attempts=1 << 80), "too large"),
        (lambda db: None, settled(1), "UNIQUE constraint failed: results.item"),
    ],
    ids=["disk full", "read-only", "a number no column holds", "a result twice"],
)
async def test_a_commit_that_fails_is_the_end_of_the_writer(workspace: Path, break_it, result: Settled, told: str):
    async with Writer(workspace) as writer:
        job = await with_items(writer, workspace)
        finish(writer, job, settled(1))
        await writer.run(break_it)
        groups, woken = Groups(workspace), asyncio.Event()
        writer.attach(job, groups, woken.set)
        finish(writer, job, result)
        await until(lambda: writer.failure)
        await woken.wait()
        assert told in str(writer.failure)
        assert "nothing committed before is lost" in str(writer.failure)
        for _ in range(2):
            with pytest.raises(WorkspaceError, match=told):
                await writer.flush()
        assert groups.groups == []
        finish(writer, job, settled(3))
    assert rows_of(workspace, "SELECT done FROM jobs") == [(1,)]
    with closing(sqlite3.connect(workspace, timeout=0)) as db:
        db.execute("BEGIN EXCLUSIVE")  # the writer let go of the file


async def test_what_follows_a_lost_group_is_lost_with_it(writer: Writer, workspace: Path, job: int):
    """Its jobs stop at once; so nobody has to ask which of two results is kept."""
    twice = [settled(1), *map(settled, range(1, GROUP_ROWS))]
    finish(writer, job, *twice, *map(settled, range(GROUP_ROWS, 3 * GROUP_ROWS)))
    await until(lambda: writer.failure)
    await asyncio.wrap_future(writer._thread.submit(lambda: None))  # behind all that was handed over
    assert isinstance(writer.failure, WorkspaceError)
    assert isinstance(writer.failure.__cause__, sqlite3.IntegrityError)
    assert rows_of(workspace, RESULTS) == []


async def test_a_failure_met_by_somebody_elses_work_is_known_to_all(writer: Writer, job: int):
    finish(writer, job, settled(1), settled(1))
    with pytest.raises(WorkspaceError, match="UNIQUE"):
        await writer.run(lambda db: None)
    assert writer.failure


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
async def test_a_commit_waits_for_another_program_and_the_loop_does_not(
    writer: Writer, workspace: Path, job: int, how: str
):
    with locked(workspace, how) as release:
        finish(writer, job, *map(settled, range(1, 8)))
        committed = asyncio.create_task(writer.flush())
        begun = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < begun + 1.5:  # longer than one try
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(0.01)
            assert asyncio.get_running_loop().time() - before < 0.5
        assert writer.backlog == 7
        assert not committed.done()
        release()
        await committed
    assert writer.failure is None
    assert rows_of(workspace, "SELECT done FROM jobs") == [(7,)]


async def test_a_lock_that_is_held_too_long_is_named(workspace: Path):
    async with Writer(workspace, patience_s=0.2) as writer:
        job = await with_items(writer, workspace)
        with locked(workspace) as release:
            finish(writer, job, settled(1))
            await until(lambda: writer.failure)
            told = "another program has had it locked for 0 s; end its transaction and run the job again"
            assert f"{workspace}: {told}, nothing committed before is lost" in str(writer.failure)
            release()


async def test_commits_that_must_reach_the_disk_do_so_from_then_on(writer: Writer, workspace: Path, job: int):
    def synchronous(db: sqlite3.Connection) -> int:
        return db.execute("PRAGMA synchronous").fetchone()[0]

    finish(writer, job, settled(1))
    assert await writer.run(synchronous) == 1
    await asyncio.gather(writer.run(synchronous), writer.durable())
    finish(writer, job, settled(2))
    assert await writer.run(synchronous) == 2


def test_a_workspace_without_a_log_has_nothing_to_bring_to_the_disk(tmp_path: Path):
    Writer(tmp_path / "none.db").to_disk()


async def test_what_is_committed_can_be_brought_to_the_disk(
    writer: Writer, workspace: Path, job: int, monkeypatch: pytest.MonkeyPatch
):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(os.fstat(handle).st_ino))
    await asyncio.to_thread(writer.to_disk)
    assert synced == [os.stat(f"{workspace}-wal").st_ino]  # noqa: PTH116 (nothing waits in a test)


async def test_large_results_crowd_it_before_many_do(
    writer: Writer, workspace: Path, job: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(writer_module, "BACKLOG_BYTES", 1_000)
    finish(writer, job, settled(1, output=b'"%b"' % (b"x" * 600)))
    assert not writer.crowded
    finish(writer, job, settled(2, output=b'"%b"' % (b"x" * 600)))
    assert writer.crowded
    await writer.flush()
    assert not writer.crowded
    assert rows_of(workspace, "SELECT count(*) FROM results") == [(2,)]
