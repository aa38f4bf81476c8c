"""Each item goes once, and each question too, whatever is answered while a page is on its way."""

import random
from pathlib import Path

import pytest
from batchtop.engine.outcome import Outcome
from batchtop.engine.redo import Redo
from batchtop.engine.testing import Asked, answered, refused

from .desk import Desk
from .workshop import numbered, rows_of, until, write_rows


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
