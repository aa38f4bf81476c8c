"""What costs an item one of its attempts: whole jobs in virtual time, where an item or the server is the matter."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from batchtop.engine.admission import Budget
from batchtop.engine.batcher import Batcher
from batchtop.engine.clock import LoopClock
from batchtop.engine.dispatch import Dispatcher
from batchtop.engine.item import Item
from batchtop.engine.limits import Lane, LaneClosed, LaneRefused
from batchtop.engine.outcome import Outcome
from batchtop.engine.route import Route
from batchtop.engine.settings import Settings
from batchtop.engine.tasks import build_task
from batchtop.engine.testing import Asked, FakeTransport, MemoryBooks, Script, answered, dropped, refused
from batchtop.engine.transports import Response, TransportError

from .workshop import chat

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=120.0, noop_cycles=0)

START = 120.0
"""On a full minute."""

Refuse = Callable[[], Response | TransportError]
each_width = pytest.mark.parametrize("concurrency", [1, 40])


class Job:
    """Items whose texts are their numbers, five attempts each, on one lane."""

    def __init__(self, count: int, concurrency: int, provider: FakeTransport) -> None:
        self.provider = provider
        self.books = MemoryBooks()
        self.lane = Lane("lane", LoopClock())
        self.loop = Dispatcher(
            batcher=Batcher(),
            settings=Settings(batch_size=1, concurrency=concurrency, max_attempts=5),
            routes=[Route(self.lane, build_task(chat(prompt="{text}"), ""), self.books)],
            transport=provider,
            ledger=self.books,
            budget=Budget(0.0),
            clock=LoopClock(),
        )
        self.loop.batcher.add([Item(row, str(row), {"text": str(row)}) for row in range(count)], now())
        self.loop.batcher.close()

    async def run(self) -> dict[int, Outcome]:
        """Return how the items ended that did."""
        async with asyncio.timeout(20_000):
            await self.loop.run(lambda: None)
        return {each.item.row: each.answer.outcome for each in self.books.settlements}

    def tries(self) -> Counter[int]:
        return Counter(int(asked.texts[0]) for asked in self.provider.asked)


def now() -> float:
    return asyncio.get_running_loop().time()


def spoiled(bad: set[int], refuse: Refuse) -> Script:
    """Answer well but for some items."""
    return lambda asked: refuse() if int(asked.texts[0]) in bad else answered(asked)


def broken(since: float, until: float, refuse: Refuse) -> Script:
    """Answer well but for some seconds of the test."""
    return lambda asked: refuse() if since <= now() - START < until else answered(asked)


def a_second(_: Asked) -> float:
    return 1.0


def ends(count: int, bad: set[int], outcome: Outcome) -> dict[int, Outcome]:
    return dict.fromkeys(range(count), Outcome.OK) | dict.fromkeys(bad, outcome)


# ── failures ──


@each_width
@pytest.mark.parametrize("refuse", [lambda: refused(503), dropped])
@pytest.mark.parametrize("since", [2.5, 3.1, 3.9])
async def test_an_outage_of_16_s_fails_nobody(concurrency: int, refuse: Refuse, since: float) -> None:
    job = Job(400, concurrency, FakeTransport(broken(since, since + 16, refuse), latency_s=a_second))
    assert await job.run() == ends(400, set(), Outcome.OK)
    assert max(job.tries().values()) > 1


@pytest.mark.parametrize("left", [1, 2, 3, 10, 40])
async def test_an_outage_when_few_items_are_left_fails_none_of_them(left: int) -> None:
    job = Job(100 + left, 40, FakeTransport(broken(3.5, 19.5, dropped), latency_s=a_second))
    assert await job.run() == ends(100 + left, set(), Outcome.OK)


@each_width
@pytest.mark.parametrize("bad", [{0}, {28, 29}, {27, 28, 29}, {3, 17, 29}])
async def test_items_that_fail_each_time_fail_and_stop_no_job(concurrency: int, bad: set[int]) -> None:
    provider = FakeTransport(spoiled(bad, lambda: refused(500)), latency_s=a_second)
    job = Job(30, concurrency, provider)
    assert await job.run() == ends(30, bad, Outcome.OVERLOADED)
    assert job.loop.stop is None


@each_width
async def test_items_that_are_never_answered_fail_and_stop_no_job(concurrency: int) -> None:
    bad = {27, 28, 29}
    provider = FakeTransport(latency_s=lambda asked: 1e6 if int(asked.texts[0]) in bad else 1.0)
    job = Job(30, concurrency, provider)
    assert await job.run() == ends(30, bad, Outcome.TIMEOUT)
    assert job.loop.stop is None


async def test_a_server_that_never_answered_fails_nobody() -> None:
    job = Job(40, 40, FakeTransport(lambda _: dropped()))
    assert await job.run() == {}
    assert isinstance(job.loop.stop, LaneClosed)
    assert now() == pytest.approx(START + 10, abs=0.1)


# ── refusals ──


@each_width
@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [(403, None, Outcome.AUTH), (402, None, Outcome.QUOTA_EXHAUSTED)],
)
async def test_an_item_that_is_refused_each_time_fails(
    concurrency: int, status: int, code: str | None, outcome: Outcome
) -> None:
    job = Job(600, concurrency, FakeTransport(spoiled({50, 90}, lambda: refused(status, code)), latency_s=a_second))
    assert await job.run() == ends(600, {50, 90}, outcome)
    assert {job.tries()[50], job.tries()[90]} == {5}


@each_width
async def test_a_key_that_is_revoked_closes_the_lane_and_fails_nobody(concurrency: int) -> None:
    job = Job(200, concurrency, FakeTransport(broken(2.5, 1e9, lambda: refused(401)), latency_s=a_second))
    assert set((await job.run()).values()) == {Outcome.OK}
    assert isinstance(job.loop.stop, LaneRefused)
    assert job.books.requests.count(Outcome.AUTH) <= concurrency + 2


# ── 429 ──


@each_width
async def test_an_item_that_is_always_one_too_many_fails_in_the_end(concurrency: int) -> None:
    job = Job(30, concurrency, FakeTransport(spoiled({7, 29}, lambda: refused(429)), latency_s=a_second))
    assert await job.run() == ends(30, {7, 29}, Outcome.RATE_LIMITED)
    assert job.loop.stop is None
    assert now() - START < 20 * 60


@each_width
@pytest.mark.parametrize("retry_after_s", [None, 0.0, 1.0])
async def test_a_server_that_counts_by_the_clocks_minute_fails_nobody(
    concurrency: int, retry_after_s: float | None
) -> None:
    served = Counter[int]()

    def answer(asked: Asked) -> Response:
        minute = int(now() // 60)
        if served[minute] >= 10:
            return refused(429, retry_after_s=retry_after_s)
        served[minute] += 1
        return answered(asked)

    assert await Job(60, concurrency, FakeTransport(answer, latency_s=lambda _: 0.2)).run() == ends(
        60, set(), Outcome.OK
    )


@pytest.mark.parametrize(("wait_s", "most"), [(1.0, 450), (0.01, 500), (0.0, 150)])
async def test_minutes_of_429s_with_short_pauses_fail_nobody_and_are_no_storm(wait_s: float, most: int) -> None:
    refuse = broken(3.5, 303.5, lambda: refused(429, retry_after_s=wait_s))
    job = Job(100, 16, FakeTransport(refuse, latency_s=lambda _: 0.5))
    assert await job.run() == ends(100, set(), Outcome.OK)
    assert len(job.provider.asked) < most


async def test_a_quick_server_that_asks_for_next_to_no_pause_meets_no_storm() -> None:
    refuse = broken(1.5, 301.5, lambda: refused(429, retry_after_s=0.001))
    job = Job(100, 16, FakeTransport(refuse, latency_s=lambda _: 0.4 if now() < START + 1.5 else 0.01))
    await job.run()
    assert len(job.provider.asked) < 500
