"""What a lane's answers allow: cooldowns, the breaker, trials and refusals, without a loop."""

from itertools import count, pairwise
from random import Random

import pytest
from batchtop.engine.limits.breaker import Breaker
from batchtop.engine.limits.cooldown import Cooldown
from batchtop.engine.limits.spell import spell
from batchtop.engine.limits.standing import PROBATION, Standing
from batchtop.engine.outcome import Outcome
from hypothesis import given
from hypothesis import strategies as st


def proven() -> Standing:
    """A lane that has answered before."""
    standing = Standing()
    standing.end(0.0, standing.trial.enter(), Outcome.OK)
    return standing


def fail(standing: Standing, now: float, outcome: Outcome = Outcome.TIMEOUT, subject: int | None = None) -> bool:
    return standing.end(now, standing.trial.enter(), outcome, message="no", subject=subject)


def open_times(breaker: Breaker, canary_s: float = 0.0, items: int = 1000) -> list[float]:
    """When the first 100 canaries of a server that never answers go."""
    for item in range(5):
        breaker.failed(100.0, "no route to host", item % items)
    times = list[float]()
    while not breaker.verdict and len(times) < 100:
        times.append(breaker.until - 100)
        breaker.failed(breaker.until + canary_s, "no route to host", len(times) % items)
    return times


