"""The pace a lane learns from 429s: against servers that state nothing, or too much, in virtual time."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Protocol

import pytest
from batchtop.engine.clock import LoopClock
from batchtop.engine.limits import Lane, Limits
from batchtop.engine.limits.burst import Lately, Sent
from batchtop.engine.limits.places import Places
from batchtop.engine.limits.throttle import Throttle
from batchtop.engine.outcome import Outcome
from hypothesis import given
from hypothesis import strategies as st

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=100.0, noop_cycles=0)

START = 100.0


class Server(Protocol):
    """Takes a request or refuses it."""

    def takes(self, now: float) -> bool: ...

    def done(self) -> None:
        """Be told that a request that was taken is answered."""


class LeakyBucket:
    """So many a second, evenly: a request that comes sooner than its turn is refused."""

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._last = -math.inf

    def takes(self, now: float) -> bool:
        taken = now - self._last >= 1 / self.per_s - 1e-9
        self._last = now if taken else self._last
        return taken

    def done(self) -> None:
        pass


class AtOnce:
    """So many at a time."""

    def __init__(self, places: int) -> None:
        self.places = places

    def takes(self, now: float) -> bool:
        taken = self.places > 0
        self.places -= taken
        return taken

    def done(self) -> None:
        self.places += 1


class FixedWindow:
    """So many in each minute of the clock."""

    def __init__(self, a_minute: int) -> None:
        self.a_minute = a_minute
        self._taken = Counter[int]()

    def takes(self, now: float) -> bool:
        minute = int(now // 60)
        taken = self._taken[minute] < self.a_minute
        self._taken[minute] += taken
        return taken

    def done(self) -> None:
        pass


class SharedBucket:
    """A token bucket that another client takes its part of, a request at a time."""

    def __init__(self, per_s: float, depth: float, others_per_s: float) -> None:
        self.per_s, self.depth, self.others_per_s = per_s, depth, others_per_s
        self._left, self._at, self._other_at = depth, START, START

    def takes(self, now: float) -> bool:
        while self._other_at <= now:
            self._fill(self._other_at)
            self._left -= 1
            self._other_at += 1 / self.others_per_s
        self._fill(now)
        taken = self._left >= 1
        self._left -= taken
        return taken

    def _fill(self, now: float) -> None:
        self._left = min(self.depth, self._left + (now - self._at) * self.per_s)
        self._at = now

    def done(self) -> None:
        pass


class Luck:
    """Refuses a part of all, whatever the pace."""

    def __init__(self, part: float) -> None:
        self.part = part
        self._draw = Random(3)

    def takes(self, now: float) -> bool:
        return self._draw.random() >= self.part

    def done(self) -> None:
        pass


class Run:
    """A lane kept busy by so many callers, and what came of it."""

    def __init__(self, server: Server, callers: int, latency_s: Callable[[], float], *, rpm: int = 0) -> None:
        self.server, self.callers, self.latency_s = server, callers, latency_s
        self.lane = Lane("lane", LoopClock())
        self.lane.configure(Limits(rpm=rpm))
        self.ends: list[tuple[float, bool]] = []

    async def until(self, second: float) -> None:
        tasks = [asyncio.create_task(self._call(START + second)) for _ in range(self.callers)]
        await asyncio.sleep(START + second - now())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def share(self, since: float, until: float, per_s: float) -> float:
        """How much of what could be had was had in these seconds of the test."""
        return self._count(since, until, taken=True) / (per_s * (until - since))

    def refused(self, since: float, until: float) -> float:
        bad = self._count(since, until, taken=False)
        return bad / (bad + self._count(since, until, taken=True))

    def _count(self, since: float, until: float, *, taken: bool) -> int:
        return sum(since <= at - START < until and ok is taken for at, ok in self.ends)

    async def _call(self, until: float) -> None:
        while now() < until:
            grant = await self.lane.admit()
            taken = self.server.takes(now())
            await asyncio.sleep(self.latency_s())
            if taken:
                self.server.done()
            self.ends.append((now(), taken))
            self.lane.settle(grant, Outcome.OK if taken else Outcome.RATE_LIMITED, message="slow down")


def now() -> float:
    return asyncio.get_running_loop().time()


def uniform(seed: int) -> Callable[[], float]:
    draw = Random(seed)
    return lambda: draw.uniform(0.1, 0.5)


def lognormal(seed: int) -> Callable[[], float]:
    draw = Random(seed)
    return lambda: math.exp(draw.gauss(0, 0.5))


LOGNORMAL_MEAN_S = math.exp(0.125)
each_seed = pytest.mark.parametrize("seed", [1, 2])


# ── what is used of what could be had ──


@each_seed
async def test_a_bucket_without_a_burst(seed: int) -> None:
    run = Run(LeakyBucket(10), 20, uniform(seed))
    await run.until(240)
    figures = run.share(60, 240, 10), run.refused(60, 240)
    assert figures[0] >= 0.85, figures
    assert figures[1] <= 0.02, figures


@each_seed
async def test_a_cap_of_requests_at_once(seed: int) -> None:
    run = Run(AtOnce(20), 50, lognormal(seed))
    await run.until(150)
    figures = run.share(60, 150, 20 / LOGNORMAL_MEAN_S), run.refused(60, 150)
    assert figures[0] >= 0.88, figures
    assert figures[1] <= 0.02, figures


async def test_a_fixed_window() -> None:
    run = Run(FixedWindow(600), 20, uniform(1))
    await run.until(380)  # on a full minute
    figures = run.share(80, 380, 10), run.refused(80, 380)
    assert figures[0] >= 0.8, figures
    assert figures[1] <= 0.02, figures


async def test_a_stated_limit_of_which_another_client_takes_half() -> None:
    run = Run(SharedBucket(10, 10, 5), 20, uniform(1), rpm=600)
    await run.until(240)
    figures = run.share(60, 240, 5), run.refused(60, 240)
    assert figures[0] >= 0.95, figures
    assert figures[1] <= 0.03, figures


async def test_refusals_that_no_pace_helps_against_do_not_stop_the_lane() -> None:
    run = Run(Luck(0.2), 20, uniform(1))
    await run.until(500)
    assert run.share(200, 500, 2.0) >= 1.0, "a pause for every fifth request leaves little more than two a second"


async def test_a_refusal_now_and_then_by_chance_costs_but_a_part_of_the_pace() -> None:
    run = Run(Luck(0.01), 20, uniform(1))
    await run.until(380)
    assert run.share(80, 380, 20 / 0.3) >= 0.6, "a pause of a second for each leaves half"


# ── what is seen of it ──


async def test_the_pace_is_shown() -> None:
    run = Run(LeakyBucket(10), 20, uniform(1))
    await run.until(120)
    state = run.lane.state(0.0)
    assert 500 < state.rpm_limit < 650
    assert (state.state, state.limit_source) == ("open", "learned")
    assert state.reason.startswith(f"paced at {state.rpm_limit:,}"[:-1])
    assert state.reason.endswith(": learned from 429s")


async def test_a_stated_limit_that_is_exceeded_by_accident_is_no_news() -> None:
    lane = Lane("lane", LoopClock())
    grants = [await lane.admit() for _ in range(3)]
    lane.settle(grants[0], Outcome.OK)
    grants += [await lane.admit() for _ in range(20)]
    lane.configure(Limits(rpm=12))
    for grant in grants[1:]:
        lane.settle(grant, Outcome.RATE_LIMITED, headers={"retry-after": "30"})
    await asyncio.sleep(60)
    lane.settle(await lane.admit(), Outcome.OK)
    assert (lane.state(0.0).rpm_limit, lane.state(0.0).limit_source) == (12, "job")


async def test_a_pace_that_nobody_comes_near_is_forgotten() -> None:
    run = Run(LeakyBucket(10), 20, uniform(1))
    await run.until(60)
    assert run.lane.state(0.0).limit_source == "learned"
    for _ in range(120):
        await asyncio.sleep(1)
        run.lane.settle(await run.lane.admit(), Outcome.OK)
    assert (run.lane.state(0.0).rpm_limit, run.lane.state(0.0).limit_source) == (0, "")
    assert run.lane.state(0.0).reason == ""


async def test_after_the_canary_the_others_are_let_out_at_a_pace() -> None:
    run = Run(LeakyBucket(10), 200, lambda: 0.05)
    await run.until(20)
    busiest = max(Counter(int(at * 2) for at, _ in run.ends if at > START + 1).values())
    assert busiest <= 12, "half a second's worth, and what the first steps were too bold"


# ── the parts, without a loop ──


def burst(throttle: Throttle, at: float, numbers: range, *, lately: Lately, pause_s: float = 1.0) -> float:
    """Refuse these requests, and answer a canary well after a pause; returns when that was."""
    for number in numbers:
        throttle.limited(at, Sent(number, at, 1), numbers[-1], lately)
    canary = numbers[-1] + 1
    throttle.well(at + pause_s, Sent(canary, at + pause_s, 1), canary)
    return at + pause_s


def test_the_first_pace_is_a_little_less_than_what_was_taken() -> None:
    throttle = Throttle()
    burst(throttle, 10.0, range(101, 111), lately=Lately(110, 10, 0))
    assert throttle.rate == pytest.approx(0.92 * 600)


@pytest.mark.parametrize(("limit", "rate"), [(0, 2 * 60 * 0.92), (600, 300 * 0.92)])
def test_where_too_little_is_known_it_is_half_of_what_was_sent_or_allowed(limit: int, rate: float) -> None:
    throttle = Throttle()
    burst(throttle, 10.0, range(2, 5), lately=Lately(4, 1, limit))
    assert throttle.rate == pytest.approx(rate)


def test_a_pause_that_the_server_insists_on_is_part_of_its_window() -> None:
    throttle = Throttle()
    burst(throttle, 10.0, range(601, 611), lately=Lately(610, 10, 0), pause_s=50.0)
    assert throttle.rate == pytest.approx(0.92 * 600)


def test_a_pause_of_hours_says_nothing_of_the_pace() -> None:
    throttle = Throttle()
    burst(throttle, 10.0, range(601, 611), lately=Lately(610, 10, 0), pause_s=3600.0)
    assert throttle.rate == 0


def test_a_burst_is_one_cut_however_many_429s_it_has() -> None:
    throttle = Throttle()
    at = burst(throttle, 10.0, range(101, 111), lately=Lately(110, 10, 0))
    rate = throttle.rate
    throttle.limited(at, Sent(90, 9.0, 1), 112, Lately(112, 10, 0))
    throttle.well(at, Sent(112, at, 1), 112)
    assert throttle.rate == rate


def test_a_restored_pace_grows_on() -> None:
    throttle = Throttle()
    throttle.restore(10.0, 600.0)
    assert throttle.active
    for number in range(1, 3000):
        at = 10.0 + number / 10
        throttle.well(at + 0.1, Sent(number, at, 1), number)
    assert throttle.rate > 650


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 30), st.integers(0, 5), st.integers(0, 100)), max_size=200))
def test_whatever_comes_some_pace_is_left(schedule: list[tuple[bool, float, int, int]]) -> None:
    throttle, now, last = Throttle(), 0.0, 0
    for good, gap, age, beside in schedule:
        now, last = now + gap, last + 1
        sent = Sent(max(1, last - age), now - gap / 2, beside + 1)
        if not good:
            throttle.limited(now, sent, last, Lately(min(last, 60), min(last, 60), 0))
        elif throttle.active:
            throttle.well(now, sent, last)
        assert throttle.rate == 0 or 0.9 <= throttle.rate < math.inf
        assert throttle.places.most >= 3


def test_places_are_few_after_a_crowd_was_refused_and_grow_one_by_one() -> None:
    places = Places()
    for _ in range(20):
        places.enter()
    assert places.crowded(20)
    places.restrict(11)
    assert places.most == 10
    assert places.taken
    good = 0
    while places.most == 10:
        places.well(10)
        good += 1
    assert good == 300, "late, as 11 failed"
    for _ in range(16):
        places.leave()
    assert not places.taken
    assert not places.crowded(10)
