"""The pacer's arithmetic, and the minute it is shown by."""

import math
from collections.abc import Iterable
from random import Random

import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.limits import Gcra
from batchtop.engine.limits.amended import AmendedGcra
from batchtop.engine.limits.minute import Minute
from batchtop.engine.limits.pacer import SLACK_S
from hypothesis import given
from hypothesis import strategies as st

rates = st.integers(1, 100_000)
gaps = st.floats(0, 90) | st.floats(0, 0.2) | st.just(0.0)

Send = tuple[float, float]


def fullest_minute(sends: list[Send], *, less_last: bool = False) -> float:
    """The most that any 60 s hold, or the same without the last send in them."""
    fullest = 0.0
    for start, (at, _) in enumerate(sends):
        inside = [amount for sent_at, amount in sends[start:] if sent_at < at + 60 - 1e-6]
        fullest = max(fullest, sum(inside[:-1] if less_last else inside))
    return fullest


def send_all(gcra: Gcra, arrivals: Iterable[tuple[float, float]]) -> list[Send]:
    """Send each as soon as it has come, those before it have gone, and the rate allows."""
    now, sends = 1000.0, list[Send]()
    for gap, amount in arrivals:
        now = gcra.ready_at(now + gap, amount)
        gcra.take(now, amount)
        sends.append((now, amount))
    return sends


@given(st.integers(1, 300), st.lists(gaps, min_size=1, max_size=400))
def test_no_minute_holds_more_requests_than_the_rate(rate: int, arrivals: list[float]) -> None:
    assert fullest_minute(send_all(Gcra(rate), [(gap, 1) for gap in arrivals])) <= rate


@given(st.lists(st.tuples(gaps, st.integers(1, 1000)), min_size=1, max_size=100))
def test_tokens_of_a_minute_pass_the_rate_by_part_of_one_request_at_most(arrivals: list[tuple[float, float]]) -> None:
    assert fullest_minute(send_all(Gcra(1000), arrivals), less_last=True) < 1000


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 200), st.integers(1, 40)), min_size=1, max_size=30))
def test_no_minute_holds_more_than_the_highest_rate_in_force(phases: list[tuple[float, int, int]]) -> None:
    gcra, now, sends, highest = Gcra(1), 0.0, list[Send](), 0
    for gap, rate, count in phases:
        now += gap
        gcra.set_rate(now, rate)
        highest = max(highest, rate)
        for _ in range(count):
            at = gcra.ready_at(now)
            if at > now + 30:
                break
            now = at
            gcra.take(now)
            sends.append((now, 1))
    assert fullest_minute(sends) <= highest + 1


@given(rates, st.lists(st.floats(0, SLACK_S), min_size=10, max_size=200))
def test_late_timers_lose_nothing(rate: int, lateness: list[float]) -> None:
    gcra, now = Gcra(rate), 0.0
    for late in lateness:
        now = max(now, gcra.ready_at(now) + late) if gcra.ready_at(now) > now else now
        gcra.take(now)
    assert now <= len(lateness) * (60 + SLACK_S) / rate + SLACK_S


@given(rates, rates, st.integers(1, 100))
def test_what_is_owed_is_owed_at_the_new_rate(old: int, new: int, sent: int) -> None:
    gcra = Gcra(old)
    gcra.take(0.0)
    gcra.take(0.0, sent)
    gcra.set_rate(0.0, new)
    assert gcra.ready_at(0.0) == pytest.approx(
        max(0.0, (sent + 1 - SLACK_S / ((60 + SLACK_S) / old))) * (60 + SLACK_S) / new
    )


def test_starts_with_one_send_and_no_full_bucket() -> None:
    gcra = Gcra(60)
    gcra.take(0.0)
    assert gcra.ready_at(0.0) == pytest.approx(1.0, abs=SLACK_S)


def test_raising_acts_now() -> None:
    gcra = Gcra(1)
    gcra.take(0.0)
    assert gcra.ready_at(0.0) > 59
    gcra.set_rate(0.0, 6000)
    assert gcra.ready_at(0.0) <= 0.0101


