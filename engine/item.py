"""One row of the input on its way through the engine, and how earlier tries of it ended. Pure."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from .outcome import Outcome
from .text import clean

MOST_TRIES: Final = 20
"""So many are kept of an item; where there are more, the oldest of those that cost no attempt go first."""
MESSAGE_CHARACTERS: Final = 300


class Try(Struct, frozen=True, gc=False):
    """An attempt that ended badly and led to another one."""

    at: float
    """When it ended, seconds since the epoch."""
    outcome: Outcome
    message: str
    """What went wrong, cleaned and capped."""
    latency_ms: float
    lane: str
    """The name of the lane it went through."""
    counted: bool
    """Whether it used up one of the item's attempts."""
    times: int = 1
    """How many there were of its kind in a row, of which this is the last; only those that cost nothing are folded."""


class Item(Struct, frozen=True, gc=False):
    """A row as it was read back from the workspace."""

    row: int
    """Its number in the items table, which orders the work."""
    key: str
    """Its id as JSON text, so that `7` and `"7"` stay apart."""
    fields: Mapping[str, object]
    digest: bytes = b""
    """What its answer is kept under: it changes with the row and with what makes the answer."""
    attempts: int = 0
    """Tries that have ended so far, those that do not count against it left out."""
    tries: tuple[Try, ...] = ()
    """How its earlier tries of this run ended, oldest first; of many the last, see `and_then`."""
    rule: int = 0
    """The rule that sends it to a model, counted from 1; 0 for the task's own model."""


def brief(message: str) -> str:
    """Return what a try keeps of a message that was cleaned before."""
    return message if len(message) <= MESSAGE_CHARACTERS else clean(message, MESSAGE_CHARACTERS)


def and_then(tries: tuple[Try, ...], latest: Try) -> tuple[Try, ...]:
    """Return the tries of an item with one more; those that cost nothing are folded where they are alike in a row.

    So an item that waits out a storm keeps the rest of its story.
    """
    if tries and _is_alike(tries[-1], latest):
        return (*tries[:-1], replace(latest, times=tries[-1].times + latest.times))
    return _capped((*tries, latest))


def _is_alike(one: Try, other: Try) -> bool:
    free = not (one.counted or other.counted)
    return free and (one.outcome, one.lane) == (other.outcome, other.lane)


def _capped(tries: tuple[Try, ...]) -> tuple[Try, ...]:
    if len(tries) <= MOST_TRIES:
        return tries
    going = next((number for number, each in enumerate(tries[:-1]) if not each.counted), 0)
    return tries[:going] + tries[going + 1 :]
