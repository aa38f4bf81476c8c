"""What a lane's answers allow: cooldowns, the breaker, trials and refusals, without a loop."""

import pytest
from batchtop.engine.limits.breaker import Breaker
from batchtop.engine.limits.cooldown import Cooldown
from batchtop.engine.limits.standing import PROBATION, Standing
from batchtop.engine.outcome import Outcome
from hypothesis import given
from hypothesis import strategies as st


def proven() -> Standing:
    """A lane that has answered before."""
    standing = Standing()
    standing.end(0.0, standing.trial.enter(), Outcome.OK)
    return standing


def open_times(breaker: Breaker, canary_s: float = 0.0) -> list[float]:
    """When the canaries of a server that never answers go."""
    for _ in range(5):
        breaker.failed(100.0, "no route to host")
    times = list[float]()
    while not breaker.verdict:
        times.append(breaker.until - 100)
        breaker.failed(breaker.until + canary_s, "no route to host")
    return times


@pytest.mark.parametrize(
    ("wait_s", "message", "reason"),
    [
        (60.0, "HTTP 429: 4 at a time", "a pause of 60 s; the server said: HTTP 429: 4 at a time"),
        (0.0214, "", "a pause of 0.021 s"),
        (None, "HTTP 429", "a pause of 1 s; the server said: HTTP 429"),
    ],
)
def test_a_cooling_lane_says_how_long_and_why(wait_s: float | None, message: str, reason: str) -> None:
    standing = proven()
    standing.end(5.0, standing.trial.round, Outcome.RATE_LIMITED, wait_s=wait_s, message=message)
    assert standing.describe(5.0) == ("cooling", reason)


def test_breaker_opens_at_the_fifth_failure_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(4):
            breaker.failed(0.0, "timed out")
        assert breaker.closed
        breaker.answered()
    for _ in range(5):
        breaker.failed(7.0, "timed out")
    assert not breaker.closed
    assert breaker.until == 7.5


def test_breaker_gives_up_a_server_that_was_well_after_a_minute() -> None:
    breaker = Breaker()
    breaker.answered()
    assert open_times(breaker) == [0.5, 1.5, 3.5, *(each + 2.5 for each in range(5, 60, 5)), 60]
    assert breaker.verdict == "no request has gone well for 60 s; last error: no route to host"


def test_breaker_gives_up_a_server_that_never_answered_after_10_s() -> None:
    assert open_times(Breaker()) == [0.5, 1.5, 3.5, 7.5, 10]


def test_breaker_gives_up_when_its_canary_takes_longer() -> None:
    assert open_times(Breaker(), canary_s=60.0) == [0.5]


def test_breaker_gives_up_a_server_that_was_well_after_ten_canaries_at_the_least() -> None:
    breaker = Breaker()
    breaker.answered()
    times = open_times(breaker, canary_s=20.0)
    assert len(times) == 10
    assert times[:5] == [0.5, 21.5, 43.5, 67.5, 92.5]
    assert breaker.verdict == "no request has gone well for 237 s; last error: no route to host"


def test_canary_closes_the_breaker_and_the_back_off_starts_anew() -> None:
    breaker = Breaker()
    breaker.answered()
    for now in (0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.5):
        breaker.failed(now, "")
    assert breaker.until == 3.5
    breaker.answered()
    assert breaker.closed
    assert breaker.until < 3.5
    for _ in range(5):
        breaker.failed(10.0, "")
    assert breaker.until == 10.5


def test_cooldown_backs_off_while_nothing_good_comes() -> None:
    cooldown, waits = Cooldown(), list[float]()
    for _ in range(9):
        cooldown.begin(0.0, None)
        waits.append(round(cooldown.until, 1))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_cooldown_never_ends_before_what_was_said_and_believes_a_zero_once() -> None:
    cooldown = Cooldown()
    cooldown.begin(0.0, 7.0)
    assert 7.001 <= cooldown.until < 7.005
    cooldown.reach(1.0, 2.0)
    assert 7.001 <= cooldown.until < 7.005
    cooldown.strikes = 0
    cooldown.begin(10.0, 0.0)
    assert cooldown.until < 10.005
    cooldown.begin(10.1, 0.0)
    assert cooldown.until > 12


def test_a_new_lane_lets_few_out_until_one_is_answered_well() -> None:
    standing = Standing()
    rounds = [standing.trial.enter() for _ in range(PROBATION)]
    assert standing.hold(0.0) == ("trial", None)
    standing.end(0.1, rounds[0], Outcome.AUTH)
    assert standing.hold(0.1) is None
    standing.trial.enter()
    assert standing.hold(0.1) == ("trial", None)
    standing.end(0.2, rounds[1], Outcome.OK)
    assert [standing.hold(0.2) for _ in range(100) if standing.trial.enter() == 0] == [None] * 100


