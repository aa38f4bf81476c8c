"""How much of a quota is used, and how little of it too much: minutes of full load against a server that enforces."""

import heapq
import math
from collections.abc import Callable, Mapping
from random import Random

import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.limits import Grant, Lane, Limits
from batchtop.engine.limits.line import TIMER_S
from batchtop.engine.outcome import Outcome

Draw = Callable[[], Usage]

LONGEST = 600
"""Tokens an answer may have."""


class Bucket:
    """A limit that refills evenly and lets a key run a second ahead of that."""

    def __init__(self, per_minute: int, burst_s: float = 1.0) -> None:
        self.per_minute = per_minute
        self.burst_s = burst_s
        self.paid_until = 0.0

    def wait_s(self, now: float) -> float:
        return max(0.0, self.paid_until - now - self.burst_s)

    def take(self, now: float, amount: int) -> None:
        self.paid_until = max(self.paid_until, now) + amount * 60 / self.per_minute

    def headers(self, now: float, kind: str) -> dict[str, str]:
        whole_s = max(0.0, self.paid_until - now)
        left = 0 if self.wait_s(now) else self.per_minute * (1 - whole_s / 60)
        return {
            f"x-ratelimit-limit-{kind}": str(self.per_minute),
            f"x-ratelimit-remaining-{kind}": str(math.floor(left)),
            f"x-ratelimit-reset-{kind}": f"{whole_s:.3f}s",
        }


class Server:
    """Enforces requests and tokens a minute, and keeps what it admitted."""

    def __init__(self, rpm: int = 0, tpm: int = 0) -> None:
        self.buckets = {kind: Bucket(limit) for kind, limit in (("requests", rpm), ("tokens", tpm)) if limit}
        self.admitted: list[tuple[float, int]] = []
        self.refused = 0

    def answer(self, now: float, tokens: int) -> tuple[Outcome, Mapping[str, str]]:
        wait_s = max((bucket.wait_s(now) for bucket in self.buckets.values()), default=0.0)
        headers = {} if wait_s < 1e-6 else {"retry-after-ms": str(math.ceil(wait_s * 1000))}
        if headers:
            self.refused += 1
        else:
            self.admitted.append((now, tokens))
            for kind, bucket in self.buckets.items():
                bucket.take(now, tokens if kind == "tokens" else 1)
        for kind, bucket in self.buckets.items():
            headers |= bucket.headers(now, kind)
        return (Outcome.RATE_LIMITED if wait_s >= 1e-6 else Outcome.OK), headers


def fullest_minute(sent: list[tuple[float, int]]) -> int:
    fullest = inside = first = 0
    for at, amount in sent:
        inside += amount
        while sent[first][0] <= at - 60:
            inside -= sent[first][1]
            first += 1
        fullest = max(fullest, inside)
    return fullest


