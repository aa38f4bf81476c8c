"""`batchtop rm`: asked first, done whole, and nothing to those who work beside it."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.reader import Reader

from .shell import PATIENCE_S, Shell, once, until
from .terminal import Terminal

SLOW = "batch_size = 1\nconcurrency = 4"
MANY = 150_000


async def test_a_job_is_removed_and_its_answers_have_to_be_asked_for_again(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=300)
    assert (await shell.headless()).code == 0
    answers = (shell.folder / "out.jsonl").read_bytes()
    before = shell.db.stat().st_size
    ended = await shell.run("rm", "job", "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("job: removed, 0.")
    assert shell.db.stat().st_size < before
    assert (shell.folder / "out.jsonl").read_bytes() == answers
    assert (await shell.run("status", "job")).code == 2
    asked = len(provider.arrivals)
    (shell.folder / "out.jsonl").unlink()
    assert (await shell.headless()).code == 0
    assert len(provider.arrivals) == 2 * asked
    assert shell.ids() == once(300)


async def test_without_a_terminal_it_wants_a_yes_and_says_to_what(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=20, task='type = "chat"\nprompt = "{text}"\nprice_in = 1e4\nprice_out = 1e4')
    assert (await shell.headless()).code == 0
    ended = await shell.run("rm", "job")
    assert (ended.code, ended.out) == (2, "")
    assert "--yes says yes to this: job: 20 items, 20 answers that cost $" in ended.err
    assert "other jobs that ask the same will have to pay for it" in ended.err
    assert f"{shell.folder / 'out.jsonl'} stays" in ended.err
    assert shell.state() == "finished"


@pytest.mark.parametrize(("said", "gone"), [("y\r", True), ("n\r", False), ("\r", False), ("\x04", False)])
async def test_on_a_terminal_it_asks(shell: Shell, provider: Simulator, said: str, *, gone: bool) -> None:
    shell.job(provider.base_url, rows=5, output="")
    assert (await shell.headless()).code == 0
    with Terminal(shell, "rm", "job") as terminal:
        await terminal.shows("remove it? [y/N]")
        assert "5 answers" in terminal.text
        assert "they are in no output file" in terminal.text
        terminal.type(said)
        assert await terminal.end() == 0
        assert ("nothing was removed" in terminal.text) is not gone
    assert (shell.state() is None) is gone


async def test_batches_left_at_the_provider_are_told(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(batch_s=60.0)
    task = 'type = "openai_batch"\nof = "embeddings"\ntext = "{text}"'
    shell.job(provider.base_url, rows=5, task=task, settings="batch_size = 5")
    process = shell.start("run", "job.toml", "--no-ui")
    await process.says("5 items uploaded")
    await until(lambda: _in_flight(shell) == 1)
    process.signal(signal.SIGINT)
    assert (await process.end()).code == 130
    (batch,) = provider.batches
    assert "leaving 1 batch at the provider for the next run to collect" in process.err
    ended = await shell.run("rm", "job", "--yes")
    assert (ended.code, ended.out[:13], ended.err.count("\n")) == (0, "job: removed,", 1)
    assert "left at the provider goes on there, and may be billed" in ended.err
    assert ended.err.endswith(f"nobody collects it once the job is removed: {batch}\n")


def _in_flight(shell: Shell) -> int:
    with Reader(shell.db) as reader:
        found = reader.snapshot("job")
    return found.samples[-1].in_flight if found and found.samples else 0


async def test_an_unknown_job_is_told_with_those_there_are(shell: Shell, provider: Simulator) -> None:
    assert (await shell.run("rm", "job", "--yes")).code == 2
    assert not shell.db.exists()
    shell.job(provider.base_url, rows=5)
    assert (await shell.headless()).code == 0
    ended = await shell.run("rm", "jab", "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no job named 'jab'; there are: job" in ended.err


async def test_a_job_that_runs_is_refused_and_runs_on(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=50)
    shell.job(provider.base_url, rows=80, settings=SLOW)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: shell.state() == "running", lambda: str(process))
    ended = await shell.run("rm", "job", "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert f"job is running in the engine with pid {process.pid}; drain or cancel it first" in ended.err
    assert (await process.end()).code == 0
    assert shell.ids() == shell.stored_ids() == once(80)
    assert (await shell.run("rm", "job", "--yes")).code == 0


# ── a large job, made without a server ──


@pytest.fixture
async def large(shell: Shell, provider: Simulator) -> str:
    """Leave a job whose removal takes long, and return its name."""
    shell.job(provider.base_url, name="large", rows=1, output="")
    assert (await shell.headless("large.toml")).code == 0
    with closing(sqlite3.connect(shell.db)) as db:
        db.executemany(
            """INSERT INTO items (job, key, line, digest, load, status)
            VALUES (1, ?, 1, randomblob(16), 1, 'done')""",
            ((f"-{number}",) for number in range(1, MANY)),
        )
        db.execute("INSERT INTO payloads SELECT row, x'7b7d' FROM items WHERE key < '0'")
        db.execute(
            """INSERT INTO results (job, item, digest, outcome, output, attempts, latency_ms, at)
            SELECT job, row, digest, 'ok', CAST('"a word, and another"' AS BLOB), 1, 1, 1 FROM items WHERE key < '0'"""
        )
        db.execute(f"UPDATE jobs SET total = {MANY}, done = {MANY}")
        db.commit()
    return "large"


@contextmanager
def half_removed(shell: Shell) -> Iterator[None]:
    """Wait until a removal has begun, and keep it from writing on: however late one looks, it has not ended."""
    deadline = time.monotonic() + PATIENCE_S
    with closing(sqlite3.connect(shell.db, timeout=0, isolation_level=None)) as db:
        while not _is_held(db):
            assert time.monotonic() < deadline, "nothing is being removed"
        yield


def _is_held(db: sqlite3.Connection) -> bool:
    with suppress(sqlite3.OperationalError):
        db.execute("BEGIN IMMEDIATE")
        if db.execute("SELECT 1 FROM jobs WHERE name LIKE '%being removed%'").fetchone():
            return True
        db.execute("ROLLBACK")
    return False


def left_of(shell: Shell, job: int) -> Iterator[int]:
    with closing(sqlite3.connect(shell.db)) as db:
        for table in ("items", "results", "events", "samples"):
            yield db.execute(f"SELECT count(*) FROM {table} WHERE job = ?", (job,)).fetchone()[0]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def longest_silence_s(shell: Shell, during: Callable[[], bool]) -> float:
    """Return the longest span in which no answer of a running job was committed."""
    longest, seen, since = 0.0, -1, time.monotonic()
    with Reader(shell.db) as reader:
        while during():
            job = reader.job("job")
            assert job is not None
            if job.done != seen:
                seen, since = job.done, time.monotonic()
            longest = max(longest, time.monotonic() - since)
            await asyncio.sleep(0.01)
    return longest


async def test_a_removal_that_was_killed_is_seen_and_finished_by_the_next(shell: Shell, large: str) -> None:
    before = shell.db.stat().st_size
    process = shell.start("rm", large, "--yes")
    with half_removed(shell):
        process.popen.kill()
        process.popen.wait()
    assert any(left_of(shell, 1))
    listed = (await shell.run("ps")).out
    assert "large (being removed, 1)" in listed
    assert "stopped" in listed
    ended = await shell.run("rm", large)
    assert (ended.code, ended.err) == (0, ""), "a yes was said before"
    assert not any(left_of(shell, 1))
    assert shell.db.stat().st_size < before / 20
    assert (await shell.run("rm", large, "--yes")).code == 2


async def test_an_interrupted_removal_says_how_it_goes_on(shell: Shell, large: str) -> None:
    process = shell.start("rm", large, "--yes")
    with half_removed(shell):
        process.signal(signal.SIGINT)
    ended = await process.end()
    assert ended.code == 130
    assert "`batchtop rm large` finishes it" in ended.err


async def test_an_engine_goes_on_with_another_job_meanwhile(shell: Shell, provider: Simulator, large: str) -> None:
    provider.behaviour = Behaviour(latency_ms=20)
    shell.job(provider.base_url, rows=20_000, settings=SLOW)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: shell.state() == "running", lambda: str(process))
    asked = len(provider.arrivals)
    removing = shell.start("rm", large, "--yes")
    longest = await longest_silence_s(shell, lambda: removing.popen.poll() is None)
    ended = await removing.end()
    assert (ended.code, process.popen.poll()) == (0, None)
    assert len(provider.arrivals) > asked
    assert longest < 2
    assert not any(left_of(shell, 1))
    process.signal(signal.SIGTERM)
    assert (await process.end()).code == 130
    assert shell.ids() == shell.stored_ids()
    assert max(shell.ids().values()) == 1
