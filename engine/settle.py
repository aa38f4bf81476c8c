"""What the end of an attempt means for its item: kept, tried again, or put back."""

from dataclasses import dataclass

from .item import Item
from .outcome import REFUSED, TRANSIENT, Answer, Outcome
from .retry import backoff_s


@dataclass(frozen=True, slots=True)
class Settled:
    """An item that is done or has failed, ready to be stored."""

    item: Item
    answer: Answer
    attempts: int
    latency_ms: float
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Again:
    """An item to be tried once more, not before `after_s` seconds have passed."""

    after_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class PutBack:
    """An item that stays pending: its key was refused or its job is being cancelled, it did nothing wrong."""


def judge(answer: Answer, *, attempts: int, max_attempts: int, counts: bool, draw: float) -> Again | PutBack | None:
    """Return what happens to an item whose attempt ended with `answer`, or None when that was its last.

    `attempts` are those that ended before; `counts` is False where the server, not the item, was the matter (an open
    breaker); `draw` (0 to 1) is the jitter of the back-off.
    """
    outcome = answer.outcome
    if outcome in REFUSED or outcome is Outcome.CANCELLED:
        return PutBack()
    if outcome is Outcome.RATE_LIMITED:
        return Again(0.0, attempts)
    if outcome not in TRANSIENT:
        return None
    tried = attempts + counts
    return Again(backoff_s(tried, draw), tried) if tried < max_attempts else None