class StepClock:
    """Time that the test moves on."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return 1_760_000_000.0 + self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def granted(lane: Lane, most: Usage) -> Grant:
    """Take leave from a lane that holds nobody back, with no event loop."""
    try:
        lane.admit(most).send(None)
    except StopIteration as granted:
        return granted.value
    raise AssertionError("the lane holds back")


def load(lane: Lane, clock: StepClock, server: Server, *, seconds: float, latency_s: float, draw: Draw) -> None:
    """Send as much as the lane allows for so long, each request answered in order of time."""
    end, number = clock.at + seconds, 0
    busy: list[tuple[float, int, Grant, Outcome, Mapping[str, str], Usage]] = []
    wanted = draw()
    while clock.at < end:
        while (hold := lane.hold()) is None:
            grant = granted(lane, Usage(wanted.tokens_in, LONGEST if wanted.tokens_out else 0))
            outcome, headers = server.answer(clock.at, wanted.total)
            number += 1
            ends_at = clock.at + (latency_s if outcome is Outcome.OK else 0.01)
            heapq.heappush(busy, (ends_at, number, grant, outcome, headers, wanted))
            wanted = draw()
        until = math.inf if hold.until is None else max(hold.until, clock.at + TIMER_S)
        if busy and busy[0][0] <= until:
            at, _, grant, outcome, headers, used = heapq.heappop(busy)
            clock.at = max(clock.at, at)
            lane.settle(grant, outcome, headers=headers, used=used if outcome is Outcome.OK and used.total else None)
        else:
            clock.at = until


def new_lane() -> tuple[Lane, StepClock]:
    clock = StepClock()
    return Lane("lane", clock), clock


@pytest.mark.parametrize("rpm", [500, 10_000])
def test_requests(rpm: int) -> None:
    (lane, clock), server = new_lane(), Server(rpm)
    lane.configure(Limits(rpm=rpm))
    load(lane, clock, server, seconds=300, latency_s=0.5, draw=Usage)
    assert len(server.admitted) >= 0.995 * rpm * 5
    assert fullest_minute([(at, 1) for at, _ in server.admitted]) <= 1.015 * rpm
    assert server.refused < 0.002 * len(server.admitted)


@pytest.mark.parametrize("rpm", [500, 10_000])
def test_requests_when_the_server_has_to_say_how_many(rpm: int) -> None:
    (lane, clock), server = new_lane(), Server(rpm)
    load(lane, clock, server, seconds=120, latency_s=0.5, draw=Usage)
    started = sum(at < 110 for at, _ in server.admitted)
    assert len(server.admitted) - started >= 0.995 * rpm * (120 - 10) / 60
    assert fullest_minute([(at, 1) for at, _ in server.admitted]) <= 1.015 * rpm


def answers(seed: int, sigma: float) -> Draw:
    """Draw prompts of about 100 tokens, and answers of a lognormal length with a median of 80."""
    draws = Random(seed)
    return lambda: Usage(draws.randint(80, 120), min(LONGEST, max(1, int(draws.lognormvariate(math.log(80), sigma)))))


@pytest.mark.parametrize(("tpm", "sigma", "minutes"), [(100_000, 0.4, 10), (100_000, 0.6, 10), (1_000_000, 1.0, 5)])
def test_tokens_of_answers_whose_length_nobody_knows(tpm: int, sigma: float, minutes: int) -> None:
    (lane, clock), server = new_lane(), Server(tpm=tpm)
    lane.configure(Limits(tpm=tpm))
    load(lane, clock, server, seconds=60 * minutes, latency_s=2.0, draw=answers(7, sigma))
    assert sum(tokens for _, tokens in server.admitted) >= 0.97 * tpm * minutes
    assert fullest_minute(server.admitted) <= 1.015 * tpm
    assert server.refused < 0.002 * len(server.admitted)


@pytest.mark.parametrize("name", ["tpm_in", "tpm_out"])
def test_tokens_in_and_out_have_paces_of_their_own(name: str) -> None:
    (lane, clock), server = new_lane(), Server()
    lane.configure(Limits(**{"tpm": 1_000_000, name: 20_000}))
    load(lane, clock, server, seconds=300, latency_s=2.0, draw=lambda: Usage(100, 100))
    assert 0.9 * 20_000 * 5 <= 100 * len(server.admitted) <= 1.01 * 20_000 * 5
    assert lane.left() < 0.05


def test_a_share_that_another_client_uses_is_left_to_it() -> None:
    """It sends one where we send two, to a server that lets a key have a whole minute's requests at once."""
    (lane, clock), server = new_lane(), Server(600)
    server.buckets["requests"].burst_s = 60.0
    lane.configure(Limits(rpm=600))
    other = iter(range(100_000))

    def draw() -> Usage:
        if next(other) % 2:
            server.buckets["requests"].take(clock.at, 1)
        return Usage()

    load(lane, clock, server, seconds=600, latency_s=0.5, draw=draw)
    assert server.refused < 0.015 * len(server.admitted)
    assert len(server.admitted) >= 0.95 * 600 * 11 * 2 / 3
