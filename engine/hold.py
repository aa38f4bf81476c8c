"""The answer of everything that may hold a send back."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

Reason: TypeAlias = Literal[
    # of a lane
    "closed", "breaker", "cooldown", "trial", "parallel", "rpm", "tpm", "tpm_in", "tpm_out", "rpd",
    # of a job
    "paused", "sink", "memory", "concurrency", "delay", "chunk", "budget", "source", "retry", "queue",
    # a job that ends
    "ending", "drain", "cancel", "output",
]  # fmt: skip

_NOTHING_TO_SEND: Final = frozenset({"source", "retry"})


class Hold(NamedTuple):
    """Why nothing may be sent, and until when."""

    reason: Reason
    until: float | None = None
    """Seconds of the engine's clock; None where an event ends it, or nothing does."""


def soonest(holds: Sequence[Hold]) -> Hold:
    """Return what holds several things back together: what says most of it, until the first of them may go on."""
    telling = next((hold for hold in holds if hold.reason not in _NOTHING_TO_SEND), holds[0])
    return Hold(telling.reason, min((hold.until for hold in holds if hold.until is not None), default=None))
