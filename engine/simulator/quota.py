"""What one key of the simulated provider may send: all of its limits together."""

import math

from .behaviour import Behaviour
from .buckets import Bucket, Day, duration
from .refusal import RefusedError, over_the_limit, too_large


class Quota:
    """The limits of one key; a request is charged to all of them or to none."""

    __slots__ = ("_limits", "_quiet", "_retry_after_s")

    def __init__(self, behaviour: Behaviour) -> None:
        by_minute = (
            ("requests", behaviour.rpm),
            ("tokens", behaviour.tpm),
            ("input-tokens", behaviour.tpm_in),
            ("output-tokens", behaviour.tpm_out),
        )
        buckets = tuple(Bucket(kind, limit, behaviour.burst_s) for kind, limit in by_minute if limit)
        self._limits: tuple[Bucket | Day, ...] = (*buckets, Day(behaviour.rpd)) if behaviour.rpd else buckets
        self._quiet = behaviour.quiet
        self._retry_after_s = behaviour.retry_after_s

    def admit(self, tokens_in: int, tokens_out: int, now: float) -> None:
        """Charge one request, or raise the 429 it gets and charge nothing."""
        if not self._limits:
            return
        cost = {
            "requests": 1,
            "tokens": tokens_in + tokens_out,
            "input-tokens": tokens_in,
            "output-tokens": tokens_out,
        }
        for each in self._limits:
            if cost[each.kind] > each.limit:
                raise too_large(each.kind, each.limit, cost[each.kind])
        slowest = max(self._limits, key=lambda each: each.wait_s(now), default=None)
        if slowest is not None and (wait_s := slowest.wait_s(now)):
            raise self._refusal(slowest, wait_s)
        for each in self._limits:
            each.take(cost[each.kind], now)

    def headers(self, now: float, wall: float) -> dict[str, str]:
        """Return the rate limit headers of every answer this key gets."""
        headers: dict[str, str] = {}
        if not self._quiet:
            for each in self._limits:
                headers |= each.headers(now, wall)
        return headers

    def _refusal(self, limit: Bucket | Day, wait_s: float) -> RefusedError:
        """Return a 429 whose waits are rounded up, so that a client that obeys either is admitted."""
        headers = {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
        if self._retry_after_s:
            headers = {"retry-after": f"{self._retry_after_s:g}"}
        return over_the_limit(limit.kind, f"{limit.limit} {limit.kind} per {limit.span}", duration(wait_s), headers)
