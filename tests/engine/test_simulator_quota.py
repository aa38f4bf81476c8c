import re

import pytest
from batchtop.engine.simulator import Behaviour
from batchtop.engine.simulator.quota import Bucket, Quota, duration
from batchtop.engine.simulator.refusal import RefusedError
from hypothesis import given
from hypothesis import strategies as st

LIMITS = st.integers(1, 30_000)
BURSTS = st.floats(0, 60)


def refusal(quota: Quota, now: float, tokens: int = 1) -> RefusedError | None:
    try:
        quota.admit(tokens, now)
    except RefusedError as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0ms"),
        (0.12, "120ms"),
        (0.1201, "121ms"),
        (0.9999, "1s"),
        (8.64, "8.64s"),
        (60, "1m0s"),
        (90.5, "1m30.5s"),
        (360, "6m0s"),
    ],
)
def test_durations_read_as_openai_writes_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@given(st.floats(0, 7200))
def test_durations_never_promise_too_early(seconds: float) -> None:
    minutes, whole, ms = re.fullmatch(r"(?:(\d+)m)?(?:([\d.]+)s)?(?:(\d+)ms)?", duration(seconds)).groups(default="0")
    assert 0 <= int(minutes) * 60 + float(whole) + int(ms) / 1000 - seconds + 1e-8 < 0.0011


@given(LIMITS, BURSTS, st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_a_client_at_the_limit_is_served_though_its_requests_come_early(
    rpm: int, burst_s: float, early: list[float]
) -> None:
    quota = Quota(Behaviour(rpm=rpm, burst_s=burst_s))
    times = sorted(1000 + number * 60 / rpm - share * burst_s for number, share in enumerate(early))
    assert not any(refusal(quota, now) for now in times)


@given(st.integers(1, 300), BURSTS, st.lists(st.floats(0, 2), min_size=1, max_size=400))
def test_no_minute_admits_more_than_the_limit_the_burst_and_one(rpm: int, burst_s: float, gaps: list[float]) -> None:
    quota, now, served = Quota(Behaviour(rpm=rpm, burst_s=burst_s)), 0.0, []
    for gap in gaps:
        now += gap
        if not refusal(quota, now):
            served.append(now)
    busiest = max(sum(start <= at < start + 60 for at in served) for start in served)
    assert busiest <= rpm + rpm * burst_s / 60 + 1 + 1e-6


@given(
    LIMITS,
    st.integers(10, 100_000),
    BURSTS,
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 10)), min_size=1, max_size=100),
)
def test_a_refusal_costs_nothing_and_its_wait_is_enough(
    rpm: int, tpm: int, burst_s: float, sends: list[tuple[float, int]]
) -> None:
    quota, now = Quota(Behaviour(rpm=rpm, tpm=tpm, burst_s=burst_s)), 50.0
    for gap, tokens in sends:
        now += gap
        before = quota.headers(now)
        if refused := refusal(quota, now, tokens):
            assert refused.status == 429
            assert quota.headers(now) == before
            assert int(refused.headers["retry-after"]) * 1000 >= int(refused.headers["retry-after-ms"])
            now += int(refused.headers["retry-after-ms"]) / 1000
            assert refusal(quota, now, tokens) is None


def test_both_limits_are_charged_or_neither() -> None:
    quota = Quota(Behaviour(rpm=60, tpm=600, burst_s=0))
    quota.admit(100, 0.0)
    with pytest.raises(RefusedError, match="600 tokens per minute") as caught:
        quota.admit(1, 5.0)
    assert caught.value.headers == {"retry-after": "5", "retry-after-ms": "5000"}
    assert quota.headers(5.0)["x-ratelimit-remaining-requests"] == "60"


def test_a_request_no_wait_makes_fit_is_told_so() -> None:
    quota = Quota(Behaviour(tpm=100))
    with pytest.raises(RefusedError, match="too large: 101 tokens") as caught:
        quota.admit(101, 0.0)
    assert "retry-after" not in caught.value.headers
    quota.admit(100, 0.0)


def test_headers_show_the_minute_and_the_reset() -> None:
    bucket = Bucket("requests", 500, burst_s=60)
    bucket.take(1, 0.0)
    assert bucket.headers(0.0) == {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
    }


def test_remaining_is_zero_while_requests_are_refused() -> None:
    bucket = Bucket("requests", 60, burst_s=1)
    remaining = []
    for _ in range(2):
        bucket.take(1, 0.0)
        remaining.append(bucket.remaining(0.0))
    assert remaining == [59, 0]
    assert bucket.wait_s(0.0) == 1.0
    assert bucket.remaining(1.0) == 59


def test_without_limits_there_is_nothing_to_say() -> None:
    quota = Quota(Behaviour())
    quota.admit(1_000_000, 0.0)
    assert quota.headers(0.0) == {}
