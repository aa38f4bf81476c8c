"""The loop of a job in virtual time, against a provider in memory: what goes when, and what never goes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from batchtop.engine.admission import Budget
from batchtop.engine.batcher import Batcher
from batchtop.engine.clock import LoopClock
from batchtop.engine.dispatch import Dispatcher
from batchtop.engine.errors import StoppedError
from batchtop.engine.hold import Hold
from batchtop.engine.item import Item
from batchtop.engine.limits import Lane, LaneClosed, LaneRefused, Limits
from batchtop.engine.outcome import Outcome
from batchtop.engine.presets import load_presets, profile
from batchtop.engine.route import Route
from batchtop.engine.settings import Settings
from batchtop.engine.tasks import build_task
from batchtop.engine.taskspec import TaskSpec
from batchtop.engine.testing import Asked, FakeTransport, MemoryBooks, answered, dropped, refused
from batchtop.engine.transports import Response, TransportError
from batchtop.engine.turn import MOST
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .workshop import chat, embeddings

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=100.0, noop_cycles=0)

CHAT, EMBED = chat(prompt="{text}"), embeddings()
START = 100.0


class Job:
    """A job of some items, `text 0`, `text 1` ..., on lanes that have proven themselves, one for each key."""

    def __init__(
        self,
        count: int = 0,
        task: TaskSpec = EMBED,
        *,
        provider: FakeTransport | None = None,
        keys: Sequence[str] = ("",),
        usd_per_token: float = 0.0,
        wishes: Settings | None = None,
        **wished: float,
    ) -> None:
        self.provider = provider or FakeTransport(latency_s=lambda _: 1.0)
        self.books = MemoryBooks(usd_per_token)
        self.budget = Budget(0.0)
        self.lanes = [Lane(f"lane {number}", LoopClock()) for number in range(len(keys))]
        self.loop = Dispatcher(
            batcher=Batcher(),
            settings=replace(wishes or Settings(batch_size=1, concurrency=1), **wished),
            routes=[Route(lane, build_task(task, key), self.books) for lane, key in zip(self.lanes, keys, strict=True)],
            transport=self.provider,
            ledger=self.books,
            budget=self.budget,
            clock=LoopClock(),
        )
        self.limit(rpm=0)
        if count:
            self.add(count)
            self.close()

    def close(self) -> None:
        self.loop.batcher.close()
        self.loop.wake()

    def add(self, count: int, first: int = 0) -> None:
        rows = range(first, first + count)
        self.loop.batcher.add([Item(row, str(row), {"text": f"text {row}"}) for row in rows], now())
        self.loop.wake()

    def limit(self, *, rpm: int = 0, tpm: int = 0) -> None:
        for lane in self.lanes:
            lane.configure(Limits(rpm=rpm, tpm=tpm))

    def set(self, **wished: float) -> None:
        self.loop.settings = replace(self.loop.settings, **wished)
        self.loop.wake()

    async def prove(self) -> "Job":
        for lane in self.lanes:
            lane.settle(await lane.admit(), Outcome.OK)
        return self

    async def run(self) -> None:
        async with asyncio.timeout(3600):
            await self.loop.run(lambda: None)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.run())

    @property
    def starts(self) -> list[float]:
        """When each request came, in seconds of the test."""
        return [round(asked.at - START, 3) for asked in self.provider.asked]

    @property
    def sent(self) -> list[str]:
        return [text for asked in self.provider.asked for text in asked.texts]

    def ends(self) -> dict[int, Outcome]:
        """How each item ended; none ends twice."""
        ended = Counter(each.item.row for each in self.books.settlements)
        assert not ended or max(ended.values()) == 1
        return {each.item.row: each.answer.outcome for each in self.books.settlements}


def now() -> float:
    return asyncio.get_running_loop().time()


async def at(second: float) -> None:
    """Wait until a second of the test."""
    await asyncio.sleep(START + second - now())


def text(number: int) -> str:
    return f"text {number}"


def slow(**seconds: float) -> Callable[[Asked], float]:
    """Take so long for these texts, `t7=60`, and a second for any other."""
    return lambda asked: seconds.get(f"t{asked.texts[0].removeprefix('text ')}", 1.0)


class TestRhythm:
    @pytest.mark.parametrize(
        ("preset", "task", "a_batch"),
        [("conservative", CHAT, 10), ("conservative/discovery", EMBED, 1), ("conservative/refresh", CHAT, 10)],
    )
    async def test_conservative(self, preset: str, task: TaskSpec, a_batch: int):
        """Ten batches with pauses between them, then a longer pause, and so on."""
        _, figures = profile(load_presets(Path("/nonexistent")), preset)
        wishes = replace(Settings(), **figures)
        job = await Job(wishes.batch_size * 25, task, wishes=wishes).prove()
        await job.run()
        batches = job.starts[::a_batch]
        assert job.starts == [start for start in batches for _ in range(a_batch)], "a batch goes as one"
        assert len(batches) == 25
        pauses = [later - earlier - 1.0 for earlier, later in pairwise(batches)]
        expected = [3.0 if number % 10 == 0 else wishes.delay for number in range(1, 25)]
        assert pauses == pytest.approx(expected, abs=0.002)

    async def test_aggressive_keeps_two_batches_in_flight_each_slot_with_its_own_pause(self):
        _, figures = profile(load_presets(Path("/nonexistent")), "aggressive")
        job = await Job(15 * 8, EMBED, wishes=replace(Settings(), **figures)).prove()
        await job.run()
        assert job.starts == pytest.approx([0, 0, 1.5, 1.5, 3, 3, 4.5, 4.5], abs=0.01)

    async def test_a_part_of_a_batch_goes_after_max_wait(self):
        job = await Job(batch_size=10, max_wait=0.5).prove()
        running = job.start()
        job.add(3)
        await at(0.2)
        job.add(1, first=3)
        await at(5)
        job.close()
        await running
        assert job.starts == [0.5]
        assert len(job.sent) == 4


class TestTuning:
    async def test_raising_concurrency_acts_at_once_and_lowering_it_lets_running_ones_finish(self):
        job = await Job(30, provider=FakeTransport(latency_s=lambda _: 10.0)).prove()
        running = job.start()
        await at(1)
        job.set(concurrency=4)
        await at(2)
        assert job.starts == [0, 1, 1, 1]
        job.set(concurrency=1)
        await at(10.5)
        assert job.loop.in_flight == 3, "none was dropped, and none took its place"
        await at(30)
        assert job.starts[4:] == [11, 21]
        running.cancel()

    async def test_a_shorter_delay_acts_while_a_slot_rests(self):
        job = await Job(3, delay=60).prove()
        running = job.start()
        await at(5)
        assert job.starts == [0]
        job.set(delay=0.5)
        await running
        assert job.starts == [0, 5, 6.5]

    async def test_a_new_batch_size_holds_from_the_next_batch(self):
        job = await Job(40).prove()
        running = job.start()
        await at(0.5)
        job.set(batch_size=20)
        await running
        assert [len(asked.texts) for asked in job.provider.asked] == [1, 20, 19]

    async def test_higher_limits_act_on_what_waits_already(self):
        job = await Job(60, CHAT, batch_size=20).prove()
        job.limit(rpm=6)
        running = job.start()
        await at(5)
        assert len(job.starts) == 1
        job.limit(rpm=6000)
        await at(6)
        assert len(job.starts) > 15
        await running

    async def test_books_that_are_full_hold_the_next_batch_back(self):
        job = await Job(2).prove()
        job.books.full = True
        running = job.start()
        await at(5)
        assert job.loop.hold == Hold("sink")
        job.books.full = False
        job.loop.wake()
        await running
        assert job.starts == [5, 6]


class TestAnswers:
    async def test_an_answer_is_stored_before_its_slowest_sibling(self):
        job = await Job(3, CHAT, provider=FakeTransport(latency_s=slow(t2=60)), batch_size=3).prove()
        running = job.start()
        await at(1.5)
        assert job.ends() == {0: Outcome.OK, 1: Outcome.OK}
        await running
        assert len(job.ends()) == 3

    async def test_answers_keep_their_items_attempts_and_latency(self):
        tries = Counter[str]()

        def second_time_lucky(asked: Asked) -> Response:
            tries[asked.texts[0]] += 1
            return answered(asked) if asked.texts[0] != text(1) or tries[text(1)] > 1 else refused(500)

        job = await Job(3, CHAT, provider=FakeTransport(second_time_lucky, latency_s=slow(t2=0.25))).prove()
        await job.run()
        by_row = {each.item.row: each for each in job.books.settlements}
        assert {row: each.answer.output for row, each in by_row.items()} == {
            0: b'"TEXT 0"',
            1: b'"TEXT 1"',
            2: b'"TEXT 2"',
        }
        assert {row: each.attempts for row, each in by_row.items()} == {0: 1, 1: 2, 2: 1}
        assert by_row[2].latency_ms == pytest.approx(250)
        assert Counter(job.books.requests) == {Outcome.OK: 3, Outcome.OVERLOADED: 1}

    async def test_a_retry_goes_before_new_items_and_holds_no_slot_while_it_waits(self):
        failed = {text(0)}

        def once(asked: Asked) -> Response:
            if asked.texts[0] in failed:
                failed.clear()
                return refused(503)
            return answered(asked)

        job = await Job(40, provider=FakeTransport(once, latency_s=lambda _: 0.1)).prove()
        await job.run()
        assert all(later - earlier == pytest.approx(0.1, abs=0.01) for earlier, later in pairwise(job.starts))
        again = job.sent.index(text(0), 1)
        assert 3 <= again <= 6, "after a back-off of 0.25 to 0.5 s, before the 34 others"

    async def test_an_item_that_fails_on_and_on_fails_alone(self):
        job = Job(5, provider=FakeTransport(lambda asked: refused(500) if text(1) in asked.texts else answered(asked)))
        job.set(max_attempts=3)
        await (await job.prove()).run()
        assert job.ends() == {0: Outcome.OK, 1: Outcome.OVERLOADED} | dict.fromkeys(range(2, 5), Outcome.OK)
        (failure,) = (each for each in job.books.settlements if each.answer.outcome is not Outcome.OK)
        assert (failure.attempts, job.sent.count(text(1))) == (3, 3)
        assert "refused with 500" in failure.answer.message

    @pytest.mark.parametrize(("count", "poisoned"), [(64, 0), (64, 37), (64, 63), (2, 1)])
    async def test_one_bad_item_in_a_batch_costs_a_few_calls_and_fails_alone(self, count: int, poisoned: int):
        bad = text(poisoned)
        job = Job(count, provider=FakeTransport(lambda asked: refused(400) if bad in asked.texts else answered(asked)))
        job.set(batch_size=count)
        await (await job.prove()).run()
        assert [row for row, end in job.ends().items() if end is not Outcome.OK] == [poisoned]
        assert len(job.ends()) == count
        spoilt = [asked for asked in job.provider.asked if bad in asked.texts]
        assert spoilt[-1].texts == (bad,)
        assert len(job.provider.asked) - 1 <= count.bit_length() + 1, "log2(n) halves, the item alone, and the rest"
        assert len(job.sent) == sum(len(asked.texts) for asked in spoilt) + count - 1, "the others are sent well once"

    async def test_a_batch_that_is_answered_in_part_is_asked_in_smaller_ones(self):
        def at_most_eight(asked: Asked) -> Response:
            return answered(replace(asked, texts=asked.texts[:8]))

        job = await Job(32, provider=FakeTransport(at_most_eight), batch_size=32).prove()
        await job.run()
        assert job.ends() == dict.fromkeys(range(32), Outcome.OK)
        assert [len(asked.texts) for asked in job.provider.asked] == [32, 16, 16, 8, 8, 8, 8]

    async def test_answers_that_have_come_are_kept_when_what_is_out_is_dropped(self):
        job = await Job(4 * MOST, batch_size=MOST, concurrency=4).prove()
        running = job.start()
        await asyncio.sleep(1.0)
        for _ in range(20):
            await asyncio.sleep(0)
            if job.ends():
                break
        assert len(job.ends()) == MOST, "the others have to wait for their turn"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(job.ends()) == 4 * MOST

    async def test_an_item_that_cannot_be_asked_fails_without_a_request(self):
        job = await Job(provider=FakeTransport()).prove()
        job.loop.batcher.add([Item(1, "1", {"words": "none"})], now())
        job.loop.batcher.close()
        await job.run()
        assert job.ends() == {1: Outcome.BAD_ITEM}
        assert not job.sent

    async def test_a_request_that_no_minute_has_tokens_for_fails_alone(self):
        job = Job(provider=FakeTransport(), batch_size=4)
        rows = ["short", "x" * 8000, "short too"]
        job.loop.batcher.add([Item(row, str(row), {"text": each}) for row, each in enumerate(rows)], now())
        job.loop.batcher.close()
        job.limit(tpm=1000)
        await (await job.prove()).run()
        assert job.ends() == {0: Outcome.OK, 1: Outcome.RATE_LIMITED, 2: Outcome.OK}, "a rerun may find another limit"

    async def test_a_limit_that_has_room_for_no_request_stops_the_job_after_a_few(self):
        job = await Job(1000, CHAT, concurrency=8).prove()
        job.limit(tpm=5)
        await job.run()
        assert isinstance(job.loop.stop, StoppedError)
        assert "raise tpm" in str(job.loop.stop)
        assert len(job.ends()) <= 20
        assert not job.provider.asked


class TestWishes:
    async def test_a_paused_job_sends_nothing_more_and_then_goes_on(self):
        """Not even what waits for its turn in a batch that has begun."""
        job = await Job(30, CHAT, batch_size=20).prove()
        job.limit(rpm=60)
        running = job.start()
        await at(5.5)
        job.loop.pause()
        before = len(job.starts)
        await at(60)
        assert len(job.starts) == before
        assert len(job.ends()) == before, "what was in flight was answered"
        job.loop.resume()
        await running
        assert sorted(job.sent) == sorted(map(text, range(30))), "each sent once"

    async def test_a_drained_job_answers_what_is_in_flight_and_waits_for_no_limit(self):
        job = await Job(30, CHAT, batch_size=20, provider=FakeTransport(latency_s=lambda _: 3.0)).prove()
        job.limit(rpm=60)
        running = job.start()
        await at(5.5)
        job.loop.end(Hold("drain"))
        await running
        assert now() - START < 9
        assert 0 < len(job.sent) == len(job.ends()) < 10

    async def test_a_cancelled_job_drops_what_is_in_flight(self):
        job = Job(30, provider=FakeTransport(closed=True), concurrency=4)
        running = job.start()
        await at(1)
        assert job.provider.in_flight == 3, "as many as a lane lets out before its first answer"
        job.loop.end(Hold("drain"))
        job.loop.end(Hold("cancel"))
        await job.loop.cancel_in_flight()
        await running
        assert job.loop.stop == Hold("cancel")
        assert (job.provider.in_flight, job.ends()) == (0, {})
        assert job.lanes[0].hold() is None, "its places are free for other jobs"

    async def test_cancelling_the_run_leaves_nothing_running(self):
        job = await Job(30, CHAT, provider=FakeTransport(closed=True), batch_size=10).prove()
        running = job.start()
        await at(1)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert job.provider.in_flight == 0
        assert len(asyncio.all_tasks()) == 1

    async def test_a_bug_in_a_task_surfaces_and_drops_the_rest(self, monkeypatch: pytest.MonkeyPatch):
        job = await Job(30, provider=FakeTransport(latency_s=slow(t0=1, t1=60)), concurrency=2).prove()
        monkeypatch.setattr("batchtop.engine.tasks.embeddings.EmbeddingsTask.read", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await job.run()
        assert now() - START == pytest.approx(1, abs=0.01)
        assert job.provider.in_flight == 0


class TestBudget:
    async def test_the_job_stops_before_the_worst_case_can_exceed_the_limit(self):
        job = await Job(100, CHAT, usd_per_token=0.001, concurrency=3, cost=2.0).prove()
        most = 0.0

        def see(asked: Asked) -> Response:
            nonlocal most
            most = max(most, job.books.spent + 0.015 * job.provider.in_flight)
            return answered(asked)

        job.provider.answer = see
        await job.run()
        assert job.loop.stop == Hold("budget")
        assert most < job.books.spent + 0.015 <= 2.0
        assert 0.015 * len(job.ends()) == pytest.approx(job.books.spent)
        assert len(job.ends()) > 90, "what requests did not cost in the end is there for others"

    async def test_a_higher_limit_lets_it_go_on_while_something_is_in_flight(self):
        job = await Job(3, CHAT, usd_per_token=0.001, concurrency=2, cost=0.8).prove()
        running = job.start()
        await at(0.5)
        assert job.loop.hold == Hold("budget")
        job.set(cost=100)
        await running
        assert job.loop.stop is None
        assert job.starts == [0, 0.5, 1.0]


class TestStoppingEarly:
    @pytest.mark.parametrize(
        "refusal",
        [refused(401, "invalid_api_key"), refused(404, "model_not_found"), refused(429, "insufficient_quota")],
    )
    @pytest.mark.parametrize(("task", "batch_size", "concurrency"), [(EMBED, 1, 1), (CHAT, 10, 8), (EMBED, 50, 8)])
    async def test_a_refused_key_costs_a_handful_of_calls_and_no_item(self, refusal, task, batch_size, concurrency):
        provider = FakeTransport(lambda _: refusal, latency_s=lambda _: 0.1)
        job = Job(400, task, provider=provider, batch_size=batch_size, concurrency=concurrency)
        await job.run()
        assert isinstance(job.loop.stop, LaneRefused)
        assert "refused with" in str(job.loop.stop)
        assert job.ends() == {}
        assert len(job.starts) <= 5

    @pytest.mark.parametrize(("batch_size", "concurrency", "most"), [(1, 1, 3), (5, 4, 20)])
    async def test_a_key_revoked_in_mid_run_costs_what_is_in_flight(self, batch_size, concurrency, most):
        provider = FakeTransport(lambda asked: answered(asked) if asked.at < 110 else refused(401))
        provider.latency_s = lambda _: 1.0
        job = await Job(400, CHAT, provider=provider, batch_size=batch_size, concurrency=concurrency).prove()
        await job.run()
        assert isinstance(job.loop.stop, LaneRefused)
        assert len(job.starts) - len(job.ends()) <= most
        assert set(job.ends().values()) == {Outcome.OK}

    async def test_another_key_takes_over(self):
        provider = FakeTransport(lambda asked: answered(asked) if asked.key == "good" else refused(401))
        job = Job(40, provider=provider, keys=("bad", "good"), concurrency=4)
        await job.run()
        assert job.loop.stop is None
        assert job.ends() == dict.fromkeys(range(40), Outcome.OK)
        assert sum(asked.key == "bad" for asked in provider.asked) <= 5

    @pytest.mark.parametrize("batch_size", [1, 20])
    async def test_an_unreachable_server_ends_the_job_soon_and_fails_no_item(self, batch_size: int):
        job = Job(400, provider=FakeTransport(lambda _: dropped()), batch_size=batch_size, concurrency=8)
        await job.run()
        assert isinstance(job.loop.stop, LaneClosed)
        assert not isinstance(job.loop.stop, LaneRefused)
        assert "no request has gone well for 10 s; last error: fake host: the connection broke" in str(job.loop.stop)
        assert 10 <= now() - START < 20
        assert job.ends() == {}

    async def test_a_server_that_is_down_for_a_while_costs_nobody_an_attempt(self):
        def down(asked: Asked) -> Response | TransportError:
            return answered(asked) if not 105 < asked.at < 130 else dropped()

        job = await Job(
            100, provider=FakeTransport(down, latency_s=lambda _: 0.5), concurrency=4, max_attempts=5
        ).prove()
        await job.run()
        assert job.ends() == dict.fromkeys(range(100), Outcome.OK)

    async def test_a_rate_limit_costs_nobody_an_attempt_and_is_waited_out(self):
        limited = iter([True] * 20)

        def limit(asked: Asked) -> Response:
            return refused(429, retry_after_s=2) if next(limited, False) else answered(asked)

        job = await Job(
            30, provider=FakeTransport(limit, latency_s=lambda _: 0.1), concurrency=10, max_attempts=1
        ).prove()
        await job.run()
        assert job.ends() == dict.fromkeys(range(30), Outcome.OK)
        assert all(each.attempts == 1 for each in job.books.settlements)


FAULTS = (
    lambda _: refused(429),
    lambda _: refused(429, retry_after_s=1),
    lambda _: refused(500),
    lambda _: refused(503),
    lambda _: dropped(),
    lambda _: Response(200, {}, b'{"choices": [{"mess'),
    lambda _: Response(200, {}, b"<html>please log in</html>"),
)


@given(
    seed=st.integers(0, 2**32),
    task=st.sampled_from([CHAT, EMBED]),
    batch_size=st.sampled_from([1, 7, 50]),
    concurrency=st.integers(1, 20),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_with_four_requests_in_ten_failing_every_item_is_done_once(seed, task, batch_size, concurrency):
    draws = Random(seed)

    def answer(asked: Asked) -> Response | TransportError:
        return (draws.choice(FAULTS) if draws.random() < 0.4 else answered)(asked)

    provider = FakeTransport(answer, latency_s=lambda _: draws.expovariate(2))
    job = Job(100, task, provider=provider, batch_size=batch_size, concurrency=concurrency, max_attempts=100)
    await job.run()
    assert job.loop.stop is None
    assert job.ends() == dict.fromkeys(range(100), Outcome.OK)
