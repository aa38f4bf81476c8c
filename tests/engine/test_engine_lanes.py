"""What an engine knows of its lanes beyond one run: keys tested again, and limits that a restart does not forget."""

import asyncio
import time
from pathlib import Path

import pytest
from batchtop.engine.snapshot import JobState
from batchtop.engine.taskspec import Fallback
from batchtop.engine.testing import Asked, answered, refused
from batchtop.engine.transports import Response

from .test_engine import Desk, asked_for
from .workshop import chat, rows_of, until

TWO_KEYS = {"KEY_A": "tok_a", "KEY_B": "tok_b"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_refused_key_is_tested_again_on_demand(desk: Desk):
    revoked = {"tok_a"}
    desk.rows(3000)

    def script(asked: Asked) -> Response:
        return refused(401, "invalid_api_key") if asked.key in revoked else answered(asked)

    desk.provider.answer, desk.provider.latency_s = script, lambda _: 0.02
    spec = desk.job(task=chat(prompt="{text}", api_key_env=tuple(TWO_KEYS)), concurrency=2, batch_size=2)
    async with desk.engine(TWO_KEYS) as engine:
        await engine.submit(spec)
        await until(lambda: any("is refused" in line for line in desk.told()))
        revoked.clear()
        before = len(desk.provider.asked)
        told = await asked_for(desk, "retest")
        assert told.applied
        assert "KEY_A" in told.message
        await until(lambda: sum(asked.key == "tok_a" for asked in desk.provider.asked[before:]) > 20)
        again = await asked_for(desk, "retest")
        assert (again.applied, again.exit_code) == (False, 2)
        assert "no key was refused or given up" in again.message
        await engine.job("job").cancel("enough")
    assert "tok_a" not in "".join(desk.told())


async def test_a_pause_that_a_server_asked_for_outlives_the_engine(desk: Desk):
    desk.rows(20)
    desk.provider.answer = lambda asked: (
        refused(429, retry_after_s=4) if len(desk.provider.asked) == 1 else answered(asked)
    )
    began = time.monotonic()
    async with desk.engine() as engine:
        await engine.submit(desk.job(concurrency=1, batch_size=1))
        await until(lambda: bool(desk.provider.asked))
        await asyncio.sleep(1.2)  # the state is kept twice a second
        await engine.job("job").cancel("a restart")
    assert len(desk.provider.asked) == 1
    end = await desk.run(desk.job(concurrency=1, batch_size=1))
    assert end.state is JobState.FINISHED
    assert time.monotonic() - began >= 4.0
    assert len(desk.provider.asked) == 21


async def test_what_a_lane_has_learned_is_kept_for_its_key_alone_and_holds_no_secret(desk: Desk):
    desk.rows(5)

    def script(asked: Asked) -> Response:
        reply = answered(asked)
        return Response(
            200, {"x-ratelimit-limit-requests": "6000", "x-ratelimit-remaining-requests": "5990"}, reply.body
        )

    desk.provider.answer = script
    task = chat(prompt="{text}", api_key_env=("KEY_A",))
    await desk.run(desk.job(task=task), {"KEY_A": "tok_a_secret"})
    ((name, tag, state),) = rows_of(desk.workspace, "SELECT name, key_tag, state FROM lane_memory")
    assert "tok_a_secret" not in name + tag + state
    assert "6000" in state
    desk.rows(6)
    desk.provider.answer = answered
    await desk.run(desk.job(task=task), {"KEY_A": "tok_a_secret"})
    assert desk.snapshot().lanes[0].rpm_limit == 6000, "learned from the first run"
    desk.rows(7)
    await desk.run(desk.job(task=task), {"KEY_A": "tok_other"})
    assert desk.snapshot().lanes[0].rpm_limit == 0, "another key has other limits"


async def test_a_fallback_to_the_jobs_own_model_and_server_leaves_its_limits_alone(desk: Desk):
    desk.rows(5)
    task = chat(prompt="{text}", fallback=(Fallback(model="gpt-4o-mini"), Fallback(model="spare", rpm=60)))
    await desk.run(desk.job(task=task, rpm=6000))
    assert [(lane.name.split()[0], lane.rpm_limit) for lane in desk.snapshot().lanes] == [
        ("gpt-4o-mini", 6000),
        ("spare", 60),
    ]


async def test_where_the_time_went_and_what_was_cut_are_on_the_books(desk: Desk):
    desk.rows(40)

    def script(asked: Asked) -> Response:
        reply = answered(asked)
        return Response(200, {}, reply.body.replace(b'"stop"', b'"length"')) if "7" in asked.texts[0] else reply

    desk.provider.answer, desk.provider.latency_s = script, lambda _: 0.2
    await desk.run(desk.job(concurrency=2, batch_size=5))
    job = desk.snapshot().job
    assert job.cut == 4
    total = sum(job.spent.values())
    assert job.spent["in_flight"] / total > 0.6
    assert total == pytest.approx(2 * job.active_s, rel=0.2)
    marked = rows_of(desk.workspace, "SELECT count(*) FROM results WHERE finish_reason = 'length' AND outcome = 'ok'")
    assert marked == [(4,)]
    assert desk.output.read_text().count('"finish_reason":"length"') == 4
    desk.provider.answer = answered
    await desk.run(desk.job(task=chat(prompt="again: {text}")))
    assert (desk.snapshot().job.done, desk.snapshot().job.cut) == (40, 0), "other answers, none of them cut"
