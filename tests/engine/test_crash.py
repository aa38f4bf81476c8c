"""kill -9, a full disk, somebody else's lock: nothing is lost, nothing is there twice, and little is asked again."""

import asyncio
import logging
import os
import random
import signal
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest
from batchtop.engine.job import OutputSpec
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.writer import BACKLOG_LIMIT

from .crashing import KILLED, SEED, Left, Life, Scene
from .nursery import Nursery
from .workshop import embeddings, numbered, rows_of, until, write_rows


@pytest.fixture
async def provider() -> AsyncGenerator[Simulator]:
    async with Simulator(Behaviour(latency_ms=50, dimensions=4)) as server:
        yield server


def check_resends(lives: list[Life], in_flight: int) -> None:
    """What is asked again was at the server, or answered and in no commit yet.

    A commit comes 25 ms after the first answer that it holds, and an answer takes 50: one round of answers may wait for
    it, and another where the commit itself takes long.
    """
    assert max(len(life.unanswered) for life in lives) <= in_flight, [len(life.unanswered) for life in lives]
    assert max(len(life.lost) for life in lives) <= 3 * in_flight, [len(life.lost) for life in lives]
    assert sum(len(life.lost) for life in lives) > 0, "no engine was killed at work"
    figures = [(len(life.unanswered), len(life.lost), life.asked.total()) for life in lives]
    logging.getLogger("crash").info("seed %d, at the server / asked again / asked: %s", SEED, figures)


@pytest.mark.slow
async def test_fifty_kills_of_a_job_of_5000(tmp_path: Path, nursery: Nursery, provider: Simulator):
    scene = Scene(tmp_path, provider, nursery)
    scene.rows(5_000)
    lives = await scene.killed(50, 0.35)
    check_resends(lives, 3 * 10)
    await scene.finish()
    scene.check_end(5_000)


@pytest.mark.slow
async def test_ten_kills_of_large_requests(tmp_path: Path, nursery: Nursery, provider: Simulator):
    scene = Scene(tmp_path, provider, nursery, task=embeddings(provider.base_url), batch_size=50, concurrency=4)
    scene.rows(8_000)
    check_resends(await scene.killed(10, 0.25), 50 * 4)
    await scene.finish()
    scene.check_end(8_000)


# ── other processes ──


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a job, but for what its engines say."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "said"}


