"""Failures that are one matter: their messages differ in numbers, ids and quoted texts alone. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .store.results import Failures

MOST_GROUPS: Final = 1_000
"""Groups that are kept apart, the largest ones; their number bounds the memory, not that of the failures."""

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_HEX = r"[0-9a-fA-F]{16,}"
_NUMBERED = r"[^\W\d]*\d\w*(?:[.,:/-][^\W\d]*\d\w*)*"
_QUOTED = r"""'[^']*'(?!\w)|"[^"]*"|`[^`]*`|["'`][^"'`]*…$"""
_VARIES = re.compile(rf"(?<!\w)(?:(?P<quoted>{_QUOTED})|(?:{_UUID}|{_HEX})(?!\w)|{_NUMBERED})")


@dataclass(slots=True)
class Group:
    """Failures of one kind whose messages have one pattern."""

    kind: str
    pattern: str
    message: str
    """The message of one of them in full."""
    seq: int
    """The number of that one's result."""
    items: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Grouped:
    """All failures of a job."""

    groups: tuple[Group, ...]
    """The largest first."""
    items: int
    """Failed items in all, those in no group among them."""

    @property
    def others(self) -> int:
        """Items of groups that were too many to keep apart."""
        return self.items - sum(group.items for group in self.groups)


def pattern(message: str) -> str:
    """Return a message with `#` for each number or id and `'…'` for each quoted text, the same for its own pattern."""
    while (plainer := _VARIES.sub(_stand_in, message)) != message:
        message = plainer
    return message


def _stand_in(found: re.Match[str]) -> str:
    return "'…'" if found["quoted"] else "#"


def grouped(failures: Iterable[Failures], most: int = MOST_GROUPS) -> Grouped:
    """Return failures by kind and pattern; where there are more groups than `most`, small ones are let go."""
    groups: dict[tuple[str, str], Group] = {}
    items = 0
    for kind, message, number, attempts, seq in failures:
        key = (kind, pattern(message))
        group = groups.setdefault(key, Group(*key, message, seq))
        group.items += number
        group.attempts += attempts
        items += number
        if len(groups) > 2 * most:
            groups = {(group.kind, group.pattern): group for group in _largest(groups.values(), most)}
    return Grouped(tuple(_largest(groups.values(), most)), items)


def _largest(groups: Iterable[Group], most: int) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.items, group.kind, group.pattern))[:most]
