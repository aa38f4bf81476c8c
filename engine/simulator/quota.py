"""Rate limits as the simulated provider enforces them, one quota a key.

Each limit is a bucket that drains evenly (GCRA), not a window of the last 60 seconds: a window takes a whole minute's
requests at once and then refuses everything for a minute, where real providers count in short spans. Here a key may
run `burst_s` ahead of an even pace and no further, so

- whoever sends at exactly the limit is served, even when the requests come up to `burst_s` too early;
- no span of 60 s admits more than the limit, plus `burst_s` of it, plus one request (or one request's tokens);
- a refused request costs nothing, and is admitted after the wait it was told when nobody came before it.

A request is admitted while the key is not ahead by more than `burst_s`, whatever its own cost, and its cost delays the
next one: otherwise a long prompt would never fit a small burst. The headers show the minute's bucket, as OpenAI
documents it: an admitted request leaves `remaining` one lower, and `reset` is when the bucket is whole again.
"""

import math

from .behaviour import Behaviour
from .refusal import RefusedError, over_the_limit, too_large

_EVEN_PACE_S = 1e-6
"""Sums of floats stray; a request this little too early is on time."""


class Bucket:
    """One limit of one key: how far ahead of an even pace it is."""

    __slots__ = ("_burst_s", "_paid_until", "_unit_s", "kind", "per_minute")

    def __init__(self, kind: str, per_minute: int, burst_s: float) -> None:
        self.kind = kind
        self.per_minute = per_minute
        self._unit_s = 60 / per_minute
        self._burst_s = burst_s
        self._paid_until = -math.inf

    def wait_s(self, now: float) -> float:
        """Return how long until a request is admitted; 0 admits it now."""
        early_s = self._paid_until - now - self._burst_s
        return early_s if early_s > _EVEN_PACE_S else 0.0

    def take(self, cost: int, now: float) -> None:
        """Charge an admitted request."""
        self._paid_until = max(self._paid_until, now) + cost * self._unit_s

    def reset_s(self, now: float) -> float:
        """Return how long until nothing is left of what was charged."""
        return max(self._paid_until - now, 0.0)

    def remaining(self, now: float) -> int:
        """Return what is left of the minute's bucket; 0 while the next request would be refused."""
        if self.wait_s(now):
            return 0
        return max(math.floor(self.per_minute - self.reset_s(now) / self._unit_s + 1e-6), 0)

    def headers(self, now: float) -> dict[str, str]:
        """Return the limit and where the key stands, in OpenAI's headers."""
        return {
            f"x-ratelimit-limit-{self.kind}": str(self.per_minute),
            f"x-ratelimit-remaining-{self.kind}": str(self.remaining(now)),
            f"x-ratelimit-reset-{self.kind}": duration(self.reset_s(now)),
        }


class Quota:
    """What one key may send: requests and tokens, both or neither."""

    __slots__ = ("_buckets",)

    def __init__(self, behaviour: Behaviour) -> None:
        limits = (("requests", behaviour.rpm), ("tokens", behaviour.tpm))
        self._buckets = tuple(Bucket(kind, limit, behaviour.burst_s) for kind, limit in limits if limit)

    def admit(self, tokens: int, now: float) -> None:
        """Charge one request, or raise the 429 it gets and charge nothing."""
        costs = [(bucket, tokens if bucket.kind == "tokens" else 1) for bucket in self._buckets]
        for bucket, cost in costs:
            if cost > bucket.per_minute:
                raise too_large(bucket.kind, bucket.per_minute, cost)
        slowest = max(self._buckets, key=lambda bucket: bucket.wait_s(now), default=None)
        if slowest is not None and (wait_s := slowest.wait_s(now)):
            raise _refusal(slowest, wait_s)
        for bucket, cost in costs:
            bucket.take(cost, now)

    def headers(self, now: float) -> dict[str, str]:
        """Return the rate limit headers of every answer this key gets."""
        headers: dict[str, str] = {}
        for bucket in self._buckets:
            headers |= bucket.headers(now)
        return headers


def _refusal(bucket: Bucket, wait_s: float) -> RefusedError:
    """Return a 429 whose waits are rounded up, so that a client that obeys either is admitted."""
    headers = {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
    return over_the_limit(bucket.kind, bucket.per_minute, duration(wait_s), headers)


def duration(seconds: float) -> str:
    """Return a duration as OpenAI's headers have it, rounded up to the millisecond: `120ms`, `1.5s`, `6m0s`."""
    ms = math.ceil(seconds * 1000 - 1e-6)
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest_ms = divmod(ms, 60_000)
    return f"{minutes}m{rest_ms / 1000:g}s" if minutes else f"{rest_ms / 1000:g}s"
