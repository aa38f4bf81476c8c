import re

import pytest
from batchtop.engine.simulator import Behaviour
from batchtop.engine.simulator.buckets import Bucket, duration, moment
from batchtop.engine.simulator.quota import Quota
from batchtop.engine.simulator.refusal import RefusedError
from hypothesis import given
from hypothesis import strategies as st

LIMITS = st.integers(1, 30_000)
BURSTS = st.floats(0, 60)
WALL = 1_700_000_000.5


def refusal(quota: Quota, now: float, tokens: int = 1) -> RefusedError | None:
    try:
        quota.admit(tokens, 0, now)
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
        (3600, "1h0m0s"),
        (86_399.9999, "24h0m0s"),
    ],
)
def test_durations_read_as_openai_writes_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@given(st.floats(0, 90_000))
def test_durations_never_promise_too_early(seconds: float) -> None:
    shown = duration(seconds)
    matched = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?", shown)
    hours, minutes, whole, ms = matched.groups(default="0")
    told = int(hours) * 3600 + int(minutes) * 60 + float(whole) + int(ms) / 1000
    assert 0 <= told - seconds + 1e-8 < 0.0011


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
        before = quota.headers(now, WALL)
        if refused := refusal(quota, now, tokens):
            assert refused.status == 429
            assert quota.headers(now, WALL) == before
            assert int(refused.headers["retry-after"]) * 1000 >= int(refused.headers["retry-after-ms"])
            now += int(refused.headers["retry-after-ms"]) / 1000
            assert refusal(quota, now, tokens) is None


def test_both_limits_are_charged_or_neither() -> None:
    quota = Quota(Behaviour(rpm=60, tpm=600, burst_s=0))
    quota.admit(60, 40, 0.0)
    with pytest.raises(RefusedError, match="600 tokens per minute") as caught:
        quota.admit(1, 0, 5.0)
    assert caught.value.headers == {"retry-after": "5", "retry-after-ms": "5000"}
    assert quota.headers(5.0, WALL)["x-ratelimit-remaining-requests"] == "60"


def test_a_request_no_wait_makes_fit_is_told_so() -> None:
    quota = Quota(Behaviour(tpm=100))
    with pytest.raises(RefusedError, match="too large: 101 tokens") as caught:
        quota.admit(61, 40, 0.0)
    assert "retry-after" not in caught.value.headers
    quota.admit(60, 40, 0.0)


def test_headers_show_the_minute_and_the_reset() -> None:
    bucket = Bucket("requests", 500, burst_s=60)
    bucket.take(1, 0.0)
    assert bucket.headers(0.0, WALL) == {
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
    quota.admit(1_000_000, 0, 0.0)
    assert quota.headers(0.0, WALL) == {}


def test_each_side_has_its_own_limit_in_anthropics_headers() -> None:
    quota = Quota(Behaviour(tpm_in=600, tpm_out=60, burst_s=0))
    quota.admit(10, 2, 0.0)
    assert quota.headers(0.0, WALL) == {
        "anthropic-ratelimit-input-tokens-limit": "600",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:22Z",
        "anthropic-ratelimit-output-tokens-limit": "60",
        "anthropic-ratelimit-output-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-reset": "2023-11-14T22:13:23Z",
    }
    with pytest.raises(RefusedError, match="60 output-tokens per minute") as caught:
        quota.admit(1, 1, 0.5)
    assert caught.value.headers["retry-after-ms"] == "1500"
    with pytest.raises(RefusedError, match="too large: 61 output-tokens"):
        quota.admit(1, 61, 100.0)


def test_a_moment_is_never_told_too_early() -> None:
    assert moment(1_700_000_000.0) == "2023-11-14T22:13:20Z"
    assert moment(1_700_000_000.001) == "2023-11-14T22:13:21Z"


def test_a_day_is_counted_from_the_first_request_and_then_starts_anew() -> None:
    quota = Quota(Behaviour(rpd=2))
    assert quota.headers(90.0, WALL)["x-ratelimit-reset-requests-day"] == "0ms"
    quota.admit(1, 0, 100.0)
    quota.admit(1, 0, 3700.0)
    assert quota.headers(3700.0, WALL) == {
        "x-ratelimit-limit-requests-day": "2",
        "x-ratelimit-remaining-requests-day": "0",
        "x-ratelimit-reset-requests-day": "23h0m0s",
    }
    with pytest.raises(RefusedError, match="2 requests per day") as caught:
        quota.admit(1, 0, 3700.0)
    assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "82800")
    assert quota.headers(86_500.0, WALL)["x-ratelimit-remaining-requests-day"] == "2"
    assert refusal(quota, 86_499.0) is not None
    assert refusal(quota, 86_500.0) is None
    assert quota.headers(86_500.0, WALL)["x-ratelimit-remaining-requests-day"] == "1"


def test_what_a_minute_refuses_is_no_request_of_the_day() -> None:
    quota = Quota(Behaviour(rpm=1, rpd=5, burst_s=0))
    assert [refusal(quota, 0.0) is None for _ in range(3)] == [True, False, False]
    assert quota.headers(0.0, WALL)["x-ratelimit-remaining-requests-day"] == "4"


def test_a_server_may_lie_about_the_wait() -> None:
    quota = Quota(Behaviour(rpm=1, burst_s=0, retry_after_s=0.5))
    quota.admit(1, 0, 0.0)
    told = refusal(quota, 0.0)
    assert told is not None
    assert told.headers == {"retry-after": "0.5"}
