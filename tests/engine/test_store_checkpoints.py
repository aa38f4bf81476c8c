"""The log goes to the file beside the writer, and neither a kill nor a full disk in the midst of it loses anything."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from batchtop.engine.store import checkpoints, migrations
from batchtop.engine.store.checkpoints import PASS_PAGES, Checkpoints
from batchtop.engine.store.group import PAGE_BYTES, Group
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.writer import Writer

from .workshop import finish, job_of, registered, rows_of, settled, until

WRITING = """
import asyncio
import sys
from pathlib import Path
from batchtop.engine.errors import WorkspaceError
from batchtop.engine.store import checkpoints
from batchtop.engine.store.writer import Writer

async def main():
    checkpoints.PASS_PAGES = 1
    async with Writer(Path(sys.argv[1])) as writer:
        await writer.run(lambda db: db.execute("CREATE TABLE made (number INTEGER PRIMARY KEY, text TEXT)"))
        try:
            for number in range(1, 10_000):
                writer.do("INSERT INTO made VALUES (?, ?)", (number, 5000 * "x"))
                await writer.flush()
                print(number, flush=True)
        except WorkspaceError as error:
            print(error)

asyncio.run(main())
"""


@contextmanager
def with_log(workspace: Path, pages: int) -> Iterator[None]:
    """Have so many pages in the log that no commit brings to the file."""
    with closing(connect(workspace)) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE made (text TEXT)")
        db.executemany("INSERT INTO made VALUES (?)", [(PAGE_BYTES * "x",)] * pages)
        yield


def test_the_log_goes_to_the_file_once_it_has_grown(workspace: Path):
    with with_log(workspace, 50), closing(Checkpoints(workspace)) as copied:
        before = workspace.stat().st_size
        copied.grown(PASS_PAGES - 1)
        assert not running(), "so little is not worth a turn"
        copied.grown(1)
        copied.close()
        assert workspace.stat().st_size >= before + 50 * PAGE_BYTES


def test_who_reads_is_not_waited_for(workspace: Path):
    with with_log(workspace, 50), closing(sqlite3.connect(workspace, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM made").fetchone()
        with closing(Checkpoints(workspace)) as copied:
            copied.grown(PASS_PAGES)
        assert reader.execute("SELECT count(*) FROM made").fetchone() == (50,)


def test_a_file_that_takes_the_place_of_the_workspace_is_left_alone(workspace: Path, tmp_path: Path):
    with with_log(workspace, 50), closing(Checkpoints(workspace)) as copied:
        own, other = tmp_path / "own.db", b"another's"
        workspace.rename(own)
        before = own.stat().st_size
        workspace.write_bytes(other)
        copied.grown(PASS_PAGES)
        copied.close()
        assert workspace.read_bytes() == other
        assert own.stat().st_size >= before + 50 * PAGE_BYTES


async def test_between_two_copyings_a_commit_has_the_log_to_itself(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    """Else it would find the log busy each time, and never have it begin anew."""
    go_on = threading.Semaphore(0)
    with closing(Checkpoints(workspace)) as copied:
        monkeypatch.setattr(copied, "_copy", go_on.acquire)
        copied.grown(PASS_PAGES)
        copied.grown(PASS_PAGES)
        assert running()
        go_on.release()
        await until(lambda: not running())
        copied.grown(PASS_PAGES)
        assert not running()
        copied.grown(0)
        assert running()
        go_on.release()
    assert not running()


async def test_the_log_stays_short_and_nothing_runs_on(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(migrations, "LOG_PAGES", 200)
    monkeypatch.setattr(checkpoints, "PASS_PAGES", 60)
    log, rows = Path(f"{workspace}-wal"), 0
    async with Writer(workspace) as writer, asyncio.timeout(30):
        await writer.run(lambda db: db.execute("CREATE TABLE made (text TEXT)"))
        while rows < 50 or rows * 20 * PAGE_BYTES < 3 * length(log):
            writer.do("INSERT INTO made VALUES (?)", (20 * PAGE_BYTES * "x",))
            await writer.flush()
            rows += 1
    assert not length(log), "who leaves last brings all of it to the file"
    assert not running()
    assert rows_of(workspace, "SELECT count(*) FROM made") == [(rows,)]


def length(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def running() -> bool:
    return "batchtop-checkpoint" in {thread.name for thread in threading.enumerate()}


async def test_a_group_tells_how_much_it_writes(writer: Writer, workspace: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[int] = []
    monkeypatch.setattr(Checkpoints, "grown", lambda self, pages: told.append(pages))
    job = await registered(writer, job_of(workspace))
    finish(writer, job, *(settled(row, output=10 * PAGE_BYTES * b"1") for row in range(1, 6)))
    await writer.flush()
    assert told[-2:] == [Group().pages + 5 * 11, Group().pages]


@contextmanager
def writing(workspace: Path, file_limit: int = resource.RLIM_INFINITY) -> Iterator[subprocess.Popen[str]]:
    """Have another process commit one row after the other, and copy the log all the while."""
    command = [sys.executable, "-c", WRITING, workspace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
        yield process


@pytest.mark.parametrize("committed", [1, 7, 60, 150])
async def test_a_kill_at_any_moment_loses_nothing(workspace: Path, committed: int):
    with writing(workspace) as process:
        assert process.stdout
        for _ in range(committed):
            await asyncio.to_thread(process.stdout.readline)
        process.kill()
    assert rows_of(workspace, "PRAGMA integrity_check") == [("ok",)]
    ((count, last),) = rows_of(workspace, "SELECT count(*), max(number) FROM made")
    assert count == last >= committed


async def test_a_file_that_can_not_grow_is_told_of_by_the_commit_that_meets_it(workspace: Path):
    with writing(workspace, 1_500_000) as process:
        said = (await asyncio.to_thread(process.communicate, timeout=30))[0].splitlines()
    assert "cannot be written (disk I/O error); nothing committed before is lost" in said[-1]
    assert rows_of(workspace, "PRAGMA integrity_check") == [("ok",)]
    ((count,),) = rows_of(workspace, "SELECT count(*) FROM made")
    assert count >= int(said[-2]) > 50