def test_a_burst_of_429s_is_one_cooldown() -> None:
    standing = proven()
    rounds = [standing.trial.enter() for _ in range(50)]
    for number in rounds:
        standing.end(10.0, number, Outcome.RATE_LIMITED)
    assert standing.cooldown.until == pytest.approx(11, abs=0.01)
    assert standing.cooldown.strikes == 1


def test_an_older_429_only_counts_when_its_retry_after_reaches_further() -> None:
    standing = proven()
    first, second, third = (standing.trial.enter() for _ in range(3))
    standing.end(10.0, first, Outcome.RATE_LIMITED, wait_s=5.0)
    standing.end(10.5, second, Outcome.RATE_LIMITED, wait_s=1.0)
    assert standing.hold(10.5) == ("cooldown", pytest.approx(15, abs=0.01))
    standing.end(11.0, third, Outcome.RATE_LIMITED, wait_s=9.0)
    assert standing.hold(11.0) == ("cooldown", pytest.approx(20, abs=0.01))


def test_one_canary_after_a_cooldown_and_only_its_own_answer_counts() -> None:
    standing = proven()
    limited, slow = standing.trial.enter(), standing.trial.enter()
    standing.end(10.0, limited, Outcome.RATE_LIMITED, wait_s=1.0)
    canary = standing.trial.enter()
    assert standing.hold(12.0) == ("trial", None)
    standing.end(12.0, slow, Outcome.OK)
    assert standing.hold(12.0) == ("trial", None)
    standing.end(12.1, canary, Outcome.OK)
    assert standing.hold(12.1) is None


def test_under_an_open_breaker_failures_use_up_no_attempts_for_a_while() -> None:
    standing = proven()
    rounds = [standing.trial.enter() for _ in range(8)]
    counts = [standing.end(1.0, number, Outcome.TIMEOUT, message="timed out") for number in rounds]
    assert counts == [True] * 5 + [False] * 3
    assert standing.hold(1.0) == ("breaker", 1.5)
    canary = standing.trial.enter()
    assert standing.end(1.6, canary, Outcome.CONNECTION, message="refused") is False
    assert standing.hold(1.6) == ("breaker", pytest.approx(2.6))
    assert standing.describe(1.6)[0] == "broken"
    assert "refused" in standing.describe(1.6)[1]
    slow, canary = standing.trial.round - 1, standing.trial.enter()
    assert standing.end(17.1, slow, Outcome.TIMEOUT) is False
    assert standing.end(17.1, canary, Outcome.TIMEOUT) is True


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome.BAD_ITEM, True),
        (Outcome.SHORT_REPLY, True),
        (Outcome.OVERLOADED, True),
        (Outcome.TIMEOUT, True),
        (Outcome.CONNECTION, True),
        (Outcome.RATE_LIMITED, False),
        (Outcome.AUTH, True),
        (Outcome.QUOTA_EXHAUSTED, True),
        (Outcome.CANCELLED, False),
    ],
)
def test_which_ends_use_up_an_attempt(outcome: Outcome, *, counts: bool) -> None:
    standing = proven()
    assert standing.end(1.0, standing.trial.enter(), outcome) is counts


@pytest.mark.parametrize("outcome", [Outcome.AUTH, Outcome.QUOTA_EXHAUSTED])
def test_a_refusal_uses_up_no_attempt_while_nothing_has_gone_well(outcome: Outcome) -> None:
    standing = Standing()
    assert standing.end(1.0, standing.trial.enter(), Outcome.BAD_ITEM) is True
    assert standing.end(1.1, standing.trial.enter(), outcome) is False
    standing.end(1.2, standing.trial.enter(), Outcome.OK)
    assert [standing.end(1.3, standing.trial.enter(), outcome) for _ in range(4)] == [True, True, False, False]


def test_where_nothing_ever_went_well_no_failure_under_an_open_breaker_uses_up_an_attempt() -> None:
    standing = Standing()
    for _ in range(5):
        standing.end(1.0, standing.trial.enter(), Outcome.OVERLOADED)
    assert [standing.end(now, standing.trial.enter(), Outcome.OVERLOADED) for now in (1.5, 2.5, 9.5, 30.0)] == [
        False
    ] * 4


