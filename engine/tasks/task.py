"""What a batch becomes: the protocol every kind of task implements. Pure: no I/O, no clock."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ..answer import Answer, Usage
from ..item import Item
from ..outcome import Outcome
from ..transports import Request, Response


class Call(Struct, frozen=True, gc=False):
    """One request and the items it answers."""

    items: tuple[Item, ...]
    request: Request
    most: Usage
    """What it may come to (prompt and longest answer), reserved before it is sent."""
    apart: bool = False
    """Whether its items are asked each by itself though they travel together: none can spoil it for the others."""


class Plan(Struct, frozen=True, gc=False):
    """The calls a batch needs, and the items that can't become one (a missing template field)."""

    calls: tuple[Call, ...]
    unfit: tuple[tuple[Item, Answer], ...] = ()


class Reply(Struct, frozen=True, gc=False):
    """What a response means: one outcome for the call, and one answer an item, in the call's order."""

    outcome: Outcome
    answers: tuple[Answer, ...]
    usage: Usage = Usage()
    message: str = ""
    first_ms: float | None = None
    """When the answer began, where it was streamed."""


def each_for_itself(answers: tuple[Answer, ...], usage: Usage | None = None) -> Reply:
    """Return a reply in which each answer tells of its own item, so that a bad one has not to be found."""
    if len(answers) == 1:
        return Reply(answers[0].outcome, answers, usage or Usage(), answers[0].message)
    return Reply(Outcome.OK, answers, usage or Usage())


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
