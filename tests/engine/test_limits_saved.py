"""A lane put away and taken up again: by the next job, after a restart, after somebody set the clock."""

from collections.abc import Mapping

import msgspec
import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.limits import Grant, Lane, Limits
from batchtop.engine.outcome import Outcome
from hypothesis import given
from hypothesis import strategies as st

WALL = 1_760_000_000.0
DAY_S = 86_400


class StepClock:
    def __init__(self, at: float, wall: float = WALL) -> None:
        self.at = at
        self.shift_s = wall - at

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return self.at + self.shift_s

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def ask(lane: Lane, most: Usage = Usage()) -> Grant:  # noqa: B008 - frozen
    try:
        lane.admit(most).send(None)
    except StopIteration as granted:
        return granted.value
    raise AssertionError("the lane holds back")


def exchange(
    lane: Lane, headers: Mapping[str, str] | None = None, *, outcome: Outcome = Outcome.OK, tokens: int = 0
) -> None:
    lane.settle(ask(lane, Usage(tokens)), outcome, headers=headers or {})


def reborn(lane: Lane, clock: StepClock, *, after_s: float, set_by_s: float = 0.0) -> tuple[Lane, StepClock]:
    """Stop the engine and start another after so long, which has a clock of its own."""
    state = lane.saved(clock.wall())
    new = StepClock(7.0, clock.wall() + after_s + set_by_s)
    other = Lane("lane", new, secret="sk-secret")
    other.restore(state, new.wall())
    return other, new


def hold_s(lane: Lane, clock: StepClock) -> tuple[str, float] | None:
    hold = lane.hold()
    return hold and (hold.reason, round((hold.until or 0.0) - clock.at, 1))


def used_up(limits: Limits, tokens: int = 0) -> tuple[Lane, StepClock]:
    clock = StepClock(1000.0)
    lane = Lane("lane", clock, secret="sk-secret")
    lane.configure(limits)
    exchange(lane, tokens=tokens)
    return lane, clock


def test_a_pace_goes_on() -> None:
    lane, clock = used_up(Limits(tpm=6000), tokens=3000)
    assert hold_s(lane, clock) == ("tpm", 29.8)
    lane, clock = reborn(lane, clock, after_s=10)
    assert lane.hold() is None
    lane.configure(Limits(tpm=6000))
    assert hold_s(lane, clock) == ("tpm", 19.8)
    assert lane.state(0.0).tpm_used == 3000
    clock.at += 60
    assert lane.state(0.0).tpm_used == 0


def test_a_day_goes_on() -> None:
    lane, clock = used_up(Limits(rpd=1))
    for restart in range(1, 4):
        lane, clock = reborn(lane, clock, after_s=3600)
        lane.configure(Limits(rpd=1))
        assert hold_s(lane, clock) == ("rpd", DAY_S + 300 - 3600 * restart)
    assert (lane.state(0.0).rpd_limit, lane.state(0.0).rpd_used) == (1, 1)


def test_what_a_server_said_goes_on() -> None:
    clock = StepClock(1000.0)
    lane = Lane("lane", clock)
    exchange(
        lane,
        {
            "x-ratelimit-limit-requests": "600",
            "x-ratelimit-limit-requests-day": "500",
            "x-ratelimit-remaining-requests-day": "0",
            "x-ratelimit-reset-requests-day": "7200",
        },
    )
    lane, clock = reborn(lane, clock, after_s=200)
    assert hold_s(lane, clock) == ("rpd", 7000.0)
    state = lane.state(0.0)
    assert (state.rpm_limit, state.rpd_limit, state.rpd_used, state.limit_source) == (600, 500, 500, "server")


def test_a_cooldown_goes_on() -> None:
    clock = StepClock(1000.0)
    lane = Lane("lane", clock, secret="sk-secret")
    lane.settle(ask(lane), Outcome.RATE_LIMITED, headers={"retry-after": "100"}, message="slow down, sk-secret")
    assert b"secret" not in lane.saved(clock.wall())
    lane, clock = reborn(lane, clock, after_s=40)
    assert hold_s(lane, clock) == ("cooldown", 60.0)
    assert "slow down" in lane.state(0.0).reason


def test_what_was_learned_of_answers_goes_on() -> None:
    clock = StepClock(1000.0)
    lane = Lane("lane", clock)
    for _ in range(30):
        lane.settle(ask(lane, Usage(100, 600)), Outcome.OK, used=Usage(100, 60))
    lane, clock = reborn(lane, clock, after_s=3600)
    assert ask(lane, Usage(100, 600)).reserved == Usage(100, 60)


@pytest.mark.parametrize("set_by_s", [-1e9, -7200.0, -30.0, 30.0, 1e9])
def test_a_clock_that_was_set_blocks_nobody_for_longer_than_a_server_could(set_by_s: float) -> None:
    lane, clock = used_up(Limits(tpm=6000), tokens=6000)
    lane, clock = reborn(lane, clock, after_s=1, set_by_s=set_by_s)
    lane.configure(Limits(tpm=6000))
    held = hold_s(lane, clock)
    assert held is None or held[1] <= 60


@given(st.dictionaries(st.sampled_from(["rpm", "tpm", "x"]), st.integers(-5, 10**9)), st.floats(-1e10, 1e10))
def test_any_state_lets_requests_go_in_the_end(limits: dict[str, int], moment: float) -> None:
    blank = msgspec.json.decode(Lane("lane", StepClock(0.0)).saved(WALL))
    free_at = dict.fromkeys(limits, moment)
    state = blank | {"limits": limits, "free_at": free_at, "day": [[moment, 3]], "minute": [[moment, 1, 2, 3]]}
    state |= {"day_until": moment, "cooldown_until": moment, "strikes": 3}
    clock = StepClock(7.0)
    lane = Lane("lane", clock)
    lane.restore(msgspec.json.encode(state), clock.wall())
    clock.at += DAY_S + 1
    assert lane.hold() is None


@pytest.mark.parametrize("state", [b"", b"{}", b"[]", b'{"limits": "none"}', b"\xff"])
def test_what_cannot_be_read_is_left_alone(state: bytes) -> None:
    lane = Lane("lane", StepClock(7.0))
    lane.restore(state, WALL)
    assert lane.hold() is None


def test_what_has_not_changed_reads_the_same() -> None:
    lane, clock = used_up(Limits(rpm=6000))
    clock.at += 100.3
    before = lane.saved(clock.wall())
    clock.at += 0.7
    assert lane.saved(clock.wall()) == before
