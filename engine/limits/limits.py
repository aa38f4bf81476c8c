"""What one job allows its lane at most."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens a minute, requests a day; 0 leaves it to the other jobs and to the server."""

    rpm: int = 0
    tpm: int = 0
    tpm_in: int = 0
    """Tokens of prompts alone, as some servers count them."""
    tpm_out: int = 0
    """Tokens of answers alone."""
    rpd: int = 0
    """Requests in any 24 hours."""
    max_cooldown: float = 120.0
    """Seconds a server may ask to wait before that is more than a pause."""


def strictest(all_limits: Iterable[Limits]) -> Limits:
    """Return the lowest of each, 0 where nobody gives one."""
    each = list(all_limits) or [Limits()]
    return Limits(
        rpm=_lowest(one.rpm for one in each),
        tpm=_lowest(one.tpm for one in each),
        tpm_in=_lowest(one.tpm_in for one in each),
        tpm_out=_lowest(one.tpm_out for one in each),
        rpd=_lowest(one.rpd for one in each),
        max_cooldown=min(one.max_cooldown for one in each),
    )


def _lowest(counts: Iterable[int]) -> int:
    return min((count for count in counts if count), default=0)
