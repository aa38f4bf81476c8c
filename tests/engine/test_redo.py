"""What is done again because somebody wants it: failures of one kind or all, or everything afresh."""

import asyncio
import threading
from pathlib import Path

import pytest
from batchtop.engine.errors import UsageError
from batchtop.engine.outcome import Outcome
from batchtop.engine.redo import Redo
from batchtop.engine.testing import answered, refused

from .desk import Desk, asked_for, failing
from .workshop import chat, lines_of, numbered, rows_of, until, write_rows

FRESH = Redo(fresh=True)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_afresh_everything_is_asked_again_and_the_output_holds_the_new_answers(desk: Desk):
    await desk.run()
    await desk.run(redo=FRESH)
    assert set(desk.sent.values()) == {2}
    desk.check(100)
    assert any("afresh" in line for line in desk.told())
    await desk.run()
    assert len(desk.provider.asked) == 200, "what was asked afresh is done"


async def test_what_was_begun_afresh_goes_on_where_it_stopped(desk: Desk):
    await desk.run()

    def refuse_later(asked):
        return refused(401) if len(desk.provider.asked) > 140 else answered(asked)

    desk.provider.answer = refuse_later
    assert (await desk.run(redo=FRESH)).exit_code == 4
    done = desk.snapshot().job.done
    assert 0 < done < 100
    assert len(lines_of(desk.output)) == done, "an answer from before does not stand in for one that was to be new"
    desk.provider.answer = answered
    desk.provider.asked.clear()
    assert (await desk.run()).exit_code == 0
    assert sum(desk.sent.values()) == 100 - done
    desk.check(100)


async def test_afresh_counts_also_what_other_jobs_answered_before(desk: Desk):
    desk.rows(10)
    await desk.run()
    await desk.run(redo=FRESH)
    await desk.run(redo=FRESH)
    assert len(desk.provider.asked) == 30
    assert rows_of(desk.workspace, "SELECT count(*) FROM results WHERE outcome = 'ok'") == [(30,)], (
        "none is thrown away"
    )


@pytest.mark.parametrize(
    ("redo", "again"),
    [
        (Redo(), set()),
        (Redo.kinds([Outcome.BAD_ITEM]), {"text 1", "text 3"}),
        (Redo.kinds([Outcome.TIMEOUT]), set()),
        (Redo.kinds([]), {"text 1", "text 3"}),
    ],
)
async def test_failures_are_tried_again_by_their_kind(desk: Desk, redo: Redo, again: set[str]):
    desk.rows(5)
    desk.provider.answer = failing("text 1", "text 3")
    assert (await desk.run()).exit_code == 1
    desk.provider.asked.clear()
    desk.provider.answer = answered
    assert (await desk.run(redo=redo)).exit_code == (0 if again else 1)
    assert set(desk.sent) == again
    desk.check(5, *(() if again else (1, 3)))


async def test_a_running_job_tries_its_failures_again(desk: Desk):
    desk.rows(50)
    desk.provider.latency_s = lambda _: 0.01
    desk.provider.answer = failing("text 1", "text 3")
    async with desk.engine() as engine:
        await engine.submit(desk.job(batch_size=1, concurrency=1))
        await until(lambda: desk.snapshot().job.failed == 2)
        desk.provider.answer = answered
        said = await asked_for(desk, "retry", failed=["bad_item"])
        assert (said.applied, said.message) == (True, "trying 2 failed items again")
        assert (await engine.wait("job")).exit_code == 0
    assert (desk.sent["text 1"], desk.sent["text 3"], desk.sent["text 2"]) == (2, 2, 1)
    desk.check(50)


