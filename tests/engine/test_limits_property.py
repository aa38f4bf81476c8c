"""Whatever limits, refusals, failures and people do: a lane keeps to what is allowed, and goes on when it can."""

import asyncio
import math
from bisect import bisect_left
from collections.abc import Coroutine, Mapping
from itertools import pairwise

import looptime
from batchtop.engine.answer import Usage
from batchtop.engine.clock import LoopClock
from batchtop.engine.limits import Grant, Lane, LaneClosed, Limits
from batchtop.engine.limits.day import DAY_S
from batchtop.engine.limits.pacer import SLACK_S
from batchtop.engine.outcome import Outcome
from hypothesis import given, settings
from hypothesis import strategies as st

CALLERS = 4
MOST = Usage(7, 3)
"""What each request may come to, and does."""

BILLED = {Outcome.OK, Outcome.SHORT_REPLY, Outcome.TIMEOUT}
"""What may have cost tokens; of the others nothing is kept."""


def now() -> float:
    return asyncio.get_running_loop().time()


def in_virtual_time(coroutine: Coroutine[object, object, None]) -> None:
    """Run to the end on a loop of its own, as each example needs one."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=100.0, noop_cycles=0)) as runner:
        runner.run(coroutine)


class World:
    """A lane, a server with moods, callers that never tire, and a log of what was sent when and what was allowed."""

    def __init__(self) -> None:
        self.lane = Lane("lane", LoopClock())
        self.allowed: list[tuple[float, Limits]] = []
        self.sends: list[tuple[float, int]] = []
        self.mood: tuple[Outcome, Mapping[str, str]] = (Outcome.OK, {})
        self.latency_s = 1.0
        self.not_before = -math.inf
        self.reopened = asyncio.Event()
        self.peace = False
        self._owned: dict[str, Limits] = {}
        self._callers = [asyncio.create_task(self._call()) for _ in range(CALLERS)]

    def configure(self, owner: str, limits: Limits) -> None:
        self.lane.configure(limits, owner=owner)
        self._agree(self._owned | {owner: limits})

    def forget(self, owner: str) -> None:
        self.lane.forget(owner)
        self._agree({each: limits for each, limits in self._owned.items() if each != owner})

    def answer(self, outcome: Outcome, headers: Mapping[str, str]) -> None:
        self.mood = outcome, headers

    def cancel(self, number: int) -> None:
        self._callers[number].cancel()
        self._callers[number] = asyncio.create_task(self._call())

    def close(self) -> None:
        self.reopened.clear()
        self.lane.close("by hand")

    def reopen(self) -> None:
        self.not_before = -math.inf
        self.lane.reopen()
        self.reopened.set()

    async def make_peace(self) -> None:
        """End all trouble, and have every caller be answered well once more."""
        self.peace, self.mood = True, (Outcome.OK, {})
        for owner in self._owned:
            self.lane.forget(owner)
        self.allowed.append((now(), Limits()))
        self.reopen()
        self.lane.configure(Limits(rpm=600), owner="peace")
        async with asyncio.timeout(2 * DAY_S):
            await asyncio.gather(*self._callers)

    def _agree(self, owned: dict[str, Limits]) -> None:
        self._owned = owned
        rpm = min((each.rpm for each in owned.values() if each.rpm), default=0)
        tpm = min((each.tpm for each in owned.values() if each.tpm), default=0)
        self.allowed.append((now(), Limits(rpm=rpm, tpm=tpm)))

    async def _call(self) -> None:
        while True:
            try:
                grant = await self.lane.admit(MOST)
            except LaneClosed:
                self.reopened.clear()
                await self.reopened.wait()
                continue
            assert now() >= self.not_before, "the server's wish was not respected"
            place = len(self.sends)
            self.sends.append((now(), grant.reserved.total))
            try:
                await asyncio.sleep(self.latency_s)
            except asyncio.CancelledError:
                self.lane.settle(grant, Outcome.CANCELLED)
                raise
            outcome = self._settle(grant)
            if outcome not in BILLED:
                self.sends[place] = self.sends[place][0], 0
            if outcome is Outcome.OK and self.peace:
                return

    def _settle(self, grant: Grant) -> Outcome:
        outcome, headers = self.mood
        if outcome is Outcome.RATE_LIMITED and "retry-after" in headers:
            self.not_before = max(self.not_before, now() + float(headers["retry-after"]))
        used = MOST if outcome is Outcome.OK else None
        self.lane.settle(grant, outcome, headers=headers, used=used, message="mood")
        return outcome

    def check(self) -> None:
        """Hold what was sent in each minute against the most generous limit of that minute."""
        times = [at for at, _ in self.sends]
        for first, since in enumerate(times):
            inside = [tokens for _, tokens in self.sends[first : bisect_left(times, since + 60 - 1e-6)]]
            in_force = self._in_force(since)
            rpm, tpm = (max(getattr(each, key) or math.inf for each in in_force) for key in ("rpm", "tpm"))
            assert len(inside) <= rpm + (len(in_force) > 1)
            assert sum(inside) <= tpm + 2 * MOST.total

    def _in_force(self, since: float) -> list[Limits]:
        """The limits of a minute, more than one where they changed in it."""
        spans = pairwise([*self.allowed, (math.inf, Limits())])
        return [limits for (start, limits), (end, _) in spans if start < since + 60 and end > since - 1e-9]


limits = st.builds(Limits, rpm=st.sampled_from([0, 6, 60, 300]), tpm=st.sampled_from([0, 60, 900, 6000]))
waits = st.none() | st.sampled_from([0.0, 0.7, 5.0, 45.0, 100.0])


kinds = st.sampled_from(["requests", "tokens", "input-tokens", "requests-day"])


@st.composite
def moods(draw: st.DrawFn) -> tuple[Outcome, dict[str, str]]:
    outcome = draw(
        st.sampled_from([Outcome.OK, Outcome.RATE_LIMITED, Outcome.RATE_LIMITED, *set(Outcome) - {Outcome.CANCELLED}])
    )
    headers = dict[str, str]()
    if (wait_s := draw(waits)) is not None and outcome in {Outcome.RATE_LIMITED, Outcome.OVERLOADED}:
        headers["retry-after"] = f"{wait_s:g}"
    for kind in draw(st.lists(kinds, max_size=2)):
        stated = {
            "limit": st.sampled_from(["30", "60", "600"]),
            "remaining": st.integers(0, 50).map(str),
            "reset": st.sampled_from(["0s", "17ms", "2s", "59s", "6m0s", "2h"]),
        }
        for what in draw(st.sets(st.sampled_from(sorted(stated)))):
            headers[f"x-ratelimit-{what}-{kind}"] = draw(stated[what])
    return outcome, headers


owners = st.sampled_from(["a", "b"])
deeds = st.one_of(
    st.tuples(st.just("configure"), st.tuples(owners, limits)),
    st.tuples(st.just("forget"), st.tuples(owners)),
    st.tuples(st.just("answer"), moods()),
    st.tuples(st.just("cancel"), st.tuples(st.integers(0, CALLERS - 1))),
    st.tuples(st.just("close"), st.just(())),
    st.tuples(st.just("reopen"), st.just(())),
)
schedules = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 20), deeds), max_size=15)


@given(st.integers(1, 3), limits, schedules)
@settings(max_examples=120, deadline=None)
def test_no_schedule_makes_a_lane_exceed_or_hang(lanes: int, first: Limits, schedule: list) -> None:
    async def live() -> None:
        worlds = [World() for _ in range(lanes)]
        for world in worlds:
            world.configure("a", first)
        for number, gap_s, (deed, how) in schedule:
            getattr(worlds[number % lanes], deed)(*how)
            await asyncio.sleep(gap_s)
        # At once: a lane that waits for its day to end would have the others send all day.
        await asyncio.gather(*(world.make_peace() for world in worlds))
        for world in worlds:
            world.check()

    in_virtual_time(live())


@given(
    wait_s=st.floats(0.001, 300),
    latency_s=st.floats(0.001, 5),
    burst=st.integers(1, 40),
    rpm=st.sampled_from([0, 30, 600, 6000]),
)
@settings(max_examples=15, deadline=None)
def test_200_waiters_keep_to_a_retry_after_and_go_on_at_the_pace(
    wait_s: float, latency_s: float, burst: int, rpm: int
) -> None:
    async def live() -> None:
        lane = Lane("lane", LoopClock())
        lane.settle(await lane.admit(), Outcome.OK)
        grants = [await lane.admit() for _ in range(burst)]
        lane.configure(Limits(rpm=rpm))
        told_at = now()
        for grant in grants:
            lane.settle(grant, Outcome.RATE_LIMITED, headers={"retry-after": f"{wait_s:.6f}"})
        sends: list[float] = []
        rates: list[float] = []

        async def call() -> None:
            grant = await lane.admit()
            sends.append(now())
            await asyncio.sleep(latency_s)
            lane.settle(grant, Outcome.OK)
            rates.append(lane.state(0.0).rpm_limit)

        async with asyncio.timeout(3600):
            await asyncio.gather(*(call() for _ in range(200)))
        assert told_at + round(wait_s, 6) <= sends[0] <= told_at + wait_s + 0.25 + 60 / (rpm or math.inf)
        assert sends[1] >= sends[0] + latency_s - 1e-6
        if all(rates):
            together = max(bisect_left(sends, at + 1) - first for first, at in enumerate(sends[1:], 1))
            assert together <= 2 + max(rates) / 60 * (1 + SLACK_S)

    in_virtual_time(live())
