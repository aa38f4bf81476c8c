"""The lanes of one job: who may be switched off, what was used of each, and what they allow together."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from batchtop.engine.clock import LoopClock
from batchtop.engine.errors import UsageError
from batchtop.engine.limits import Lane, Limits
from batchtop.engine.limits.standing import PROBATION
from batchtop.engine.metrics import Account
from batchtop.engine.outcome import Outcome
from batchtop.engine.route import Route, nearest
from batchtop.engine.slottime import shares
from batchtop.engine.snapshot import LaneState
from batchtop.engine.tasks import build_task
from batchtop.engine.testing import Asked, FakeTransport, MemoryBooks, answered, refused
from batchtop.engine.transports import Response
from batchtop.engine.ways import Ways

from .test_dispatch import CHAT, START, Job, at

pytestmark = pytest.mark.looptime(start=START)

A, B, SPARE = "mini @ host · KEY_A", "mini @ host · KEY_B", "spare @ host · KEY_A"


def routes(*names: str) -> list[Route]:
    made = [Route(Lane(name, LoopClock()), build_task(CHAT, ""), MemoryBooks(), int(name == SPARE)) for name in names]
    for route in made:
        route.lane.configure(Limits())
    return made


def ways(of: Sequence[Route]) -> Ways:
    return Ways(of, "job", CHAT)


class TestSwitching:
    @pytest.mark.parametrize("name", [B, "KEY_B", "key_b"])
    async def test_a_lane_by_its_name_or_a_part_that_only_it_has(self, name: str):
        both = routes(A, B)
        assert ways(both).switch(name, enabled=False) is both[1]
        assert [route.enabled for route in both] == [True, False]
        assert nearest(both) is both[0]
        assert [lane.enabled for lane in ways(both).states(0.0)] == [True, False]

    async def test_the_whole_name_wins_over_a_part_of_another(self):
        both = routes("mini @ host", "mini @ host · KEY")
        assert ways(both).switch("mini @ host", enabled=False) is both[0]

    @pytest.mark.parametrize(
        ("name", "enabled", "told"),
        [
            ("KEY_C", False, f"job: there is no lane 'KEY_C'; there are: {A}, {B}, {SPARE}"),
            ("KEY_A", False, f"job: several lanes match 'KEY_A': {A}, {SPARE}"),
            ("", False, f"job: several lanes match '': {A}, {B}, {SPARE}"),
            (A, True, f"{A} is on already"),
            (B, False, f"{B} is off already"),
        ],
    )
    async def test_what_cannot_be_done_is_refused_with_the_reason(self, name: str, enabled: bool, told: str):  # noqa: FBT001
        three = routes(A, B, SPARE)
        three[1].enabled = False
        with pytest.raises(UsageError) as refusal:
            ways(three).switch(name, enabled=enabled)
        assert str(refusal.value) == told
        assert [route.enabled for route in three] == [True, False, True]

    async def test_a_job_keeps_a_lane_that_is_of_use(self):
        both = routes(A, B)
        both[0].lane.close("the key is no good")
        with pytest.raises(UsageError, match="KEY_B is the only lane that job can use; pause the job instead"):
            ways(both).switch(B, enabled=False)
        ways(both).switch(A, enabled=False)
        with pytest.raises(UsageError, match="no key was refused"):
            ways(both).reopen()  # nothing would be sent by it
        with pytest.raises(UsageError, match="only lane"):
            ways(both).switch(B, enabled=False)
        ways(both).switch(A, enabled=True)
        assert ways(both).reopen() == A


class TestGoingOn:
    async def test_what_earlier_runs_used_and_a_person_switched_off_stays(self):
        both = routes(A, B)
        both[0].used.cost = 0.0
        before = [
            LaneState(A, requests=5, tokens_in=50, tokens_out=25, cost=None),
            LaneState(B, enabled=False, requests=3, tokens_in=30, tokens_out=15, cost=0.5),
            LaneState("one that is gone", enabled=False, requests=99),
        ]
        assert ways(both).go_on(before) == f"still switched off: {B}"
        assert [route.enabled for route in both] == [True, False]
        assert [route.used for route in both] == [Account(5, 50, 25, 0.0), Account(3, 30, 15, 0.5)]

    async def test_where_only_lanes_are_left_that_were_switched_off_they_are_used_again(self):
        (one,) = routes(B)
        assert ways([one]).go_on([LaneState(B, enabled=False)]) == f"switched on again, as no other lane is left: {B}"
        assert one.enabled

    async def test_a_first_run_has_nothing_to_tell(self):
        assert ways(routes(A, B)).go_on([]) == ""


class TestAllowedTogether:
    async def test_the_sum_of_those_in_use(self):
        three = routes(A, B, SPARE)
        assert ways(three).rpm_limit == 0
        for route, rpm in zip(three, (500, 300, 60), strict=True):
            route.lane.configure(Limits(rpm=rpm))
        assert ways(three).rpm_limit == 800, "the fallback has no part while the first is well"
        three[1].enabled = False
        assert ways(three).rpm_limit == 500
        three[0].lane.close("the key is no good")
        assert ways(three).rpm_limit == 60

    async def test_one_that_is_unknown_makes_the_sum_unknown(self):
        both = routes(A, B)
        both[0].lane.configure(Limits(rpm=500))
        both[1].lane.configure(Limits(rpd=100, tpm=1_000))
        assert ways(both).rpm_limit == 0

    async def test_none_in_use_is_none_known(self):
        (one,) = routes(A)
        one.lane.configure(Limits(rpm=500))
        one.lane.close("the key is no good")
        assert ways([one]).rpm_limit == 0


def off(job: Job, number: int) -> None:
    """Switch a lane of a running job off as its runner does."""
    route = job.loop._routes[number]
    route.enabled = False
    job.loop.reroute(route.lane)


class TestWhileItRuns:
    async def test_what_is_in_flight_is_answered_and_nothing_more_is_sent(self):
        provider = FakeTransport(latency_s=lambda _: 5.0)
        job = await Job(200, CHAT, provider=provider, keys=("a", "b"), batch_size=5, concurrency=4).prove()
        running = job.start()
        await at(12)
        before = Counter(asked.key for asked in provider.asked)
        assert provider.in_flight
        off(job, 0)
        await running
        after = Counter(asked.key for asked in provider.asked)
        assert after["a"] == before["a"], "nothing after that moment"
        assert len(provider.asked) == 200, "nothing was dropped and sent again"
        assert Counter(job.ends().values()) == {Outcome.OK: 200}

    async def test_what_waits_for_it_goes_elsewhere_and_its_time_is_no_time_of_that_lane(self):
        def script(asked: Asked) -> Response:
            return refused(429, retry_after_s=3600) if asked.key == "a" else answered(asked)

        job = Job(120, CHAT, provider=FakeTransport(script, latency_s=lambda _: 1.0), keys=("a", "b"), concurrency=4)
        await job.prove()
        off(job, 1)
        running = job.start()
        await at(60)
        assert dict(shares(job.loop.spent()))["cooldown"] > 0.9, "all wait for the only lane"
        job.loop._routes[1].enabled = True
        job.loop.reroute()
        off(job, 0)
        await at(80)
        spent = dict(shares(job.loop.spent()))
        assert spent["in_flight"] > 0.95
        assert "cooldown" not in spent
        await running
        assert Counter(job.ends().values()) == {Outcome.OK: 120}

    async def test_a_batch_half_of_which_waits_for_its_limit(self):
        provider = FakeTransport(latency_s=lambda _: 1.0)
        job = Job(100, CHAT, provider=provider, keys=("a", "b"), batch_size=50, concurrency=2)
        job.limit(rpm=6)
        await job.prove()
        running = job.start()
        await at(30)
        assert min(lane.waiting for lane in job.lanes) > 20, "one request in ten seconds"
        off(job, 0)
        job.limit(rpm=600)
        await at(33)
        assert job.lanes[0].waiting == 0
        await running
        assert Counter(job.ends().values()) == {Outcome.OK: 100}
        assert len(provider.asked) == 100
        assert max(asked.at for asked in provider.asked if asked.key == "a") <= START + 30

    @pytest.mark.parametrize("turns", [0, 1])
    @pytest.mark.parametrize("pauses", [False, True])
    async def test_what_was_let_out_in_that_very_moment_is_not_sent_either(self, turns: int, pauses: bool):  # noqa: FBT001
        """The first answer lets out all that wait for an unproven lane; each takes some turns of the loop to go."""

        def script(asked: Asked) -> Response:
            if asked is provider.asked[0]:
                soon(turns)
            return answered(asked)

        def soon(left: int) -> None:
            then = (lambda: soon(left - 1)) if left else job.loop.pause if pauses else lambda: off(job, 0)
            asyncio.get_running_loop().call_soon(then)

        provider = FakeTransport(script, latency_s=lambda _: 1.0 if len(provider.asked) == 1 else 2.0)
        job = Job(100, CHAT, provider=provider, keys=("a", "b"), batch_size=50, concurrency=2)
        running = job.start()
        await at(1.5)
        assert Counter(asked.key for asked in provider.asked) == {"a": PROBATION, "b": PROBATION}
        assert job.lanes[0].state(0.0).rpm_used == PROBATION, "what was not sent is not counted"
        job.loop.resume()
        await running
        assert Counter(job.ends().values()) == {Outcome.OK: 100}
        assert len(provider.asked) == 100

    async def test_where_the_rest_is_closed_the_job_ends_and_says_why(self):
        def script(asked: Asked) -> Response:
            return refused(401, "invalid_api_key") if asked.key == "b" else answered(asked)

        provider = FakeTransport(script, latency_s=lambda _: 0.1)
        job = Job(100, CHAT, provider=provider, keys=("a", "b"), concurrency=2)
        off(job, 0)
        await job.run()
        assert "refused the request" in str(job.loop.stop)
        assert {asked.key for asked in provider.asked} == {"b"}
