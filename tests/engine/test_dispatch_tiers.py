"""The loop of a job with providers to fall back to, and what it tells of where its time went."""

import asyncio
from collections import Counter

import pytest
from batchtop.engine.hold import Hold
from batchtop.engine.limits import Limits
from batchtop.engine.outcome import Outcome
from batchtop.engine.slottime import limiting, shares
from batchtop.engine.testing import Asked, FakeTransport, answered, dropped, refused
from batchtop.engine.transports import Response, TransportError

from .test_dispatch import CHAT, EMBED, START, Job, at, now

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=START, noop_cycles=0)

DOWN_S = (10.0, 60.0)


def down_for_a_while(asked: Asked) -> Response | TransportError:
    """The first provider breaks every connection for some time."""
    broken = asked.key == "a" and DOWN_S[0] <= asked.at - START < DOWN_S[1]
    return dropped() if broken else answered(asked)


def with_fallback(job: Job) -> Job:
    """Make the second way of a job a tier of its own, with another model."""
    _, second = job.loop._routes
    second.tier, second.model = 1, "spare"
    return job


def used(job: Job, key: str, begin: float, end: float) -> int:
    return sum(asked.key == key and begin <= asked.at - START < end for asked in job.provider.asked)


class TestFallback:
    async def test_it_takes_over_while_the_first_is_down_and_gives_back_when_that_has_healed(self):
        provider = FakeTransport(down_for_a_while, latency_s=lambda _: 0.5)
        job = with_fallback(Job(1000, CHAT, provider=provider, keys=("a", "b"), concurrency=5))
        await (await job.prove()).run()
        assert Counter(job.ends().values()) == {Outcome.OK: 1000}
        assert used(job, "b", 0.0, DOWN_S[0]) == 0, "nothing by the fallback while the first is well"
        assert used(job, "b", 15.0, DOWN_S[1]) > 0.8 * 45 * 5 / 0.5, "at full speed in the meantime"
        assert used(job, "a", 15.0, DOWN_S[1]) <= 15, "one probe at a time"
        assert used(job, "a", 67.0, 100.0) > 0
        assert used(job, "b", 67.0, 100.0) == 0
        models = Counter(each.model for each in job.books.settlements)
        assert set(models) == {"", "spare"}

    async def test_a_first_that_was_down_for_long_is_tried_now_and_then_and_used_again(self):
        def script(asked: Asked) -> Response | TransportError:
            return dropped() if asked.key == "a" and 10 <= asked.at - START < 500 else answered(asked)

        provider = FakeTransport(script, latency_s=lambda _: 0.5)
        job = with_fallback(Job(9000, CHAT, provider=provider, keys=("a", "b"), concurrency=5))
        await (await job.prove()).run()
        assert Counter(job.ends().values()) == {Outcome.OK: 9000}
        assert used(job, "a", 90, 500) == 1, "given up after a minute, tried once after five more"
        assert used(job, "b", 720, 1e6) == 0
        assert used(job, "a", 720, 1e6) > 0

    async def test_a_limit_of_the_first_is_waited_for_not_fled_from(self):
        job = with_fallback(Job(20, CHAT, provider=FakeTransport(latency_s=lambda _: 0.1), keys=("a", "b")))
        job.lanes[0].configure(Limits(rpm=60))
        await (await job.prove()).run()
        assert {asked.key for asked in job.provider.asked} == {"a"}

    async def test_a_pause_longer_than_max_cooldown_is_fled_from_and_a_shorter_one_is_not(self):
        def script(asked: Asked) -> Response:
            first = asked.key == "a" and asked.at < START + 30
            return refused(429, retry_after_s=20.0 if asked.at < START + 1 else 600.0) if first else answered(asked)

        job = with_fallback(Job(300, CHAT, provider=FakeTransport(script, latency_s=lambda _: 0.5), keys=("a", "b")))
        await (await job.prove()).run()
        assert used(job, "b", 0.0, 20.0) == 0
        assert used(job, "b", 21.0, 300.0) == 300
        assert Counter(job.ends().values()) == {Outcome.OK: 300}

    async def test_a_key_that_is_refused_leaves_the_work_to_the_fallback(self):
        def script(asked: Asked) -> Response:
            return refused(401, "invalid_api_key") if asked.key == "a" else answered(asked)

        job = with_fallback(Job(100, CHAT, provider=FakeTransport(script), keys=("a", "b"), concurrency=4))
        await job.run()
        assert Counter(job.ends().values()) == {Outcome.OK: 100}
        assert sum(asked.key == "a" for asked in job.provider.asked) <= 5

    async def test_with_everything_down_the_job_ends_in_time_and_its_items_stay(self):
        provider = FakeTransport(lambda _: dropped(), latency_s=lambda _: 0.1)
        job = with_fallback(Job(100, CHAT, provider=provider, keys=("a", "b"), concurrency=4, max_attempts=50))
        await job.run()
        assert job.loop.stop is not None
        assert now() - START < 120
        assert not job.ends()


