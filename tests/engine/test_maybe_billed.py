"""What may have been billed though no answer came is counted and told."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from batchtop.engine import Engine
from batchtop.engine.testing import answered, refused

from .desk import Desk
from .workshop import rows_of, until


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_what_is_dropped_at_the_server_is_counted(desk: Desk):
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        runner = await engine.submit(desk.job(batch_size=1, concurrency=3))
        await until(lambda: desk.provider.in_flight == 3)
        await runner.cancel("enough")
        await engine.wait("job")
    assert desk.snapshot().job.unsure == 3
    assert "3 items at the server may have been billed" in desk.told()


async def test_an_engine_that_is_left_drops_what_it_has_and_says_so(desk: Desk):
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        await engine.submit(desk.job(batch_size=1, concurrency=2))
        await until(lambda: desk.provider.in_flight == 2)
    assert desk.snapshot().job.unsure == 2


async def test_an_orderly_end_leaves_nothing_unsure(desk: Desk):
    def refuse_later(asked):
        return refused(401) if len(desk.provider.asked) > 40 else answered(asked)

    desk.provider.answer = refuse_later
    assert (await desk.run()).exit_code == 4
    assert rows_of(desk.workspace, "SELECT leased_row FROM jobs") == [(0,)]
    desk.provider.answer = answered
    await desk.run()
    assert desk.snapshot().job.unsure == 0


async def test_the_engine_after_one_that_died_tells_how_many_questions_that_had_in_hand(desk: Desk):
    desk.rows(10)
    desk.provider.answer = lambda asked: refused(401) if len(desk.provider.asked) > 2 else answered(asked)
    await desk.run(desk.job(batch_size=1, concurrency=1))
    done = desk.snapshot().job.done
    with closing(sqlite3.connect(desk.workspace)) as db, db:
        db.execute("UPDATE jobs SET leased_row = 6, state = 'running'")  # as kill -9 leaves it
    desk.provider.answer = answered
    async with Engine(desk.workspace, transport=lambda: desk.provider) as engine:
        (spec,) = engine.interrupted
        await engine.run(spec)
    assert desk.snapshot().job.unsure == 6 - done
    assert any(f"up to {6 - done} items may have been sent, and billed" in line for line in desk.told())
