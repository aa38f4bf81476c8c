"""The limits of one key, each by itself: tokens or requests a minute, and requests a day.

A fixed window admits a minute's requests at once and then refuses everything for a minute, where real providers count
in short spans. Here a key may run `burst_s` ahead of an even pace and no further, so

- whoever sends at exactly the limit is served, even when the requests come up to `burst_s` too early;
- no span of 60 s admits more than the limit, plus `burst_s` of it, plus one request (or one request's tokens);
- a refused request costs nothing, and is admitted after the wait it was told when nobody came before it.

A request is admitted while the key is not ahead by more than `burst_s`, whatever its own cost, and its cost delays the
next one: otherwise a long prompt would never fit a small burst. The headers show the minute's bucket, as OpenAI
documents it: an admitted request leaves `remaining` one lower, and `reset` is when the bucket is whole again.
"""

import math
from datetime import UTC, datetime
from typing import ClassVar

_EVEN_PACE_S = 1e-6
"""Sums of floats stray; a request this little too early is on time."""

_DAY_S = 86_400.0


class Bucket:
    """A limit of a minute: how far ahead of an even pace the key is."""

    __slots__ = ("_burst_s", "_paid_until", "_unit_s", "kind", "limit")

    span: ClassVar[str] = "minute"

    def __init__(self, kind: str, limit: int, burst_s: float) -> None:
        self.kind = kind
        self.limit = limit
        self._unit_s = 60 / limit
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
        return max(math.floor(self.limit - self.reset_s(now) / self._unit_s + 1e-6), 0)

    def headers(self, now: float, wall: float) -> dict[str, str]:
        """Return the limit and where the key stands, in OpenAI's headers or, for one side's tokens, Anthropic's."""
        if self.kind in {"requests", "tokens"}:
            return openai_headers(self.kind, self.limit, self.remaining(now), self.reset_s(now))
        prefix = f"anthropic-ratelimit-{self.kind}"
        return {
            f"{prefix}-limit": str(self.limit),
            f"{prefix}-remaining": str(self.remaining(now)),
            f"{prefix}-reset": moment(wall + self.reset_s(now)),
        }


class Day:
    """Requests a day, counted from the first one; the count starts anew when the day is over."""

    __slots__ = ("_ends", "_used", "limit")

    kind: ClassVar[str] = "requests"
    span: ClassVar[str] = "day"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._ends = -math.inf

    def wait_s(self, now: float) -> float:
        """Return how long until a request is admitted; 0 admits it now."""
        return self._ends - now if self._used >= self.limit and now < self._ends else 0.0

    def take(self, cost: int, now: float) -> None:
        """Charge an admitted request."""
        if now >= self._ends:
            self._used, self._ends = 0, now + _DAY_S
        self._used += cost

    def headers(self, now: float, wall: float) -> dict[str, str]:  # noqa: ARG002 (as a bucket has it)
        """Return the limit and where the key stands, under names that no limit of a minute has."""
        used = self._used if now < self._ends else 0
        return openai_headers("requests-day", self.limit, self.limit - used, max(self._ends - now, 0.0))


def openai_headers(kind: str, limit: int, remaining: int, reset_s: float) -> dict[str, str]:
    """Return a limit and where the key stands in the form of OpenAI's headers."""
    return {
        f"x-ratelimit-limit-{kind}": str(limit),
        f"x-ratelimit-remaining-{kind}": str(remaining),
        f"x-ratelimit-reset-{kind}": duration(reset_s),
    }


def duration(seconds: float) -> str:
    """Return a duration as OpenAI's headers have it, rounded up to the millisecond: `120ms`, `1.5s`, `24h0m0s`."""
    ms = math.ceil(seconds * 1000 - 1e-6)
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest_ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest_ms / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown


def moment(wall: float) -> str:
    """Return a moment as Anthropic's headers have it (RFC 3339), rounded up to the second."""
    return datetime.fromtimestamp(math.ceil(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
