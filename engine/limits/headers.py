"""Reads what a server's headers say of its limits.

Most answers say nothing, and thousands come a minute. So the names are joined and searched for two words first; only
an answer that has one of them is read, and what a name means is worked out once and remembered.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeAlias

from .fields import Counted, Told, What, read_field
from .waits import read_number, read_wait

_MINUTE_S: Final = 61.0
"""What is fresh again within this is counted by the minute, allowing a second for the way."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a server says of one allowance, None where it says nothing."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    """When the allowance is whole again: at the end of a fixed window, or once all of it has been refilled."""


NOTHING: Final = Stated()


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What one answer says, the strictest where it says several things of one kind."""

    requests: Stated = NOTHING
    """A minute. A limit of 0: the server counts over longer than a minute, or not at all."""
    tokens: Stated = NOTHING
    tokens_in: Stated = NOTHING
    tokens_out: Stated = NOTHING
    day: Stated = NOTHING
    """Requests a day, or over another span that is longer than a minute."""
    retry_after_s: float | None = None

    @property
    def wait_s(self) -> float | None:
        """How long to wait after a 429: what Retry-After says, or else until what ran out is there again."""
        if self.retry_after_s is not None:
            return self.retry_after_s
        every = (self.requests, self.tokens, self.tokens_in, self.tokens_out, self.day)
        return max((each.reset_s for each in every if each.reset_s is not None and not each.remaining), default=None)


_Group: TypeAlias = dict[tuple[What, Counted], list[float]]


def read_rate_headers(headers: Mapping[str, str], wall_now: float) -> RateHeaders | None:
    """Return what an answer's headers (names in lower case) say of limits, or None when they say nothing."""
    names = "\n".join(headers)
    if "limit" not in names and "retry-after" not in names:
        return None
    stated = _read_groups(told for name, text in headers.items() for told in read_field(name, text, wall_now))
    found = RateHeaders(*stated, retry_after_s=_retry_after(headers, wall_now))
    return None if found == RateHeaders() else found


def _read_groups(all_told: Iterable[Told]) -> tuple[Stated, Stated, Stated, Stated, Stated]:
    """Put together what belongs together, so that nobody's reset is taken for another's."""
    groups: defaultdict[str, _Group] = defaultdict(lambda: defaultdict(list))
    for told in all_told:
        groups[told.group][told.what, told.counted].append(told.value)
    requests, days = zip(*map(_requests, groups.values()), strict=True) if groups else ((), ())
    tokens, tokens_in, tokens_out = (
        _strictest([Stated(*_three(group, kind)) for group in groups.values()])
        for kind in ("tokens", "tokens_in", "tokens_out")
    )
    days += tuple(Stated(*_three(group, "day")) for group in groups.values())
    return _strictest(requests), tokens, tokens_in, tokens_out, _strictest(days)


def _three(group: _Group, *kinds: Counted) -> tuple[int | None, int | None, float | None]:
    limits, remaining, resets = (
        [value for kind in kinds for value in group.get((what, kind), ())] for what in ("limit", "remaining", "reset")
    )
    least = [int(min(values)) if values else None for values in (limits, remaining)]
    return least[0], least[1], max(resets, default=None)


def _requests(group: _Group) -> tuple[Stated, Stated]:
    """Return what is said of requests a minute, and of requests over longer than that.

    Some providers state requests a day under the name that others use for a minute; a reset that is further off than a
    minute gives them away. A bare limit may also be one of a second, which a reset within a second suggests.
    """
    limit, remaining, reset_s = _three(group, "requests", "bare")
    windowed = _a_minute(group.get(("limit", "windowed"), []))
    if reset_s is not None and reset_s > _MINUTE_S:
        other = 0 if limit is not None else None
        return Stated(other if windowed is None else windowed), Stated(limit, remaining, reset_s)
    named = group.get(("limit", "requests"), [])
    bare = [] if reset_s is not None and reset_s <= 1 else group.get(("limit", "bare"), [])
    known = [each for each in (windowed, _a_minute(named), _a_minute(bare)) if each is not None]
    limits = [each for each in known if each] or known
    return Stated(min(limits, default=None), remaining, reset_s), NOTHING


def _a_minute(limits: list[float]) -> int | None:
    """Return the strictest of several, 0 where they say that there is none."""
    if not limits:
        return None
    return max(1, int(min(filter(None, limits)))) if any(limits) else 0


def _strictest(all_stated: Sequence[Stated]) -> Stated:
    """Return the lowest limit of several, and what remains of that of which least does, until its own reset."""
    limits = [each.limit for each in all_stated if each.limit is not None]
    limit = min([each for each in limits if each] or limits, default=None)
    told = [each for each in all_stated if each.remaining is not None]
    if not told:
        return Stated(limit, None, max((each.reset_s for each in all_stated if each.reset_s is not None), default=None))
    least = min(told, key=attrgetter("remaining"))
    return Stated(limit, least.remaining, least.reset_s)


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