def test_zero_is_no_limit_and_later_limits_start_without_a_debt() -> None:
    gcra = Gcra(0)
    for _ in range(1000):
        gcra.take(5.0, 1000)
    assert gcra.ready_at(5.0, 10**9) == 5.0
    gcra.set_rate(5.0, 60)
    assert gcra.ready_at(5.0) == 5.0
    gcra.take(5.0)
    assert gcra.ready_at(5.0) > 5.9


def test_more_than_a_minute_holds_is_never_ready() -> None:
    assert Gcra(100).ready_at(0.0, 101) == math.inf
    assert Gcra(100).ready_at(0.0, 100) == 0.0


# ── amended ──


def test_what_was_not_used_can_be_sent_and_what_was_used_on_top_is_owed() -> None:
    gcra = AmendedGcra(6000)
    gcra.take(0.0, 3000)
    owed = gcra.ready_at(0.0)
    gcra.amend(0.0, 2000)
    assert gcra.ready_at(0.0) == pytest.approx(owed - 2000 * (60 + SLACK_S) / 6000)
    gcra.amend(0.0, -2000)
    assert gcra.ready_at(0.0) == pytest.approx(owed)


amounts = st.tuples(st.floats(0.11, 3), st.integers(1, 500), st.integers(1, 500))


@given(st.lists(amounts, min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_amending_comes_to_what_knowing_it_before_comes_to(sends: list[tuple[float, int, int]], order: Random) -> None:
    amended, known, now, log = AmendedGcra(1000, 0.3), Gcra(1000, 0.3), 0.0, list[tuple[float, int]]()
    for gap, guess, real in sends:
        now += gap
        known.take(now, real)
        amended.take(now, guess)
        log.append((now, guess - real))
    recent = [each for each in log if each[0] > now - 9]
    for at, surplus in (each for each in log if each not in recent):
        amended.amend(at, surplus)
    order.shuffle(recent)
    for at, surplus in recent:
        amended.amend(at, surplus)
    assert len(recent) < len(log) or amended.free_at == pytest.approx(known.free_at)
    assert math.isfinite(amended.free_at)


def test_what_nobody_could_use_any_more_is_not_saved_up() -> None:
    gcra = AmendedGcra(6000)
    gcra.take(0.0, 100)
    gcra.take(8.0, 100)
    gcra.amend(0.0, 90)
    assert gcra.ready_at(8.0) > 8.9


def test_what_was_sent_too_fast_before_the_rate_was_known_is_owed_for_a_minute_at_most() -> None:
    gcra = AmendedGcra(60)
    gcra.charge(100.0, [(98, 3), (99, 2)])
    assert gcra.ready_at(100.0) == pytest.approx(103, abs=0.1)
    gcra.charge(100.0, [(99, 1000)])
    assert gcra.ready_at(100.0) == 160.0
    gcra.amend(99.5, 20)
    assert gcra.ready_at(100.0) == pytest.approx(140, abs=0.1)


# ── counts ──


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 50)), max_size=60))
def test_minute_counts_the_last_60_s(sends: list[tuple[float, int]]) -> None:
    minute, now, log = Minute(), 0.0, list[tuple[float, int]]()
    for gap, tokens in sends:
        now += gap
        minute.add(now, 1, Usage(tokens))
        log.append((now, tokens))
        young = [each for each in log if int(each[0]) > int(now) - 60]
        assert minute.used(now) == (len(young), Usage(sum(tokens for _, tokens in young)))


def test_minute_corrects_the_past_and_forgets_what_is_older() -> None:
    minute = Minute()
    minute.add(100.0, 1, Usage(500, 20))
    minute.add(130.0, 1, Usage(10))
    minute.take_back(100.9, 0, Usage(400, 20))
    assert minute.used(130.0) == (2, Usage(110))
    assert minute.seconds(130.0) == [(100, 1, Usage(100)), (130, 1, Usage(10))]
    minute.add(160.0, 1, Usage())
    minute.add(100.0, 0, Usage(999))
    assert minute.used(160.0) == (2, Usage(10))
