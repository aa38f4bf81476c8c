"""A lane on a loop in virtual time: who goes when, and what it costs the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise

import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.clock import LoopClock
from batchtop.engine.limits import Grant, Lane, LaneClosed, LaneRefused, Limits, RequestTooLarge
from batchtop.engine.outcome import Outcome
from batchtop.engine.snapshot import LaneState

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=100.0, noop_cycles=0)

SECRET = "tok_0123456789abcdef"


class VirtualClock(LoopClock):
    """Its wall moves with the loop."""

    def wall(self) -> float:
        return 1_760_000_000.0 + self.now()


class Provider:
    """A server of one lane: notes when each request comes, and answers as it is told."""

    def __init__(self, lane: Lane, *, latency_s: float = 0.05) -> None:
        self.lane = lane
        self.latency_s = latency_s
        self.arrivals: list[float] = []
        self.answer: Callable[[int], tuple[Outcome, Mapping[str, str]]] = lambda _: (Outcome.OK, {})

    async def call(self, tokens: int = 0, *, used: int | None = None) -> Outcome:
        """Send one request; its place in the order of arrival decides the answer."""
        grant = await self.lane.admit(Usage(tokens))
        self.arrivals.append(now())
        outcome, headers = self.answer(len(self.arrivals))
        await asyncio.sleep(self.latency_s)
        self.lane.settle(
            grant,
            outcome,
            headers=headers,
            used=None if used is None else Usage(used),
            message=f"{outcome} for key {SECRET}",
        )
        return outcome

    async def until_ok(self) -> None:
        """Send again for as long as it takes."""
        while await self.call() is not Outcome.OK:
            pass


def now() -> float:
    return asyncio.get_running_loop().time()


def new_lane() -> Lane:
    return Lane("gpt @ host", VirtualClock(), secret=SECRET)


async def proven_lane() -> Lane:
    """A lane past its probation."""
    lane = new_lane()
    lane.settle(await lane.admit(), Outcome.OK)
    return lane


def in_turn(*answers: tuple[int, Outcome, Mapping[str, str]]) -> Callable[[int], tuple[Outcome, Mapping[str, str]]]:
    """Answer so many requests like this, so many like that, and then all well."""

    def answers_all() -> Iterator[tuple[Outcome, Mapping[str, str]]]:
        for count, outcome, headers in answers:
            for _ in range(count):
                yield outcome, headers
        while True:
            yield Outcome.OK, {}

    following = answers_all()
    return lambda _: next(following)


async def all_done(*calls: Awaitable[object]) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


def fullest_minute(arrivals: list[float]) -> int:
    fullest = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - 60:
            first += 1
        fullest = max(fullest, last - first + 1)
    return fullest


# ── order and pace ──


async def test_unlimited_lets_everybody_through_at_once() -> None:
    provider = Provider(await proven_lane())
    await all_done(*(provider.call() for _ in range(1000)))
    assert set(provider.arrivals) == {100.0}


async def test_first_come_first_served() -> None:
    lane, order = await proven_lane(), list[int]()
    lane.configure(Limits(rpm=12_000))

    async def take_part(number: int) -> None:
        await asyncio.sleep(number / 1000)
        lane.settle(await lane.admit(), Outcome.OK)
        order.append(number)

    await all_done(*(take_part(number) for number in range(200)))
    assert order == list(range(200))
    assert now() == pytest.approx(101, abs=0.1)


@pytest.mark.parametrize(("rpm", "seconds"), [(500, 300), (10_000, 65)])
async def test_uses_the_quota_and_never_more_than_it(rpm: int, seconds: int) -> None:
    lane, sent = await proven_lane(), list[float]()
    lane.configure(Limits(rpm=rpm))

    async def work() -> None:
        while now() < 100 + seconds:
            grant = await lane.admit()
            sent.append(now())
            lane.settle(grant, Outcome.OK)

    await all_done(*(work() for _ in range(10)))
    assert fullest_minute(sent) <= rpm
    assert sum(at < 100 + seconds for at in sent) >= 0.995 * rpm * seconds / 60


async def test_raising_the_rate_acts_now() -> None:
    lane = await proven_lane()
    lane.configure(Limits(rpm=1))
    provider = Provider(lane)
    calls = [asyncio.create_task(provider.call()) for _ in range(3)]
    await asyncio.sleep(1)
    assert provider.arrivals == [100.0]
    lane.configure(Limits(rpm=6000))
    await all_done(*calls)
    assert now() < 101.2


async def test_lifting_the_limit_lets_all_through() -> None:
    lane = await proven_lane()
    lane.configure(Limits(rpm=1, tpm=10))
    provider = Provider(lane)
    calls = [asyncio.create_task(provider.call(5)) for _ in range(30)]
    await asyncio.sleep(1)
    assert lane.hold() == ("rpm", pytest.approx(160, abs=0.2))
    lane.configure(Limits())
    await all_done(*calls)
    assert now() < 101.2


async def test_jobs_on_one_lane_keep_the_strictest_of_their_limits() -> None:
    lane = await proven_lane()

    def limits() -> tuple[int, int, str]:
        state = lane.state(0.0)
        return state.rpm_limit, state.tpm_limit, state.limit_source

    lane.configure(Limits(rpm=600, tpm=9000), owner="a")
    lane.configure(Limits(rpm=60), owner="b")
    lane.configure(Limits(), owner="c")
    assert limits() == (60, 9000, "job")
    lane.configure(Limits(rpm=1200, tpm=500), owner="b")
    assert limits() == (600, 500, "job")
    lane.forget("a")
    assert limits() == (1200, 500, "job")
    lane.forget("b")
    lane.forget("nobody")
    assert limits() == (0, 0, "")


async def test_another_jobs_limit_acts_at_once_when_it_comes_and_when_it_goes() -> None:
    lane = await proven_lane()
    lane.configure(Limits(), owner="a")
    provider = Provider(lane)
    await all_done(*(provider.call() for _ in range(10)))
    assert now() == pytest.approx(100.05)
    lane.configure(Limits(rpm=60, tpm=6000), owner="b")
    calls = [asyncio.create_task(provider.call()) for _ in range(10)]
    large = asyncio.create_task(lane.admit(Usage(7000)))
    await asyncio.sleep(2.5)
    assert len(provider.arrivals) == 13
    with pytest.raises(RequestTooLarge):
        await large
    lane.forget("b")
    await all_done(*calls)
    assert now() < 102.7


# ── tokens ──


async def test_unused_tokens_let_the_next_go_sooner() -> None:
    lane = await proven_lane()
    lane.configure(Limits(tpm=6000))
    provider = Provider(lane, latency_s=1.0)
    await all_done(provider.call(3000, used=100), provider.call(3000, used=100))
    assert provider.arrivals == [100.0, pytest.approx(101, abs=0.05)]
    assert lane.state(0.0).tpm_used == 200


async def test_a_lane_that_is_reopened_still_keeps_to_the_pause_the_server_asked_for() -> None:
    lane = Lane("lane", LoopClock())
    lane.settle(await lane.admit(), Outcome.RATE_LIMITED, headers={"retry-after": "30"})
    lane.close("enough")
    lane.reopen()
    hold = lane.hold()
    assert hold is not None
    assert hold.reason == "cooldown"


async def test_of_two_jobs_that_wait_each_has_its_turn() -> None:
    lane = Lane("lane", LoopClock())
    lane.settle(await lane.admit(), Outcome.OK)
    lane.configure(Limits(rpm=60))
    order: list[str] = []

    async def ask(owner: str) -> None:
        lane.settle(await lane.admit(owner=owner), Outcome.OK)
        order.append(owner)

    many = [asyncio.create_task(ask("large")) for _ in range(20)]
    await asyncio.sleep(0)
    few = [asyncio.create_task(ask("small")) for _ in range(3)]
    await asyncio.gather(*few)
    assert len(order) <= 8, "the small job waited for no more than its turns"
    await asyncio.gather(*many)
    assert len(order) == 23


async def test_tokens_used_on_top_are_owed() -> None:
    lane = await proven_lane()
    lane.configure(Limits(tpm=6000))
    provider = Provider(lane)
    await provider.call(100, used=1100)
    assert lane.hold() == ("tpm", pytest.approx(111, abs=0.3))


@pytest.mark.parametrize(
    ("outcome", "used"),
    [(Outcome.TIMEOUT, 500), (Outcome.CANCELLED, 500), (Outcome.RATE_LIMITED, 0), (Outcome.CONNECTION, 0)],
)
async def test_what_may_have_been_billed_stays_reserved(outcome: Outcome, used: int) -> None:
    lane = await proven_lane()
    lane.settle(await lane.admit(Usage(500)), outcome)
    assert lane.state(0.0).tpm_used == used


async def test_what_never_fits_a_minute_is_told_at_once() -> None:
    lane = await proven_lane()
    lane.configure(Limits(tpm=1000))
    with pytest.raises(RequestTooLarge, match=r"1,001 tokens never fits 1,000 tokens a minute \(limit of the job\)"):
        await lane.admit(Usage(1001))
    first, large, small = (asyncio.create_task(lane.admit(Usage(tokens))) for tokens in (1000, 900, 100))
    await asyncio.sleep(0)
    lane.settle(await first, Outcome.OK)
    lane.configure(Limits(tpm=800))
    with pytest.raises(RequestTooLarge):
        await large
    assert now() == 100.0
    assert (await small).most.total == 100


# ── cancelling ──


async def test_cancelled_waits_neither_block_nor_lose_a_send() -> None:
    lane = await proven_lane()
    lane.configure(Limits(rpm=60))
    provider = Provider(lane)
    calls = [asyncio.create_task(provider.call()) for _ in range(10)]
    await asyncio.sleep(0.5)
    for number in (1, 2, 5, 9):
        calls[number].cancel()
    await all_done(*calls)
    assert provider.arrivals == pytest.approx([100, 101, 102, 103, 104, 105], abs=0.2)


async def test_a_grant_that_reaches_a_cancelled_task_goes_to_the_next() -> None:
    lane = await proven_lane()
    limited = await lane.admit()
    lane.settle(limited, Outcome.RATE_LIMITED)
    await asyncio.sleep(2)
    canary = await lane.admit()
    first, second = (asyncio.create_task(lane.admit()) for _ in range(2))
    await asyncio.sleep(0)
    lane.settle(canary, Outcome.CANCELLED)
    first.cancel()
    assert isinstance(await second, Grant)
    with suppress(asyncio.CancelledError):
        await first
    assert lane.state(0.0).rpm_used == 4


async def test_giving_back_what_was_never_sent() -> None:
    lane = await proven_lane()
    lane.configure(Limits(rpm=1, tpm=100))
    grant = await lane.admit(Usage(100))
    assert lane.hold() is not None
    lane.give_back(grant)
    assert lane.hold() is None
    assert (lane.state(0.0).rpm_used, lane.state(0.0).tpm_used) == (1, 0)


async def test_a_grant_is_settled_once() -> None:
    lane = await proven_lane()
    grant = await lane.admit(Usage(10))
    assert lane.settle(grant, Outcome.BAD_ITEM) is True
    assert lane.settle(grant, Outcome.CANCELLED) is False
    lane.give_back(grant)
    assert lane.state(0.0).rpm_used == 2


# ── 429 ──


async def test_retry_after_is_kept_to_the_millisecond_by_200_waiters() -> None:
    provider = Provider(await proven_lane())
    provider.answer = in_turn((40, Outcome.RATE_LIMITED, {"retry-after": "7.5"}))
    first = [asyncio.create_task(provider.until_ok()) for _ in range(40)]
    await asyncio.sleep(0.06)
    rest = [asyncio.create_task(provider.until_ok()) for _ in range(200)]
    await all_done(*first, *rest)
    later = [at - 100.05 for at in provider.arrivals[40:]]
    assert len(later) == 240
    assert later[0] >= 7.5
    assert later[0] <= 7.75
    assert later[1] == pytest.approx(later[0] + 0.05)
    assert max(after - before for before, after in pairwise(later[1:])) < 0.06, "the rest is let out at a pace"


async def test_a_burst_of_429s_is_one_cooldown_and_one_canary() -> None:
    lane = await proven_lane()
    provider = Provider(lane)
    provider.answer = in_turn((32, Outcome.RATE_LIMITED, {}))
    calls = [asyncio.create_task(provider.until_ok()) for _ in range(30)]
    await asyncio.sleep(0.1)
    assert lane.hold() == ("cooldown", pytest.approx(101.05, abs=0.01))
    await asyncio.sleep(1.0)
    assert lane.hold() == ("trial", None)
    await all_done(*calls)
    # 30 at once; canaries after 1, 2 and 4 s; the others from when the third of them was answered well, at a pace
    later = [at - 100 for at in provider.arrivals[30:]]
    assert later[:3] == pytest.approx([1.05, 3.1, 7.15], abs=0.02)
    assert later[3] == pytest.approx(7.2, abs=0.02)
    assert all(0.03 < after - before < 0.1 for before, after in pairwise(later[3:]))
    assert len(later) == 32
    assert lane.state(0.0).hits_429 == 32


async def test_after_the_canary_the_rest_is_paced() -> None:
    lane = await proven_lane()
    lane.configure(Limits(rpm=600))
    provider = Provider(lane)
    provider.answer = in_turn((1, Outcome.RATE_LIMITED, {"retry-after": "5"}))
    await all_done(*(provider.until_ok() for _ in range(20)))
    later = [at for at in provider.arrivals if at > 104]
    assert len(later) >= 18
    gaps = [after - before for before, after in pairwise(later)]
    assert all(gap == pytest.approx(0.22, abs=0.04) for gap in gaps[1:6]), "half the limit first, and then more"
    assert all(0.09 < gap < 0.22 for gap in gaps[6:])


async def test_a_shorter_wait_said_later_changes_nothing() -> None:
    lane = await proven_lane()
    first, second = [await lane.admit() for _ in range(2)]
    lane.settle(first, Outcome.RATE_LIMITED, headers={"retry-after": "30"})
    await asyncio.sleep(1)
    lane.settle(second, Outcome.RATE_LIMITED, headers={"retry-after": "1", "x-ratelimit-reset-requests": "6m0s"})
    assert lane.hold() == ("cooldown", pytest.approx(130, abs=0.01))


async def test_a_wait_of_hours_is_shown() -> None:
    lane = await proven_lane()
    lane.settle(await lane.admit(), Outcome.RATE_LIMITED, headers={"retry-after": "7200"})
    state = lane.state(50_000.0)
    assert (state.state, state.reset_at) == ("paused", 57_200.0)


# ── keys and servers that are no good ──


async def test_a_refused_key_costs_a_handful_of_calls() -> None:
    lane = new_lane()
    provider = Provider(lane)
    provider.answer = lambda _: (Outcome.AUTH, {})
    ends = await all_done(*(provider.until_ok() for _ in range(1000)))
    assert len(provider.arrivals) <= 5
    assert {type(end) for end in ends} == {LaneRefused}
    assert str(ends[0]) == "gpt @ host: the server refused the request 3 times in a row: auth for key ***"
    assert LaneRefused.exit_code == 4
    assert lane.hold() == ("closed", None)
    assert SECRET not in lane.state(0.0).reason


async def test_a_healthy_start_is_slowed_by_one_round_trip() -> None:
    provider = Provider(new_lane(), latency_s=1.0)
    await all_done(*(provider.call() for _ in range(100)))
    assert provider.arrivals == [100.0] * 3 + [101.0] * 97


async def test_a_server_that_is_not_there_is_given_up_soon() -> None:
    lane = new_lane()
    provider = Provider(lane, latency_s=0.0)
    provider.answer = lambda _: (Outcome.CONNECTION, {})
    ends = await all_done(*(provider.until_ok() for _ in range(100)))
    assert now() == pytest.approx(110, abs=0.1)
    assert len(provider.arrivals) <= 12
    assert {type(end) for end in ends} == {LaneClosed}
    assert "no request has gone well for 10 s; last error: connection" in str(ends[0])
    assert lane.state(0.0).state == "broken"


async def test_a_server_that_heals_goes_on_without_costing_attempts() -> None:
    lane = await proven_lane()
    counted = list[bool]()

    async def call() -> None:
        while True:
            grant = await lane.admit()
            await asyncio.sleep(0.01)
            if now() > 118:
                lane.settle(grant, Outcome.OK)
                return
            counted.append(lane.settle(grant, Outcome.OVERLOADED, message="503"))

    await all_done(*(call() for _ in range(50)))
    assert counted.count(True) == 5 + 1
    assert len(counted) <= 50 + 4 + 6
    assert now() < 126
    assert lane.hold() is None


async def test_a_closed_lane_can_be_tried_again() -> None:
    lane = new_lane()
    old = await lane.admit()
    lane.close(f"stopped, key {SECRET}")
    with pytest.raises(LaneClosed, match=r"gpt @ host: stopped, key \*\*\*"):
        await lane.admit()
    lane.reopen()
    grant = await lane.admit()
    lane.settle(old, Outcome.RATE_LIMITED)
    assert lane.hold() is None
    lane.settle(grant, Outcome.OK)


# ── what the server states ──

STATED = {
    "x-ratelimit-limit-requests": "600",
    "x-ratelimit-limit-tokens": "60000",
    "x-ratelimit-reset-requests": "30s",
}


async def test_stated_limits_are_kept_from_the_first_answer_on() -> None:
    lane = new_lane()
    provider = Provider(lane)
    provider.answer = lambda _: (Outcome.OK, STATED)
    await all_done(*(provider.call(10) for _ in range(103)))
    assert now() == pytest.approx(110.1, abs=0.2)
    state = lane.state(1000.0)
    assert (state.rpm_limit, state.tpm_limit, state.limit_source) == (600, 60_000, "server")
    assert state.reset_at == pytest.approx(1030, abs=1.5)


async def test_the_job_has_the_last_word() -> None:
    lane = new_lane()
    lane.configure(Limits(rpm=60))
    lane.settle(await lane.admit(), Outcome.OK, headers=STATED)
    state = lane.state(0.0)
    assert (state.rpm_limit, state.tpm_limit, state.limit_source) == (60, 60_000, "job")
    lane.configure(Limits())
    assert lane.state(0.0).rpm_limit == 600
    lane.configure(Limits(rpm=30), owner="another")
    assert lane.state(0.0).rpm_limit == 30
    lane.forget("another")
    assert lane.state(0.0).rpm_limit == 600


async def test_state() -> None:
    lane = await proven_lane()
    assert lane.state(0.0) == LaneState("gpt @ host", rpm_used=1, rpd_used=1)
    await asyncio.sleep(61)
    lane.configure(Limits(rpm=500, tpm=10_000))
    lane.settle(await lane.admit(Usage(280, 20)), Outcome.OK, used=Usage(240, 10))
    assert lane.state(0.0) == LaneState(
        "gpt @ host",
        rpm_limit=500,
        rpm_used=1,
        tpm_limit=10_000,
        tpm_used=250,
        tpm_in_used=240,
        tpm_out_used=10,
        rpd_used=2,
        limit_source="job",
    )


# ── every kind of limit ──


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(tpm=100), r"110 tokens never fits 100 tokens a minute .* raise tpm$"),
        (Limits(tpm_in=50), r"60 input tokens never fits 50 input tokens a minute .* raise tpm_in$"),
        (Limits(tpm_out=40), r"50 output tokens never fits 40 output tokens a minute .* raise tpm_out$"),
    ],
)
async def test_what_is_too_large_is_told_by_what_it_is_too_large_for(limits: Limits, what: str) -> None:
    lane = await proven_lane()
    lane.configure(limits)
    with pytest.raises(RequestTooLarge, match=what):
        await lane.admit(Usage(60, 50))


async def test_requests_a_day_are_held_until_the_oldest_is_a_day_old() -> None:
    lane = await proven_lane()
    lane.configure(Limits(rpd=3))
    provider = Provider(lane)
    await all_done(*(provider.call() for _ in range(4)))
    assert provider.arrivals == [100.0, 100.0, pytest.approx(86_800, abs=1), pytest.approx(86_800, abs=1)]


async def test_the_servers_day_is_held_to_its_reset_and_no_longer() -> None:
    lane = new_lane()
    provider = Provider(lane)
    stated = {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "2h",
    }
    provider.answer = in_turn((1, Outcome.OK, stated))
    await provider.call()
    calls = [asyncio.create_task(provider.call()) for _ in range(5)]
    await asyncio.sleep(1)
    assert lane.hold() == ("rpd", pytest.approx(100 + 7200))
    state = lane.state(0.0)
    assert (state.rpm_limit, state.rpd_limit, state.rpd_used) == (0, 1000, 1000)
    await all_done(*calls)
    assert [round(at) for at in provider.arrivals] == [100, 100, 100, 7300, 7300, 7300]


async def test_a_minute_that_somebody_else_used_up_is_waited_out() -> None:
    lane = new_lane()
    provider = Provider(lane)
    spent = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "0"}
    provider.answer = in_turn((1, Outcome.OK, spent | {"x-ratelimit-reset-requests": "23s"}))
    await provider.call()
    assert lane.hold() == ("rpm", pytest.approx(123))
    assert lane.left() == 0.0
    await provider.call()
    assert provider.arrivals[1] == pytest.approx(123, abs=0.01)


async def test_retry_after_wins_over_what_remains() -> None:
    lane = await proven_lane()
    spent = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-limit-tokens": "900"}
    first, second = [await lane.admit() for _ in range(2)]
    lane.settle(first, Outcome.OK, headers=spent)
    lane.settle(second, Outcome.RATE_LIMITED, headers=spent | {"retry-after": "1"})
    assert lane.hold() == ("cooldown", pytest.approx(101, abs=0.01))
    await asyncio.sleep(1.1)
    assert lane.hold() is None


async def test_a_burst_before_the_limit_was_known_is_owed() -> None:
    lane = await proven_lane()
    grants = [await lane.admit() for _ in range(300)]
    lane.settle(grants[0], Outcome.OK, headers={"x-ratelimit-limit-requests": "600"})
    assert lane.hold() == ("rpm", pytest.approx(130, abs=0.3))


async def test_left_is_the_smallest_share() -> None:
    lane = await proven_lane()
    assert lane.left() == 1.0
    await asyncio.sleep(0.2)
    lane.configure(Limits(rpm=10, tpm=1000, rpd=100))
    lane.settle(await lane.admit(Usage(500)), Outcome.OK)
    assert lane.left() == 0.5
    await asyncio.sleep(61)
    assert lane.left() == 0.98
