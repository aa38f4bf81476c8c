"""Reads what a server's headers say of its limits.

Most answers say nothing, and thousands come a minute. So the names are joined and searched for two words first; only
an answer that has one of them is read, and what a name means is worked out once and remembered.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from .waits import read_number, read_wait

_MINUTE_S: Final = 61.0
"""What is fresh again within this is counted by the minute, allowing a second for the way."""


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What one answer says, the strictest where it says several things, None where it says nothing."""

    limit_requests: int | None = None
    """A minute. 0: the server counts over longer than a minute, or not at all."""
    limit_tokens: int | None = None
    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_requests_s: float | None = None
    reset_tokens_s: float | None = None
    retry_after_s: float | None = None

    @property
    def wait_s(self) -> float | None:
        """How long to wait after a 429: what Retry-After says, or else until what ran out is there again."""
        if self.retry_after_s is not None:
            return self.retry_after_s
        axes = ((self.remaining_requests, self.reset_requests_s), (self.remaining_tokens, self.reset_tokens_s))
        return max((reset_s for remaining, reset_s in axes if reset_s is not None and not remaining), default=None)


_NOTHING = RateHeaders()

_Told: TypeAlias = Mapping[tuple[str, str], list[float]]
"""All values of one answer by what they are (`limit`, `remaining`, `reset`) and what they count.

That is `requests` or `tokens`; of limits also `windowed`, requests a minute by a stated window, and `bare`, of which
no word says what it is.
"""


def read_rate_headers(headers: Mapping[str, str], wall_now: float) -> RateHeaders | None:
    """Return what an answer's headers (names in lower case) say of limits, or None when they say nothing."""
    names = "\n".join(headers)
    if "limit" not in names and "retry-after" not in names:
        return None
    told: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for name, text in headers.items():
        field = _field(name)
        for what, counted, value in _values(field, text, wall_now) if field else ():
            told[what, counted].append(value)
    found = RateHeaders(
        limit_requests=_requests_a_minute(told),
        limit_tokens=_least(told["limit", "tokens"]),
        remaining_requests=_least(told["remaining", "requests"]),
        remaining_tokens=_least(told["remaining", "tokens"]),
        reset_requests_s=max(told["reset", "requests"], default=None),
        reset_tokens_s=max(told["reset", "tokens"], default=None),
        retry_after_s=_retry_after(headers, wall_now),
    )
    return None if found == _NOTHING else found


def _least(values: list[float]) -> int | None:
    return int(min(values)) if values else None


def _requests_a_minute(told: _Told) -> int | None:
    """Return the strictest limit that is known to be one of a minute.

    Some providers state requests a day under the name that others use for a minute; a reset that is further off than a
    minute gives them away. A bare limit may also be one of a second, which a reset within a second suggests.
    """
    reset_s = max(told["reset", "requests"], default=None)
    by_minute = reset_s is None or reset_s <= _MINUTE_S
    named, bare = told["limit", "requests"], told["limit", "bare"]
    limits = told["limit", "windowed"] + (named if by_minute else [])
    if by_minute and (reset_s is None or reset_s > 1):
        limits += bare
    if any(limits):
        return max(1, int(min(limit for limit in limits if limit)))
    return 0 if limits or (not by_minute and (named or bare)) else None


def _retry_after(headers: Mapping[str, str], wall_now: float) -> float | None:
    """Return the wait in seconds; the header in ms is the more exact one, a prefixed one the last resort."""
    prefixed = (name for name in headers if name.endswith(("-retry-after", "-retry-after-ms")))
    for name in ("retry-after-ms", "retry-after", *prefixed):
        text = headers.get(name, "")
        number = read_number(text) if name.endswith("-ms") else None
        wait_s = number / 1000 if number is not None else read_wait(text, wall_now)
        if wait_s is not None:
            return wait_s
    return None


class _Field(NamedTuple):
    """What a header with some name holds."""

    what: str
    """`limit`, `remaining` or `reset`, or one of IETF's two: `standing` and `policy`."""
    counts: str = "requests"
    per_minute: int = 1


_NAME = re.compile(r"rate-?limit(bysize)?(?![a-z])(.*)")
_WHAT: Final = ("limit", "remaining", "reset")
_OTHER: Final = {"hour", "day", "week", "month", "input", "output", "images", "audio", "concurrent", "parallel"}
"""Words of limits that are none of requests or tokens a minute."""


@lru_cache(maxsize=1024)
def _field(name: str) -> _Field | None:
    """Return what a header of this name holds, whatever prefix a gateway gave it."""
    matched = _NAME.search(name)
    if matched is None:
        return None
    words = set(re.split(r"[-_]", matched[2])) - {""}
    if not words or words == {"policy"}:
        return _Field("policy" if words else "standing")
    what = next((what for what in _WHAT if what in words), None)
    if what is None or words & _OTHER:
        return None
    per_minute = 60 if "second" in words else 1
    if matched[1] or words & {"tokens", "token"}:
        return _Field(what, "tokens", per_minute)
    if words & {"requests", "request", "req", "minute", "second"}:
        return _Field(what, "requests", per_minute)
    return _Field(what, "bare") if words == {what} else None


def _values(field: _Field, text: str, wall_now: float) -> Iterator[tuple[str, str, float]]:
    """Give what a header's text says as (what, counted, value); what can't be read is left out."""
    if field.what == "standing":
        yield from _standing(text, wall_now)
    elif field.what == "policy" or (field.what == "limit" and "w=" in text):
        yield from _policies(text)
    else:
        counted = "requests" if field.counts == "bare" and field.what != "limit" else field.counts
        value = read_wait(text, wall_now) if field.what == "reset" else read_number(text)
        if value is not None:
            yield field.what, counted, value * field.per_minute if field.what == "limit" else value


def _policies(text: str) -> Iterator[tuple[str, str, float]]:
    """Give the limits of IETF and Envoy policies (`"burst";q=10;w=1, 500;w=60`) whose window is a minute at most."""
    for member in _members(text):
        quota = read_number(member.get("q", member.get("", "")))
        window_s = read_number(member.get("w", ""))
        if quota and window_s and window_s <= 60 and member.get("qu", "requests") == "requests":
            yield "limit", "windowed", quota * 60 / window_s


def _standing(text: str, wall_now: float) -> Iterator[tuple[str, str, float]]:
    """Give what is left by an IETF `RateLimit` header, in the form of today (`"a";r=5;t=30`) or of older drafts."""
    for member in _members(text):
        remaining = read_number(member.get("r", member.get("remaining", "")))
        reset_s = read_wait(member.get("t", member.get("reset", "")), wall_now)
        limit = read_number(member.get("limit", ""))
        for what, counted, value in (
            ("limit", "bare", limit),
            ("remaining", "requests", remaining),
            ("reset", "requests", reset_s),
        ):
            if value is not None:
                yield what, counted, value


def _members(text: str) -> list[dict[str, str]]:
    """Return each member of a list with its parameters; what stands before them has the empty name."""
    return [dict(_parameter(part) for part in member.split(";")) for member in text.split(",")]


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.strip().partition("=")
    return (name, value.strip('"')) if equals else ("", name)
