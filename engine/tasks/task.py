"""What a batch becomes: the protocol every kind of task implements. Pure: no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..item import Item
from ..outcome import Answer, Outcome, Usage
from ..transport import Request, Response


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the items it answers."""

    items: tuple[Item, ...]
    request: Request
    most: Usage
    """What it may come to (prompt and longest answer), reserved before it is sent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls a batch needs, and the items that can't become one (a missing template field)."""

    calls: tuple[Call, ...]
    unfit: tuple[tuple[Item, Answer], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a response means: one outcome for the call, and one answer an item, in the call's order."""

    outcome: Outcome
    answers: tuple[Answer, ...]
    usage: Usage = Usage()
    message: str = ""


class Task(Protocol):
    """How items become calls, and responses become answers."""

    def plan(self, items: Sequence[Item], per_request: int = 1) -> Plan:
        """Return the calls for one batch; every item stands in exactly one call or in `unfit`.

        `per_request` is how many items a task may put into one request where one item is the rule.
        """
        ...

    def read(self, call: Call, response: Response) -> Reply:
        """Return what the response says of each item of the call; never raises for what a server sends."""
        ...
