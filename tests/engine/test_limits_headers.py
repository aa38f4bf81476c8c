"""What servers write in their headers, shape by shape."""

from email.utils import formatdate

import pytest
from batchtop.engine.limits import RateHeaders, Stated, read_rate_headers
from batchtop.engine.limits.waits import read_wait
from hypothesis import given
from hypothesis import strategies as st

NONE = Stated()
NOW = 1_760_000_000.0  # 2025-10-09T08:53:20Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("20", 20),
        (" 1.5 ", 1.5),
        ("6m0s", 360),
        ("1m30s", 90),
        ("17ms", 0.017),
        ("7.21s", 7.21),
        ("1h2m3.5s", 3723.5),
        ("2d", 172_800),
        ("500µs", 0.0005),
        ("1m 5s", 65),
        ("1760000030", 30),
        ("1760000030.5", 30.5),
        ("1760000030000", 30),
        ("1759999000", 0),
        ("2025-10-09T08:54:20Z", 60),
        ("2025-10-09T10:53:25.5+02:00", 5.5),
        ("2025-10-09T08:53:00Z", 0),
        ("Thu, 09 Oct 2025 08:53:50 GMT", 30),
        ("Thu, 09 Oct 2025 08:00:00 GMT", 0),
        (formatdate(NOW + 90, usegmt=True), 90),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("-3", None),
        ("-inf", None),
        ("1e999", None),
        ("soon", None),
        ("6x", None),
        ("s", None),
        ("Thu, 99 Oct 2025 08:53:50 GMT", None),
    ],
)
def test_waits(text: str, expected: float | None) -> None:
    assert read_wait(text, NOW) == (None if expected is None else pytest.approx(expected))