class TestOneBadItem:
    async def test_in_2048_it_fails_alone_after_13_requests_more(self):
        def script(asked: Asked) -> Response:
            return refused(400) if "text 1337" in asked.texts else answered(asked)

        job = Job(2048, EMBED, provider=FakeTransport(script, latency_s=lambda _: 0.1), batch_size=2048)
        await (await job.prove()).run()
        assert Counter(job.ends().values()) == {Outcome.OK: 2047, Outcome.BAD_ITEM: 1}
        assert job.ends()[1337] is Outcome.BAD_ITEM
        assert len(job.provider.asked) <= 1 + 13

    @pytest.mark.parametrize("seconds", [0.35, 0.55, 0.75, 1.05])
    async def test_a_search_that_a_429_or_a_pause_breaks_off_loses_nothing(self, seconds: float):
        def script(asked: Asked) -> Response:
            if START + seconds <= asked.at < START + seconds + 0.1:
                return refused(429, retry_after_s=1.0)
            return refused(400) if {"text 77", "text 200"} & set(asked.texts) else answered(asked)

        provider = FakeTransport(script, latency_s=lambda _: 0.1)
        job = await Job(512, EMBED, provider=provider, batch_size=256, concurrency=2).prove()
        running = job.start()
        await at(seconds + 0.05)
        job.loop.pause()
        await at(seconds + 20)
        job.loop.resume()
        await running
        assert Counter(job.ends().values()) == {Outcome.OK: 510, Outcome.BAD_ITEM: 2}

    async def test_a_server_that_takes_fewer_inputs_gets_fewer(self):
        def script(asked: Asked) -> Response:
            return refused(400) if len(asked.texts) > 96 else answered(asked)

        job = Job(2048, EMBED, provider=FakeTransport(script, latency_s=lambda _: 0.1), batch_size=2048)
        await (await job.prove()).run()
        assert Counter(job.ends().values()) == {Outcome.OK: 2048}
        assert len(job.provider.asked) < 70


class TestWhereTheTimeWent:
    async def spent(self, job: Job, seconds: float) -> dict[str, float]:
        running = (await job.prove()).start()
        total: Counter[str] = Counter()
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            total.update(job.loop.spent())
        job.loop.end(Hold("cancel"))
        await job.loop.cancel_in_flight()
        await running
        return dict(total)

    async def test_all_slots_in_flight(self):
        spent = await self.spent(Job(1000, CHAT, concurrency=10), 20)
        assert limiting(spent) == "in_flight"
        assert dict(shares(spent))["in_flight"] > 0.99
        assert sum(spent.values()) == pytest.approx(200, rel=0.01)

    async def test_a_limit_of_requests(self):
        job = Job(1000, CHAT, concurrency=10)
        job.limit(rpm=60)
        spent = await self.spent(job, 20)
        assert limiting(spent) == "rpm"
        assert dict(shares(spent))["in_flight"] == pytest.approx(0.1, abs=0.03)

    async def test_calls_of_a_batch_that_wait_for_their_lane(self):
        job = Job(1000, CHAT, concurrency=2, batch_size=50)
        job.limit(rpm=60)
        spent = await self.spent(job, 20)
        assert limiting(spent) == "rpm"
        assert dict(shares(spent))["rpm"] > 0.9

    async def test_delay_and_source(self):
        job = Job(8, CHAT, concurrency=2, delay=3.0)
        spent = await self.spent(job, 12)
        assert limiting(spent) == "delay"
        job = Job(0, CHAT, concurrency=4)
        assert limiting(await self.spent(job, 5)) == "source"

    async def test_a_full_sink_and_too_much_memory(self):
        job = Job(100, CHAT, concurrency=4)
        job.books.full = True
        assert limiting(await self.spent(job, 5)) == "sink"
        job = Job(100, CHAT, concurrency=4)
        job.loop.memory.judge(0.0, 2_000, 1_500, at_rest=True)
        assert limiting(await self.spent(job, 5)) == "memory"
        assert not job.provider.asked


async def test_a_tight_engine_reads_no_page_until_it_needs_one():
    job = await Job(0, EMBED, batch_size=10, concurrency=16).prove()
    wanted: list[int] = []

    def want() -> None:
        wanted.append(job.loop.batcher.fresh)
        if job.loop.batcher.fresh < 10 and len(job.provider.asked) < 5:
            job.add(10, first=len(wanted) * 10)

    job.loop.memory.judge(0.0, 1_300, 1_500, at_rest=True)
    async with asyncio.timeout(100):
        running = asyncio.create_task(job.loop.run(want))
        await at(20)
        job.close()
        await running
    assert wanted, "a job is never starved"
    assert max(wanted) < 10
    assert job.provider.asked