def stands_still(pid: int) -> bool:
    """Tell whether each of its threads was stopped: one may have been in the middle of a write."""
    stats = (stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


async def test_the_lock_of_another_process(tmp_path: Path, nursery: Nursery, provider: Simulator):
    """Who comes second is told who has the workspace and touches nothing; a dead one's lock is nobody's."""
    scene = Scene(tmp_path, provider, nursery)
    scene.rows(300)
    pid = await nursery.start(scene.wish())
    await until(lambda: len(provider.arrivals) > 60)
    os.kill(pid, signal.SIGSTOP)  # alive, and nothing changes but by the second
    await until(lambda: stands_still(pid))
    files = contents(tmp_path)
    async with Nursery() as other:
        await other.start(scene.wish())
        assert await other.ended() == 2
        assert f"the engine with pid {pid} runs on this workspace" in scene.said
        assert contents(tmp_path) == files
        os.kill(pid, signal.SIGKILL)
        assert (await scene.ended(Left())).code == KILLED
        scene.nursery = other
        await scene.finish()
    scene.check_end(300)


@pytest.mark.slow
async def test_a_program_that_holds_the_database(tmp_path: Path, nursery: Nursery, provider: Simulator):
    """Results wait for it, sending waits for them, and a kill in that time loses what waited."""
    scene = Scene(tmp_path, provider, nursery)
    scene.rows(1_200)
    provider.behaviour = Behaviour(latency_ms=20)
    life = await held_up(scene, 0.3, kill=True)
    assert 3 * 10 < len(life.lost) <= 3 * 10 + BACKLOG_LIMIT
    assert (await held_up(scene, 1.0, kill=False)).code == 0
    scene.check_end(1_200)


async def held_up(scene: Scene, lasts_s: float, *, kill: bool) -> Life:
    """Have another program write to the workspace for a time while an engine is at work, which may die of it."""
    before = scene.left()
    pid = await scene.nursery.start(scene.wish())
    await until(lambda: scene.left().answered - before.answered)
    with closing(sqlite3.connect(scene.workspace, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        held = scene.left()
        await asyncio.sleep(lasts_s)
        assert scene.left() == held
        if kill:
            os.kill(pid, signal.SIGKILL)
            return await scene.ended(before)
        db.execute("ROLLBACK")
    return await scene.ended(before)


# ── a file that is written whole ──


@pytest.mark.slow
async def test_kills_while_an_ordered_output_is_written(tmp_path: Path, nursery: Nursery, provider: Simulator):
    """Under its name the file is the last one in full, or the new one, or nothing; never a part."""
    provider.behaviour = Behaviour(latency_ms=1)
    output = OutputSpec(str(tmp_path / "out.jsonl"), order="input")
    scene = Scene(tmp_path, provider, nursery, output=output)
    scene.rows(2_000)
    await scene.live(0.3)
    assert not scene.output.exists()
    await scene.finish()
    whole = scene.output.read_bytes()
    assert scene.check_output() == list(range(2_000))
    chance = random.Random(SEED)
    absent = 0
    for number in range(15):
        at_once = number < 5  # a quick machine has written the file soon after
        if at_once or chance.random() < 0.7:
            scene.output.unlink(missing_ok=True)
        was_there = scene.output.exists()
        life = await scene.live(0.002 * number if at_once else chance.uniform(0.03, 0.12))
        assert life.code in {0, KILLED}, scene.said
        assert not life.arrivals
        absent += not scene.output.exists()
        assert (scene.output.exists() and scene.output.read_bytes() == whole) or not was_there
        assert not scene.output.exists() or scene.output.read_bytes() == whole
    assert absent, "no kill came before the file was there"
    await scene.finish()
    assert scene.output.read_bytes() == whole
    assert not [name for name in contents(tmp_path) if "out.jsonl" in name and name != "out.jsonl"]
    scene.check_end(2_000)


# ── while the input comes in ──

MANY = 100_000


async def killed_loading(scene: Scene, kills: int, nursery: Nursery) -> None:
    """Kill engines in the middle of a load, the first of them early and the last at its end, then let one load it."""
    for number in range(kills):
        pid = await nursery.start(scene.wish())
        await asyncio.sleep(1.4 * (number + random.Random(SEED + number).random()) / kills)
        os.kill(pid, signal.SIGKILL)
        assert await nursery.ended() == KILLED
    pid = await nursery.start(scene.wish())
    await until(lambda: scene.state() == "running", within_s=30)
    os.kill(pid, signal.SIGKILL)
    assert await nursery.ended() == KILLED
    await scene.arrived()


def stored(scene: Scene) -> dict[int, str]:
    """Return the text of each row that is in the input."""
    query = "SELECT key, payload ->> '$.text' FROM items JOIN payloads USING (row) WHERE status <> 'removed'"
    found = rows_of(scene.workspace, query)
    texts = {int(key): text for key, text in found}
    assert len(texts) == len(found)
    return texts


def counts(scene: Scene) -> dict[str, int]:
    return dict(rows_of(scene.workspace, "SELECT status, count(*) FROM items GROUP BY status"))


@pytest.mark.slow
async def test_kills_while_100000_rows_come_in(tmp_path: Path, nursery: Nursery, provider: Simulator):
    provider.behaviour = Behaviour(latency_ms=20_000)
    scene = Scene(tmp_path, provider, nursery)
    rows = numbered(MANY)
    write_rows(scene.input, rows)
    await killed_loading(scene, 3, nursery)
    assert stored(scene) == {row["id"]: row["text"] for row in rows}
    assert counts(scene) == {"pending": MANY}

    provider.behaviour = Behaviour(latency_ms=5)
    await scene.live(0.6)
    done = {int(key) for (key,) in rows_of(scene.workspace, "SELECT key FROM items WHERE status = 'done'")}
    assert len(done) > 100
    provider.behaviour = Behaviour(latency_ms=20_000)
    edited = [row | {"text": f"new {row['id']}"} if row["id"] % 10 == 3 else row for row in rows if row["id"] % 10 != 7]
    edited += [{"id": MANY + number, "text": f"more {number}"} for number in range(1_000)]
    write_rows(scene.input, edited)
    await killed_loading(scene, 3, nursery)
    assert stored(scene) == {row["id"]: row["text"] for row in edited}
    still = sum(number % 10 not in {3, 7} for number in done)
    gone = MANY // 10
    assert counts(scene) == {"pending": len(edited) - still, "done": still, "removed": gone}
    assert rows_of(scene.workspace, "SELECT total, done, failed FROM jobs") == [(len(edited), still, 0)]
    assert len(scene.check_output()) == still
    assert rows_of(scene.workspace, "PRAGMA integrity_check") == [("ok",)]
