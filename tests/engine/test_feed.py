"""Each item goes once, and each question too, whatever is answered meanwhile; few are leased where the job is slow."""

import random
from pathlib import Path

import pytest
from batchtop.engine.feed import LEAST_PAGE, MOST_PAGE, SOON_S, Pace, page_size
from batchtop.engine.outcome import Outcome
from batchtop.engine.redo import Redo
from batchtop.engine.settings import resolve
from batchtop.engine.store import items
from batchtop.engine.testing import Asked, answered, refused

from .desk import Desk
from .test_journal import SteppedClock
from .workshop import numbered, rows_of, until, write_rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("first", [330, 480])
async def test_items_made_pending_ahead_of_the_feed_go_once(tmp_path: Path, first: int):
    desk = Desk(tmp_path)
    failing = {f"text {number}" for number in range(first, first + 20)}

    def pickily(asked: Asked):
        return refused(400) if asked.texts[0] in failing else answered(asked)

    write_rows(desk.input, numbered(700))
    desk.provider.answer = pickily
    job = desk.job(concurrency=16)
    assert (await desk.run(job)).exit_code == 1
    rows = [row if row["text"] in failing else row | {"text": f"new {row['id']}"} for row in numbered(700)]
    write_rows(desk.input, rows)
    desk.provider.answer = answered
    desk.provider.latency_s = lambda _: 0.03
    async with desk.engine() as engine:
        runner = await engine.submit(job)
        await until(lambda: desk.provider.in_flight)
        assert await runner.retry(Redo.kinds([Outcome.BAD_ITEM])) == 20
        assert (await engine.wait("job")).exit_code == 0
    assert {desk.sent[text] for text in failing} == {2}
    assert max(desk.sent[f"new {number}"] for number in range(700)) == 1
    assert rows_of(desk.workspace, "SELECT status, count(*) FROM items GROUP BY status") == [("done", 700)]


async def test_questions_answered_while_a_page_that_asks_them_comes_in_are_asked_once(tmp_path: Path):
    desk = Desk(tmp_path)
    chance = random.Random(3)
    earlier = (number - chance.randrange(60, 400) * (number % 3 > 0) for number in range(2_000))
    write_rows(desk.input, [{"id": number, "text": f"text {max(0, asks)}"} for number, asks in enumerate(earlier)])
    desk.provider.latency_s = lambda _: chance.uniform(0, 0.02)
    assert (await desk.run(desk.job(concurrency=16))).exit_code == 0
    assert max(desk.sent.values()) == 1
    desk.check(2_000)


class TestPace:
    def test_it_is_what_was_answered_since_it_was_looked_at_last(self):
        clock = SteppedClock()
        pace = Pace(clock)
        for items_answered, seconds, soon in ((1_000, 0.5, 100), (0, 0.1, 0), (10, 60.0, 0), (10**6, 1.0, MOST_PAGE)):
            pace.items += items_answered
            clock.at += seconds
            pace.look()
            assert (pace.soon, pace.items) == (soon, 0)

    def test_a_moment_says_nothing(self):
        """Batches that went together are answered together."""
        clock = SteppedClock()
        pace = Pace(clock)
        pace.items = 100
        clock.at = SOON_S / 10
        pace.look()
        assert (pace.soon, pace.items) == (0, 100)
        clock.at = 10 * SOON_S
        pace.look()
        assert pace.soon == 10


@pytest.mark.parametrize(
    ("batch_size", "concurrency", "soon", "size"),
    [
        (1, 4, 0, LEAST_PAGE),
        (1, 100, 0, 100),
        (1, 100, 250, 350),
        (250, 8, 900, MOST_PAGE),
        (1, 4, 10, LEAST_PAGE + 10),
    ],
)
def test_a_page_holds_what_goes_at_once_and_soon(desk: Desk, batch_size: int, concurrency: int, soon: int, size: int):
    settings = resolve(desk.job(batch_size=batch_size, concurrency=concurrency).layers).settings
    assert page_size(settings, soon) == size


async def test_few_items_are_leased_of_a_job_that_is_slow(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    leases: list[int] = []
    lease = items.lease
    monkeypatch.setattr(items, "lease", lambda db, job, row: leases.append(row) or lease(db, job, row))
    desk.rows(400)
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        runner = await engine.submit(desk.job(batch_size=1, concurrency=4))
        await until(lambda: len(leases) > 1)
        await runner.cancel("enough")
        await engine.wait("job")
    assert leases == [LEAST_PAGE, 2 * LEAST_PAGE]


async def test_a_job_that_is_quick_is_leased_in_few_commits(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    leases: list[int] = []
    lease = items.lease
    monkeypatch.setattr(Pace, "look", lambda pace: setattr(pace, "soon", 450))
    monkeypatch.setattr(items, "FIRST_ROWS", 1_000)
    monkeypatch.setattr(items, "lease", lambda db, job, row: leases.append(row) or lease(db, job, row))
    desk.rows(2_000)
    assert (await desk.run(desk.job(batch_size=1, concurrency=4))).exit_code == 0
    assert leases == [500, 1_000, 1_500, 2_000]
