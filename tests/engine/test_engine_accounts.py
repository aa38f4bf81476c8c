"""What each lane did for a job, in a run over real HTTP and over several runs, and lanes that a person switches off."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from batchtop.engine import Engine
from batchtop.engine.job import JobSpec, OutputSpec
from batchtop.engine.outcome import Outcome
from batchtop.engine.redo import Redo
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.snapshot import JobRow, JobState, LaneState
from batchtop.engine.store.history import lanes_at
from batchtop.engine.store.migrations import connect
from batchtop.engine.taskspec import ChatSpec, Fallback

from .desk import Desk, asked_for
from .workshop import chat, job_of, rows_of, until

TWO_KEYS = {"KEY_A": "tok_a", "KEY_B": "tok_b"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def agree(lanes: tuple[LaneState, ...], job: JobRow) -> None:
    """See that what the lanes did adds up to what the job did."""
    assert sum(lane.requests for lane in lanes) == job.requests
    assert sum(lane.tokens_in for lane in lanes) == job.tokens_in
    assert sum(lane.tokens_out for lane in lanes) == job.tokens_out
    assert sum(lane.cost or 0.0 for lane in lanes) == pytest.approx(job.cost or 0.0, abs=1e-12)


class TestOverHttp:
    """Two keys, one of which is refused after a while, and another server to fall back to."""

    async def run(self, desk: Desk, spec: JobSpec) -> None:
        async with Engine(desk.workspace, environment=TWO_KEYS) as engine:
            assert (await engine.run(spec, Redo(frozenset(Outcome)))).state is JobState.FINISHED

    def spec(self, desk: Desk, first: Simulator, second: Simulator, **prices: float) -> JobSpec:
        fallback = Fallback(model="spare", base_url=second.base_url, api_key_env=("KEY_A",), **prices)
        how: dict[str, Any] = {"api_key_env": tuple(TWO_KEYS), "fallback": (fallback,)}
        task: ChatSpec = chat(first.base_url, price_in=3.0, price_out=7.0, **how)
        return job_of(desk.input, task, output=OutputSpec(str(desk.output)), concurrency=6, max_attempts=9)

    async def test_the_sums_of_all_lanes_are_the_jobs_over_all_its_runs(self, desk: Desk):
        bad = {"error_rate": 0.1, "malformed_rate": 0.1, "latency_ms": 5.0}
        async with Simulator(Behaviour(**bad)) as first, Simulator(Behaviour(models=("spare",), **bad)) as second:
            spec = self.spec(desk, first, second, price_in=11.0, price_out=13.0)
            desk.rows(150)
            running = asyncio.create_task(self.run(desk, spec))
            await until(lambda: len(first.arrivals) > 60)
            first.behaviour = Behaviour(revoked=("tok_a", "tok_b"), **bad)
            await running
            shot = desk.snapshot()
            lanes = {lane.name: lane for lane in shot.lanes}
            assert len(lanes) == 3
            assert all(lane.requests and lane.cost for lane in lanes.values())
            agree(shot.lanes, shot.job)
            assert shot.job.requests == len(first.arrivals) + len(second.arrivals)

            first.behaviour = Behaviour()
            desk.rows(230)
            await self.run(desk, spec)
            again = desk.snapshot()
            agree(again.lanes, again.job)
            assert again.job.requests == len(first.arrivals) + len(second.arrivals)
            assert again.job.requests >= shot.job.requests + 80

    async def test_a_fallback_without_a_price_has_no_cost(self, desk: Desk):
        async with Simulator(Behaviour(keys=("tok_c",))) as first, Simulator(Behaviour(models=("spare",))) as second:
            await self.run(desk, self.spec(desk, first, second))
        own, other = (
            [lane for lane in desk.snapshot().lanes if ("spare" in lane.name) is spare] for spare in (False, True)
        )
        assert [lane.cost for lane in own] == [0.0, 0.0], "refused, which costs nothing"
        assert [(lane.cost, lane.requests) for lane in other] == [(None, 100)]


async def test_two_servers_on_one_host_have_an_account_each_over_all_runs(desk: Desk):
    host = "http://127.0.0.1:9"
    keys = {"api_key_env": ("KEY_A",)}
    other = Fallback(model="gpt-4o-mini", base_url=f"{host}/other/v1", **keys)
    spec = desk.job(task=chat(f"{host}/one/v1", prompt="{text}", fallback=(other,), **keys))
    for count in (100, 150):
        desk.rows(count)
        await desk.run(spec, TWO_KEYS)
        shot = desk.snapshot()
        assert [lane.name for lane in shot.lanes] == [
            f"gpt-4o-mini @ 127.0.0.1:9/{place} · KEY_A" for place in ("one", "other")
        ]
        agree(shot.lanes, shot.job)


async def test_samples_tell_of_connections_the_limit_and_the_loop(desk: Desk):
    desk.rows(30)
    async with Simulator(Behaviour(latency_ms=400)) as provider:
        spec = job_of(desk.input, chat(provider.base_url), batch_size=1, concurrency=6, rpm=3_000)
        async with Engine(desk.workspace, environment={}) as engine:
            await engine.run(spec)
    samples = desk.snapshot().samples
    assert max(sample.connections for sample in samples) == 6
    assert {sample.rpm_limit for sample in samples} == {3_000}
    assert all(0 <= sample.lag_ms < 5_000 for sample in samples)


class TestSwitching:
    async def test_a_lane_that_is_off_gets_nothing_more_until_it_is_on_again(self, desk: Desk):
        desk.rows(1_500)
        desk.provider.latency_s = lambda _: 0.02
        spec = desk.job(task=chat(prompt="{text}", api_key_env=tuple(TWO_KEYS)), concurrency=4, batch_size=2)

        def states() -> dict[str, bool]:
            return {lane.name[-1]: lane.enabled for lane in desk.snapshot().lanes}

        async with desk.engine(TWO_KEYS) as engine:
            await engine.submit(spec)
            await until(lambda: {asked.key for asked in desk.provider.asked} == {"tok_a", "tok_b"})
            told = await asked_for(desk, "lane", name="KEY_A", enabled=False)
            before = len(desk.provider.asked)
            assert told.applied
            assert told.message.endswith("KEY_A is off; what it has in flight is answered")
            await until(lambda: len(desk.provider.asked) > before + 100)
            assert {asked.key for asked in desk.provider.asked[before:]} == {"tok_b"}
            assert states() == {"A": False, "B": True}
            for name, enabled, why in (
                ("KEY_A", False, "KEY_A is off already"),
                ("KEY_B", True, "KEY_B is on already"),
                ("KEY_B", False, "is the only lane that job can use; pause the job instead"),
                ("KEY_C", False, "job: there is no lane 'KEY_C'; there are: gpt-4o-mini @ 127.0.0.1:9 · KEY_A, "),
                ("KEY_A", "no", "lane: malformed arguments (Expected `bool`"),
            ):
                refusal = await asked_for(desk, "lane", name=name, enabled=enabled)
                assert (refusal.applied, refusal.exit_code) == (False, 2)
                assert why in refusal.message
            await engine.job("job").cancel("a restart")
            await engine.wait("job")
        sent = len(desk.provider.asked)
        async with desk.engine(TWO_KEYS) as engine:
            await engine.submit(spec)
            await until(lambda: len(desk.provider.asked) > sent + 100)
            assert {asked.key for asked in desk.provider.asked[sent:]} == {"tok_b"}, "over a resume too"
            assert (await asked_for(desk, "lane", name="KEY_A", enabled=True)).applied
            await until(lambda: desk.provider.asked[-1].key == "tok_a")
            assert states() == {"A": True, "B": True}
            assert (await engine.wait("job")).state is JobState.FINISHED
        desk.check(1_500)
        shot = desk.snapshot()
        agree(shot.lanes, shot.job)
        lane = "gpt-4o-mini @ 127.0.0.1:9 · KEY_A"
        told_of = [line for line in desk.told() if "switched" in line]
        assert told_of == [
            f"ann switched off {lane}",
            f"still switched off: {lane}",
            f"ann switched on {lane}",
        ]

    async def test_a_moment_of_the_past_shows_which_were_off_and_what_they_had_done(self, desk: Desk):
        desk.rows(400)
        desk.provider.latency_s = lambda _: 0.05
        spec = desk.job(task=chat(prompt="{text}", api_key_env=tuple(TWO_KEYS)), concurrency=2, batch_size=5)
        async with desk.engine(TWO_KEYS) as engine:
            await engine.submit(spec)
            await until(lambda: desk.snapshot().samples)
            assert (await asked_for(desk, "lane", name="KEY_A", enabled=False)).applied
            await engine.wait("job")
        shot = desk.snapshot()
        ((switched,),) = rows_of(desk.workspace, "SELECT at FROM events WHERE message LIKE '% switched off%'")
        with closing(connect(desk.workspace)) as db:
            first, then, last = (
                lanes_at(db, 1, at) for at in (shot.samples[0].at, switched + 0.01, shot.samples[-1].at)
            )
        assert [lane.enabled for lane in first] == [True, True]
        assert [lane.enabled for lane in then] == [False, True]
        assert last == shot.lanes
        assert [lane.requests for lane in first] < [lane.requests for lane in last]
