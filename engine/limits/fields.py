"""What the names and texts of rate limit headers mean, one header at a time."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from .day import DAY_S
from .waits import read_number, read_wait

What: TypeAlias = Literal["limit", "remaining", "reset"]
Counted: TypeAlias = Literal["requests", "tokens", "tokens_in", "tokens_out", "day", "bare", "windowed"]
"""What a number counts: requests or tokens a minute, or requests a `day`.

Of limits also `windowed`, requests a minute by a stated window, and `bare`, of which no word says what it is.
"""


class Told(NamedTuple):
    """One number a server told."""

    group: str
    """The same for the limit, what remains of it and its reset, and different for each limit."""
    what: What
    counted: Counted
    value: float


class _Field(NamedTuple):
    """What a header with some name holds."""

    what: What | Literal["standing", "policy"]
    """The last two are IETF's `RateLimit` and `RateLimit-Policy`."""
    counted: Counted = "requests"
    group: str = ""
    per_minute: int = 1


_NAME = re.compile(r"rate-?limit(bysize)?(?![a-z])(.*)")
_WHATS: Final[tuple[What, ...]] = ("limit", "remaining", "reset")
_MOST: Final = 1e15
"""More than this is no limit, and may be no number in other places."""

_DAY: Final = {"day", "daily"}
_IN: Final = {"input", "prompt"}
_OUT: Final = {"output", "generated", "completion"}
_OTHER: Final = {
    *("hour", "week", "month", "images", "audio", "concurrent", "parallel"),
    *("priority", "batch", "cached", "uncached", "cache"),
}
"""Words of limits that are none of requests or tokens a minute, or not for such requests as ours."""


def read_field(name: str, text: str, wall_now: float) -> Iterator[Told]:
    """Give what a header says; what can't be read is left out, and other headers say nothing."""
    field = _field(name)
    if field is None:
        return
    if field.what == "standing":
        yield from _standing(text, wall_now)
    elif field.what == "policy":
        yield from _policies(text)
    elif field.what == "limit" and "w=" in text:
        yield from (told._replace(group=field.group) for told in _policies(text))
    else:
        value = read_wait(text, wall_now) if field.what == "reset" else read_number(text)
        if value is not None:
            yield Told(field.group, field.what, field.counted, min(value * field.per_minute, _MOST))


@lru_cache(maxsize=1024)
def _field(name: str) -> _Field | None:
    """Return what a header of this name holds, whatever prefix a gateway gave it."""
    matched = _NAME.search(name)
    if matched is None:
        return None
    words = set(re.split(r"[-_]", matched[2])) - {""}
    if not words:
        return _Field("standing")
    if words == {"policy"}:
        return _Field("policy")
    what: What | None = next((what for what in _WHATS if what in words), None)
    counted = None if what is None or words & _OTHER else _counted(words, by_size=bool(matched[1]))
    if what is None or counted is None or (counted == "bare" and words != {what}):
        return None
    group = name[: matched.start(2)] + re.sub(rf"[-_]{what}", "", matched[2], count=1)
    return _Field(what, counted, group, 60 if what == "limit" and "second" in words else 1)


def _counted(words: set[str], *, by_size: bool) -> Counted | None:
    tokens = by_size or not words.isdisjoint({"tokens", "token"})
    if words & _DAY:
        return None if tokens else "day"
    if tokens:
        return "tokens_in" if words & _IN else "tokens_out" if words & _OUT else "tokens"
    if words & (_IN | _OUT):
        return None
    return "requests" if words & {"requests", "request", "req", "minute", "second"} else "bare"


def _policies(text: str) -> Iterator[Told]:
    """Give the limits of IETF and Envoy policies (`"burst";q=10;w=1, 500;w=60`), by the minute or by the day."""
    for member in _members(text):
        quota = read_number(member.get("q", member.get("", "")))
        window_s = read_number(member.get("w", ""))
        if not quota or not window_s or member.get("qu", "requests") != "requests":
            continue
        name = member.get("", "")
        if window_s <= 60:
            yield Told(name, "limit", "windowed", min(quota * 60 / window_s, _MOST))
        elif window_s == DAY_S:
            yield Told(name, "limit", "day", min(quota, _MOST))


def _standing(text: str, wall_now: float) -> Iterator[Told]:
    """Give what is left by an IETF `RateLimit` header, in the form of today (`"a";r=5;t=30`) or of older drafts."""
    for member in _members(text):
        remaining = read_number(member.get("r", member.get("remaining", "")))
        reset_s = read_wait(member.get("t", member.get("reset", "")), wall_now)
        limit = read_number(member.get("limit", ""))
        name = member.get("", "")
        if limit is not None:
            yield Told(name, "limit", "bare", min(limit, _MOST))
        if remaining is not None:
            yield Told(name, "remaining", "bare", min(remaining, _MOST))
        if reset_s is not None:
            yield Told(name, "reset", "bare", reset_s)


def _members(text: str) -> list[dict[str, str]]:
    """Return each member of a list with its parameters; what stands before them has the empty name."""
    return [dict(_parameter(part) for part in member.split(";")) for member in text.split(",")]


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.strip().partition("=")
    return (name, value.strip('"')) if equals else ("", name.strip('"'))