async def test_a_job_whose_last_item_is_in_flight_still_takes_a_retry(desk: Desk):
    desk.rows(3)

    def last_waits(asked):
        if asked.texts[0] == "text 2":
            desk.provider.gate.clear()
        return 0.01

    desk.provider.latency_s = last_waits
    desk.provider.answer = failing("text 0")
    async with desk.engine() as engine:
        await engine.submit(desk.job(batch_size=1, concurrency=1))
        await until(lambda: desk.snapshot().job.failed == 1)
        desk.provider.answer = answered
        assert (await asked_for(desk, "retry", failed=["bad_item"])).applied
        desk.provider.gate.set()
        assert (await engine.wait("job")).exit_code == 0
    desk.check(3)


async def test_a_retry_is_not_overtaken_by_the_end_of_the_job(desk: Desk):
    """The last item is answered while what had failed is being made pending."""
    desk.rows(3)
    last = asyncio.Event()

    def last_waits(asked):
        if asked.texts[0] == "text 2" and not last.is_set():
            last.set()
            desk.provider.gate.clear()
        return 0.0

    desk.provider.latency_s = last_waits
    desk.provider.answer = failing("text 0")
    busy = threading.Event()
    async with desk.engine() as engine:
        runner = await engine.submit(desk.job(batch_size=1, concurrency=1))
        await last.wait()
        await until(lambda: desk.snapshot().job.failed == 1)
        desk.provider.answer = answered
        holding = asyncio.create_task(engine._writer.run(lambda _: busy.wait(10)))
        await asyncio.sleep(0)
        retrying = asyncio.create_task(runner.retry(Redo.kinds([Outcome.BAD_ITEM])))
        await asyncio.sleep(0)
        desk.provider.gate.set()
        await until(lambda: not runner._loop.in_flight)
        busy.set()
        await holding
        assert await retrying == 1
        assert (await engine.wait("job")).exit_code == 0
    desk.check(3)


async def test_what_is_tried_again_goes_once_however_long_the_failures_file_takes(desk: Desk, monkeypatch):
    desk.rows(700)
    ahead = [f"text {number}" for number in range(480, 500)]
    desk.provider.answer = failing(*ahead)
    job = desk.job(concurrency=16)
    await desk.run(job)
    rows = [row if row["text"] in ahead else row | {"text": f"new {row['id']}"} for row in numbered(700)]
    write_rows(desk.input, rows)
    desk.provider.answer = answered
    desk.provider.latency_s = lambda _: 0.03
    async with desk.engine() as engine:
        runner = await engine.submit(job)
        await until(lambda: desk.provider.in_flight)
        renew = runner._delivery.renew_failures

        async def late() -> None:
            await until(lambda: desk.sent["text 480"] == 2)
            await renew()

        monkeypatch.setattr(runner._delivery, "renew_failures", late)
        assert await runner.retry(Redo.kinds([Outcome.BAD_ITEM])) == 20
        assert (await engine.wait("job")).exit_code == 0
    assert {desk.sent[text] for text in ahead} == {2}
    desk.check(700)


@pytest.mark.parametrize("changed", ["input", "prompt", "nothing"])
async def test_a_running_job_that_is_run_again_tells_what_it_does_not_take_over(desk: Desk, changed: str):
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        await engine.submit(desk.job())
        await until(lambda: desk.provider.in_flight)
        if changed == "input":
            desk.rows(101)
        await engine.submit(desk.job(task=chat(prompt="Other: {text}")) if changed == "prompt" else desk.job())
        desk.provider.gate.set()
        await engine.wait("job")
    assert any("is another now than when this run began" in line for line in desk.told()) == (changed != "nothing")
    desk.check(100)


async def test_what_can_not_be_retried_is_told(desk: Desk):
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        await engine.submit(desk.job())
        await until(lambda: desk.provider.in_flight)
        assert (await asked_for(desk, "retry", failed=["timeout"])).message == "no item has failed that way"
        assert (await asked_for(desk, "retry", failed=["nonsense"])).exit_code == 2
        assert "drain or cancel it" in (await asked_for(desk, "retry", fresh=True)).message
        with pytest.raises(UsageError, match="drain or cancel it before it is done afresh"):
            await engine.submit(desk.job(), redo=FRESH)
        desk.provider.gate.set()
        await engine.wait("job")