OPENAI = {
    "content-type": "application/json",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "6ms",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "1000",
    "anthropic-ratelimit-requests-remaining": "999",
    "anthropic-ratelimit-requests-reset": "2025-10-09T08:53:21Z",
    "anthropic-ratelimit-tokens-limit": "480000",
    "anthropic-ratelimit-tokens-remaining": "0",
    "anthropic-ratelimit-tokens-reset": "2025-10-09T08:53:50Z",
    "anthropic-ratelimit-input-tokens-limit": "400000",
    "anthropic-ratelimit-input-tokens-remaining": "7",
    "anthropic-ratelimit-input-tokens-reset": "2025-10-09T08:53:22Z",
    "anthropic-ratelimit-output-tokens-limit": "80000",
    "retry-after": "12",
}
GROQ = {
    "x-ratelimit-limit-requests": "14400",
    "x-ratelimit-remaining-requests": "14370",
    "x-ratelimit-reset-requests": "2m59.56s",
    "x-ratelimit-limit-tokens": "18000",
}
ENVOY = {
    "x-ratelimit-limit": '10, 10;w=1;name="burst", 500;w=60',
    "x-ratelimit-remaining": "3",
    "x-ratelimit-reset": "1",
}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (OPENAI, RateHeaders(Stated(500, 499, 0.12), Stated(150_000, 149_984, 0.006))),
        (
            ANTHROPIC,
            RateHeaders(
                Stated(1000, 999, 1.0), Stated(480_000, 0, 30.0), Stated(400_000, 7, 2.0), Stated(80_000), NONE, 12.0
            ),
        ),
        # those for other requests than ours
        (
            {
                "anthropic-ratelimit-priority-input-tokens-limit": "1",
                "anthropic-priority-input-tokens-remaining": "0",
                "x-ratelimit-limit-cached-tokens": "5",
                "x-ratelimit-limit-tokens-batch": "5",
            },
            None,
        ),
        (
            {"x-ratelimit-limit-tokens-prompt": "60000", "x-ratelimit-remaining-tokens-generated": "40"},
            RateHeaders(tokens_in=Stated(60_000), tokens_out=Stated(None, 40)),
        ),
        (ENVOY, RateHeaders(Stated(500, 3, 1.0))),
        # requests a day under the name of requests a minute
        (
            GROQ,
            RateHeaders(Stated(0), Stated(18_000), day=Stated(14_400, 14_370, 179.56)),
        ),
        # a minute and a day side by side
        (
            {
                "x-ratelimit-limit-requests-day": "14400",
                "x-ratelimit-reset-requests-day": "33011.38",
                "x-ratelimit-limit-tokens-minute": "60000",
                "x-ratelimit-remaining-tokens-minute": "59000",
                "x-ratelimit-reset-tokens-minute": "11.38",
            },
            RateHeaders(tokens=Stated(60_000, 59_000, 11.38), day=Stated(14_400, None, 33_011.38)),
        ),
        (
            {
                "x-ratelimit-limit-req-day": "5000",
                "x-ratelimit-remaining-req-day": "9",
                "x-ratelimit-limit-tokens-day": "7",
            },
            RateHeaders(day=Stated(5000, 9)),
        ),
        ({"x-ratelimit-limit-req-minute": "60", "x-ratelimit-limit-second": "2"}, RateHeaders(Stated(60))),
        ({"x-ratelimitbysize-limit-minute": "500000"}, RateHeaders(tokens=Stated(500_000))),
        # bare
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "9"}, RateHeaders(Stated(100, 9))),
        ({"x-ratelimit-limit": "100", "x-ratelimit-reset": "1760000031"}, RateHeaders(Stated(100, None, 31.0))),
        (
            {"x-rate-limit-limit": "100", "x-rate-limit-reset": "2400"},
            RateHeaders(Stated(0), day=Stated(100, None, 2400.0)),
        ),
        ({"x-ratelimit-limit": "10", "x-ratelimit-reset": "0.3"}, RateHeaders(Stated(None, None, 0.3))),
        # IETF, of today and of older drafts
        (
            {"ratelimit-policy": '"default";q=100;w=60', "ratelimit": '"default";r=50;t=30'},
            RateHeaders(Stated(100, 50, 30.0)),
        ),
        (
            {"ratelimit-policy": '"burst";q=10;w=1, "day";q=5000;w=86400', "ratelimit": '"burst";r=4;t=1'},
            RateHeaders(Stated(600, 4, 1.0), day=Stated(5000)),
        ),
        (
            {
                "ratelimit-policy": '"burst";q=10;w=1, "minute";q=300;w=60, "day";q=5000;w=86400',
                "ratelimit": '"burst";r=9;t=1, "minute";r=8;t=40, "day";r=77;t=7200',
            },
            RateHeaders(Stated(300, 8, 40.0), day=Stated(5000, 77, 7200.0)),
        ),
        (
            {"x-ratelimit-limit": "100, 100;w=60", "x-ratelimit-remaining": "99", "x-ratelimit-reset": "42"},
            RateHeaders(Stated(100, 99, 42.0)),
        ),
        ({"ratelimit-policy": '"bytes";q=65535;qu="content-bytes";w=10'}, None),
        ({"ratelimit": "limit=100, remaining=50, reset=30"}, RateHeaders(Stated(100, 50, 30.0))),
        (
            {"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "5"},
            RateHeaders(Stated(100, 0, 5.0)),
        ),
        # behind gateways: every limit holds, so the strictest counts
        (
            {
                "x-ratelimit-api_key-limit-requests": "100",
                "x-ratelimit-api_key-remaining-requests": "42",
                "llm_provider-x-ratelimit-limit-requests": "10000",
                "llm_provider-x-ratelimit-remaining-requests": "9999",
                "llm_provider-x-ratelimit-limit-tokens": "2000000",
                "llm_provider-retry-after": "3",
            },
            RateHeaders(Stated(100, 42), Stated(2_000_000), retry_after_s=3.0),
        ),
        # one's reset is not another's
        (
            {f"llm_provider-{name}": text for name, text in GROQ.items()}
            | {"x-ratelimit-api_key-limit-requests": "100", "x-ratelimit-api_key-remaining-requests": "42"},
            RateHeaders(Stated(100, 42), Stated(18_000), day=Stated(14_400, 14_370, 179.56)),
        ),
        # requests at a time are no requests a minute
        (
            {
                "x-ratelimit-api_key-limit-requests": "60",
                "x-ratelimit-api_key-remaining-requests": "59",
                "x-ratelimit-api_key-limit-max_parallel_requests": "4",
                "x-ratelimit-api_key-remaining-max_parallel_requests": "3",
            },
            RateHeaders(Stated(60, 59)),
        ),
        ({"x-ratelimit-limit-concurrent-requests": "8"}, None),
        (
            {"x-ratelimit-limit-project-tokens": "9000", "x-ratelimit-limit-tokens": "10000"},
            RateHeaders(tokens=Stated(9000)),
        ),
        # Retry-After
        ({"retry-after": "2", "retry-after-ms": "1500"}, RateHeaders(retry_after_s=1.5)),
        ({"retry-after": "2", "retry-after-ms": "nan"}, RateHeaders(retry_after_s=2)),
        ({"x-ms-retry-after-ms": "250"}, RateHeaders(retry_after_s=0.25)),
        ({"retry-after": "Thu, 09 Oct 2025 08:53:25 GMT"}, RateHeaders(retry_after_s=5)),
        ({"retry-after": "Thu, 09 Oct 2025 08:00:00 GMT"}, RateHeaders(retry_after_s=0)),
        ({"x-ratelimit-limit-second": "1e308"}, RateHeaders(Stated(10**15))),
        ({"ratelimit-policy": '"a";q=1e308;w=0.1'}, RateHeaders(Stated(10**15))),
        # nothing, or nothing that can be read
        ({}, None),
        ({"content-type": "application/json", "x-request-id": "1"}, None),
        ({"retry-after": "nan", "x-ratelimit-limit-requests": "-1", "x-ratelimit-reset-tokens": "?"}, None),
        ({"ratelimit": "???", "ratelimit-policy": ";;,=", "x-ratelimit-limit": "w="}, None),
        ({"x-ratelimit-limit-images": "50", "x-content-limit": "3"}, None),
        ({"x-ratelimit-limit-requests": "0"}, RateHeaders(Stated(0))),
    ],
)
def test_shapes(headers: dict[str, str], expected: RateHeaders | None) -> None:
    assert read_rate_headers(headers, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        (OPENAI | {"retry-after": "1", "x-ratelimit-reset-tokens": "6m0s"}, 1.0),
        (OPENAI, None),
        (GROQ | {"x-ratelimit-remaining-requests": "0"}, 179.56),
        (OPENAI | {"x-ratelimit-remaining-requests": "0"}, 0.12),
        (OPENAI | {"x-ratelimit-remaining-requests": "0", "x-ratelimit-remaining-tokens": "0"}, 0.12),
        ({"x-ratelimit-reset": "7"}, 7.0),
    ],
)
def test_wait_after_a_429(headers: dict[str, str], wait_s: float | None) -> None:
    read = read_rate_headers(headers, NOW)
    assert read is not None
    assert read.wait_s == wait_s


names = st.sampled_from(
    [*OPENAI, *ANTHROPIC, *GROQ, *ENVOY, "ratelimit", "ratelimit-policy", "retry-after", "retry-after-ms"]
)
texts = st.text() | st.from_regex(r"[0-9a-z;=,.\" :+TZ-]{0,30}")


@given(st.dictionaries(names | st.from_regex(r"[a-z-]{0,10}ratelimit[a-z_-]{0,20}"), texts), st.floats(0, 4e9))
def test_nothing_a_server_sends_raises(headers: dict[str, str], now: float) -> None:
    read = read_rate_headers(headers, now)
    assert read is None or all(
        value is None or 0 <= value < float("inf")
        for value in (read.requests.limit, read.tokens.limit, read.day.limit, read.requests.reset_s, read.wait_s)
    )
