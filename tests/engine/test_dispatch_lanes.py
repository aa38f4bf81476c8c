"""The loop of a job with several keys, and what it does about answers that say too little."""

import asyncio
from collections import Counter

import msgspec
import pytest
from batchtop.engine.limits import Lane
from batchtop.engine.outcome import Outcome
from batchtop.engine.testing import Asked, FakeTransport, answered, refused
from batchtop.engine.transports import Response, TransportError

from .test_dispatch import CHAT, EMBED, START, Job, now

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=START, noop_cycles=0)


@pytest.mark.parametrize(("batch_size", "concurrency"), [(1, 9), (10, 3), (1, 100)])
async def test_keys_share_the_work_evenly(batch_size: int, concurrency: int):
    provider = FakeTransport(latency_s=lambda _: 1.0)
    job = Job(900, CHAT, provider=provider, keys=("a", "b", "c"), batch_size=batch_size, concurrency=concurrency)
    await (await job.prove()).run()
    used = Counter(asked.key for asked in provider.asked)
    assert set(used) == {"a", "b", "c"}
    assert min(used.values()) > 0.9 * max(used.values())


@pytest.mark.parametrize("concurrency", [1, 2, 4])
async def test_a_key_that_cools_holds_no_slot_while_another_is_free(concurrency: int):
    def script(asked: Asked) -> Response:
        return refused(429, "rate_limit_exceeded", retry_after_s=3600) if asked.key == "a" else answered(asked)

    provider = FakeTransport(script, latency_s=lambda _: 0.1)
    job = Job(200, CHAT, provider=provider, keys=("a", "b"), batch_size=5, concurrency=concurrency)
    await (await job.prove()).run()
    assert Counter(job.ends().values()) == {Outcome.OK: 200}
    assert now() - START < 200, "nobody waited for the first key's hour"


def without_usage(asked: Asked) -> Response:
    body = msgspec.json.decode(answered(asked).body)
    del body["usage"]
    return Response(200, {}, msgspec.json.encode(body))


async def test_an_answer_that_does_not_say_its_usage_is_charged_at_what_it_may_have_cost():
    provider = FakeTransport(without_usage, latency_s=lambda _: 1.0)
    job = Job(200, CHAT, provider=provider, usd_per_token=0.0001, concurrency=4, cost=1.0)
    await (await job.prove()).run()
    assert 0 < job.books.spent <= 1.0
    assert job.loop.stop is not None, "the budget ends the job"
    assert len(provider.asked) < 30


async def test_a_request_that_timed_out_is_charged_too():
    provider = FakeTransport(closed=True)
    job = Job(1, CHAT, provider=provider, usd_per_token=0.0001, timeout=1.0, max_attempts=1)
    await (await job.prove()).run()
    assert job.books.requests == [Outcome.TIMEOUT]
    assert job.books.spent > 0


@pytest.mark.parametrize("size", [32, 256])
async def test_an_item_that_breaks_the_server_fails_alone(size: int):
    def script(asked: Asked) -> Response:
        return refused(500) if "text 7" in asked.texts else answered(asked)

    job = Job(512, EMBED, provider=FakeTransport(script, latency_s=lambda _: 0.1), batch_size=size, concurrency=2)
    await (await job.prove()).run()
    ends = job.ends()
    assert {row for row, outcome in ends.items() if outcome is not Outcome.OK} == {7}
    assert len(ends) == 512


async def test_an_answer_too_large_is_asked_for_in_halves():
    def script(asked: Asked) -> Response | TransportError:
        large = len(asked.texts) > 10
        return TransportError(Outcome.SHORT_REPLY, "host: answer too large") if large else answered(asked)

    job = Job(64, EMBED, provider=FakeTransport(script), batch_size=64)
    await (await job.prove()).run()
    assert Counter(job.ends().values()) == {Outcome.OK: 64}


async def test_what_was_begun_in_the_moment_of_a_pause_is_not_sent():
    provider = FakeTransport(latency_s=lambda _: 1.0)
    job = await Job(20, CHAT, provider=provider, batch_size=10, concurrency=2).prove()
    running = job.start()
    while not job.loop.in_flight:  # noqa: ASYNC110 (the very moment is wanted, and nothing tells of it)
        await asyncio.sleep(0)
    job.loop.pause()
    await asyncio.sleep(30)
    assert provider.asked == []
    job.loop.resume()
    await running
    assert Counter(job.ends().values()) == {Outcome.OK: 20}


async def test_a_crash_in_reading_an_answer_leaves_the_lane_usable():
    job = await Job(1, CHAT, provider=FakeTransport(latency_s=lambda _: 1.0)).prove()

    def crash(*_: object) -> None:
        raise RuntimeError("boom")

    lane: Lane = job.lanes[0]
    lane.reopen()  # on probation, a few places are all there is
    job.loop._routes[0].task.read = crash
    with pytest.raises(RuntimeError, match="boom"):
        await job.run()
    for _ in range(3):
        async with asyncio.timeout(1):
            await lane.admit()