@pytest.mark.parametrize(
    ("wait_s", "first_to_count", "waited_s"), [(None, 7, 63), (1.0, 61, 60), (0.0, 7, 62), (20.0, 7, 120)]
)
def test_a_429_uses_up_an_attempt_once_a_minute_was_waited_and_the_longest_back_off_has_come(
    wait_s: float | None, first_to_count: int, waited_s: float
) -> None:
    standing, now, number = proven(), 100.0, 1
    slow = standing.trial.enter()
    while not standing.end(now, standing.trial.enter(), Outcome.RATE_LIMITED, wait_s=wait_s):
        now, number = standing.cooldown.until, number + 1
    assert (number, now - 100) == (first_to_count, pytest.approx(waited_s, abs=0.1))
    assert standing.end(now, slow, Outcome.RATE_LIMITED) is False
    standing.end(now, standing.trial.enter(), Outcome.OK)
    assert standing.end(now, standing.trial.enter(), Outcome.RATE_LIMITED) is False


def test_a_429_uses_up_no_attempt_while_nothing_has_gone_well() -> None:
    standing, now = Standing(), 0.0
    for _ in range(20):
        assert standing.end(now, standing.trial.enter(), Outcome.RATE_LIMITED) is False
        now = standing.cooldown.until


def test_an_overload_that_says_how_long_is_waited_for() -> None:
    standing = proven()
    standing.end(1.0, standing.trial.enter(), Outcome.OVERLOADED, wait_s=3.0)
    assert standing.hold(1.0) == ("cooldown", pytest.approx(4, abs=0.01))


def test_an_answer_to_an_older_request_ends_no_hold() -> None:
    standing = proven()
    slow = [standing.trial.enter() for _ in range(3)]
    standing.end(1.0, standing.trial.enter(), Outcome.OVERLOADED, wait_s=3.0)
    standing.end(1.1, slow[0], Outcome.OK)
    assert standing.hold(1.1) == ("cooldown", pytest.approx(4, abs=0.01))
    for _ in range(5):
        standing.end(5.0, standing.trial.enter(), Outcome.TIMEOUT)
    standing.end(5.1, slow[1], Outcome.OK)
    standing.end(5.1, slow[2], Outcome.RATE_LIMITED)
    assert standing.hold(5.1) == ("breaker", 5.5)


def test_refusals_are_forgotten_with_a_success() -> None:
    standing = proven()
    for outcome in (Outcome.AUTH, Outcome.AUTH, Outcome.BAD_ITEM, Outcome.OK, Outcome.AUTH, Outcome.AUTH):
        standing.end(1.0, standing.trial.enter(), outcome)
    assert standing.closed is None


def test_the_third_refusal_in_a_row_closes() -> None:
    standing = proven()
    for outcome in (Outcome.AUTH, Outcome.AUTH, Outcome.OK, Outcome.AUTH, Outcome.BAD_ITEM, Outcome.QUOTA_EXHAUSTED):
        standing.end(1.0, standing.trial.enter(), outcome, message="no")
        assert standing.closed is None
    standing.end(1.0, standing.trial.enter(), Outcome.AUTH, message="invalid key")
    assert standing.closed is not None
    assert standing.closed.reason == "the server refused the request 3 times in a row: invalid key"
    assert standing.hold(1e9) == ("closed", None)
    assert standing.describe(1.0) == ("refused", standing.closed.reason)


ends = st.tuples(
    st.sampled_from([each for each in Outcome if each not in (Outcome.AUTH, Outcome.QUOTA_EXHAUSTED)]),
    st.none() | st.floats(0, 100),
    st.floats(0, 5),
    st.integers(0, 20),
)


@given(st.lists(ends, max_size=80))
def test_deadlines_only_move_forward_and_a_lane_always_resumes(
    schedule: list[tuple[Outcome, float | None, float, int]],
) -> None:
    standing, now, in_flight = Standing(), 0.0, list[int]()
    for outcome, wait_s, gap, wanted in schedule:
        now += gap
        while len(in_flight) < wanted and standing.hold(now) is None:
            in_flight.append(standing.trial.enter())
        if in_flight and not standing.closed:
            before = standing.cooldown.until
            standing.end(now, in_flight.pop(wanted % len(in_flight)), outcome, wait_s=wait_s)
            assert standing.cooldown.until >= before
    while in_flight:
        standing.end(now, in_flight.pop(), Outcome.CANCELLED)
    if not standing.closed:
        while (hold := standing.hold(now)) is not None:
            assert hold.until is not None
            assert now < hold.until <= now + 101
            now = hold.until
