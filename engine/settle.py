"""What the end of an attempt means for its item: kept, tried again, or put back."""

from msgspec import Struct

from .answer import Answer
from .item import Item
from .outcome import REFUSED, RETRIED_BY_RERUN, Outcome
from .retry import backoff_s


class Settled(Struct, frozen=True, gc=False):
    """An item that is done or has failed, ready to be stored."""

    item: Item
    answer: Answer
    attempts: int
    latency_ms: float
    at: float
    """Seconds since the epoch; of a copy, when the answer came that it is of."""
    model: str = ""
    """The model that answered, where it was not the job's own."""
    cached: bool = False
    """Whether it was not asked, but has the answer of an equal item."""


class Again(Struct, frozen=True, gc=False):
    """An item to be tried once more, not before `after_s` seconds have passed."""

    after_s: float
    attempts: int


class PutBack(Struct, frozen=True, gc=False):
    """An item that stays pending: its job is being cancelled, or its key is refused; it did nothing wrong."""


def judge(answer: Answer, *, attempts: int, max_attempts: int, counts: bool, draw: float) -> Again | PutBack | None:
    """Return what happens to an item whose attempt ended with `answer`, or None when that was its last.

    `attempts` are those that ended before; `counts` is False where the server or the key, not the item, was the matter,
    and then no attempt is the last; `draw` (0 to 1) is the jitter of the back-off.
    """
    outcome = answer.outcome
    if outcome is Outcome.CANCELLED or (outcome in REFUSED and not counts):
        return PutBack()
    tried = attempts + counts
    if outcome not in RETRIED_BY_RERUN or (counts and tried >= max_attempts):
        return None
    # A lane that is told of too many requests keeps still by itself.
    return Again(0.0 if outcome is Outcome.RATE_LIMITED else backoff_s(tried, draw), tried)