@pytest.mark.parametrize(
    ("wait_s", "message", "reason"),
    [
        (60.0, "HTTP 429: 4 at a time", "a pause of 1 min; the server said: HTTP 429: 4 at a time"),
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
            breaker.failed(0.0, "timed out", 1)
        assert breaker.closed
        breaker.answered()
    for _ in range(5):
        breaker.failed(7.0, "timed out", 1)
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


@pytest.mark.parametrize(("items", "tried"), [(4, 100), (5, 15)])
def test_a_few_items_that_always_fail_are_not_taken_for_a_dead_server(items: int, tried: int) -> None:
    breaker = Breaker()
    breaker.answered()
    assert len(open_times(breaker, items=items)) == tried


def test_the_breaker_opens_where_most_of_the_last_100_requests_failed_and_starts_anew_when_it_closes() -> None:
    breaker = Breaker()
    breaker.answered()
    for number in count(1):
        breaker.failed(1.0, "HTTP 503", number)
        if not breaker.closed:
            break
        if number % 3 == 0:
            breaker.answered()
    assert number == 60
    assert breaker.describe(1.0) == "60 of the last 100 requests failed; the last: HTTP 503; next try in 1 s"
    assert breaker.describe(1.6) == "60 of the last 100 requests failed; the last: HTTP 503; one request tries it now"
    breaker.answered()
    for _ in range(4):
        breaker.failed(2.0, "HTTP 503", 1)
    assert breaker.closed


def test_four_faults_of_ten_do_not_open_the_breaker_by_their_share() -> None:
    breaker, draw = Breaker(), Random(7)
    for _ in range(100_000):
        if draw.random() < 0.4:
            breaker.failed(1.0, "HTTP 503", 1)
        else:
            breaker.answered()
        assert breaker.closed or breaker.describe(1.0).startswith("5 failures in a row; ")


def test_canary_closes_the_breaker_and_the_back_off_starts_anew() -> None:
    breaker = Breaker()
    breaker.answered()
    for now in (0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.5):
        breaker.failed(now, "", 1)
    assert breaker.until == 3.5
    breaker.answered()
    assert breaker.closed
    assert breaker.until < 3.5
    for _ in range(5):
        breaker.failed(10.0, "", 1)
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


def test_a_lone_item_that_is_refused_again_and_again_closes_no_proven_lane() -> None:
    standing = proven()
    assert [fail(standing, 1.0, Outcome.AUTH, 7) for _ in range(5)] == [True] * 5
    assert standing.closed is None
    assert fail(standing, 1.0, Outcome.AUTH, 8) is False
    assert standing.closed is not None


def test_a_new_lane_is_closed_by_one_item_that_is_refused() -> None:
    standing = Standing()
    for _ in range(3):
        assert fail(standing, 1.0, Outcome.AUTH, 7) is False
    assert standing.closed is not None


def test_a_lane_waits_for_its_first_good_answer_from_its_first_request_on() -> None:
    standing = Standing()
    assert standing.describe(0.0) == ("open", "")
    number = standing.trial.enter()
    assert standing.describe(0.0) == ("open", "waiting for a first good answer")
    standing.end(1.0, number, Outcome.TIMEOUT)
    assert standing.describe(1.0) == ("open", "waiting for a first good answer")
    standing.end(2.0, standing.trial.enter(), Outcome.OK)
    assert standing.describe(2.0) == ("open", "")


@pytest.mark.parametrize(("standing", "times"), [(Standing(), 20), (proven(), 200)])
def test_a_server_that_turns_every_item_down_with_the_same_words_closes_the_lane(
    standing: Standing, times: int
) -> None:
    words = "HTTP 400: no such parameter: temprature"
    for outcome, message in [
        (Outcome.BAD_ITEM, "HTTP 400: something else"),
        *[(Outcome.BAD_ITEM, words)] * (times - 1),
        (Outcome.TIMEOUT, "timed out"),
    ]:
        standing.end(1.0, standing.trial.enter(), outcome, message=message)
        assert standing.closed is None
    assert standing.end(1.0, standing.trial.enter(), Outcome.BAD_ITEM, message=words) is True
    assert standing.closed is not None
    assert standing.closed.refused is False
    assert standing.closed.reason == f"every item fails with the same words, {times} times in a row: {words}"


def test_one_item_that_spoils_the_first_batch_closes_nothing() -> None:
    standing, largest = Standing(), 100_000
    for _ in range(largest.bit_length() + 1):
        standing.end(1.0, standing.trial.enter(), Outcome.BAD_ITEM, message="HTTP 400: bad input")
    standing.end(1.0, standing.trial.enter(), Outcome.OK)
    for _ in range(199):
        standing.end(1.0, standing.trial.enter(), Outcome.BAD_ITEM, message="HTTP 400: bad input")
    assert standing.closed is None


# ── long waits ──


def limited_until(standing: Standing, until: float, wait_s: float | None = None, items: int = 100) -> list[float]:
    """When the canaries of a server go that says nothing but 429."""
    now, times = 0.0, list[float]()
    while now < until:
        times.append(now)
        subject = len(times) % items
        standing.end(now, standing.trial.enter(), Outcome.RATE_LIMITED, wait_s=wait_s, message="no", subject=subject)
        now = standing.cooldown.until
    return times


@pytest.mark.parametrize(("wait_s", "tries"), [(None, 13), (1.0, 361), (30.0, 14)])
def test_after_minutes_of_nothing_but_429s_one_try_goes_every_ten(wait_s: float | None, tries: int) -> None:
    standing = proven()
    times = limited_until(standing, 4000, wait_s)
    rests = [later - earlier for earlier, later in pairwise(times) if later - earlier > 100]
    assert rests == pytest.approx([600] * len(rests), abs=0.01)
    assert len(rests) == 6
    assert len(times) - len(rests) == pytest.approx(tries, abs=2)
    state, reason = standing.describe(times[-1])
    assert state == "cooling"
    assert reason.startswith("nothing but 429s for 1 h ")
    assert reason.endswith(" min; trying once every 10 min; the server said: no")
    assert not standing.well(times[-1])


def test_a_try_under_a_rest_uses_up_no_attempt_and_a_good_answer_ends_the_rest() -> None:
    standing = proven()
    limited_until(standing, 500)
    now = standing.cooldown.until
    assert standing.cooldown.resting
    assert fail(standing, now, Outcome.RATE_LIMITED) is False
    now = standing.cooldown.until
    standing.end(now, standing.trial.enter(), Outcome.OK)
    assert standing.hold(now) is None
    assert standing.well(now)
    fail(standing, now, Outcome.RATE_LIMITED)
    assert standing.cooldown.until == pytest.approx(now + 1, abs=0.01)


def test_one_item_that_is_always_one_too_many_has_time_to_use_up_its_attempts() -> None:
    standing = proven()
    limited_until(standing, 700, items=2)
    assert not standing.cooldown.resting


def test_a_longer_retry_after_is_honoured_under_a_rest() -> None:
    standing = proven()
    limited_until(standing, 500)
    now = standing.cooldown.until
    standing.end(now, standing.trial.enter(), Outcome.RATE_LIMITED, wait_s=7200.0)
    assert standing.cooldown.until == pytest.approx(now + 7200, abs=0.01)
    assert standing.describe(now)[0] == "paused"


@pytest.mark.parametrize(
    ("wait_s", "max_s", "expected"),
    [
        (120.0, 120.0, ("cooling", "a pause of 2 min; the server said: Rate limit reached")),
        (
            11_520.0,
            120.0,
            (
                "paused",
                "the server asked for 3 h 12 min (more than max_cooldown, 2 min): Rate limit reached",
            ),
        ),
        (
            31.0,
            30.0,
            ("paused", "the server asked for 31 s (more than max_cooldown, 30 s): Rate limit reached"),
        ),
        (None, 0.5, ("cooling", "a pause of 1 s; the server said: Rate limit reached")),
    ],
)
def test_a_pause_longer_than_bearable_is_told_apart(
    wait_s: float | None, max_s: float, expected: tuple[str, str]
) -> None:
    standing = proven()
    standing.max_cooldown_s = max_s
    assert standing.well(5.0)
    standing.end(5.0, standing.trial.enter(), Outcome.RATE_LIMITED, wait_s=wait_s, message="Rate limit reached")
    assert standing.describe(5.0) == expected
    assert standing.well(5.0) is (wait_s == 120)
    assert standing.well(standing.cooldown.until)


def test_a_lane_is_well_but_for_an_open_breaker_and_a_closed_door() -> None:
    standing = proven()
    for _ in range(5):
        assert standing.well(1.0)
        fail(standing, 1.0)
    assert not standing.well(1.0)
    assert not standing.well(1.6), "half-open is not well yet"
    standing.end(1.6, standing.trial.enter(), Outcome.OK)
    assert standing.well(1.6)
    standing.close("by hand")
    assert not standing.well(1.6)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0214, "0.021 s"), (59.4, "59.4 s"), (59.9, "1 min"), (90, "1 min 30 s"), (3600, "1 h"), (200_000, "2 d 7 h")],
)
def test_times_are_spelled_for_people(seconds: float, text: str) -> None:
    assert spell(seconds) == text


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
            assert now < hold.until <= now + 601
            now = hold.until
