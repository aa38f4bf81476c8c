"""The answer of everything that may hold a send back."""

from typing import Literal, NamedTuple, TypeAlias

Reason: TypeAlias = Literal[
    # of a lane
    "closed", "breaker", "cooldown", "trial", "parallel", "rpm", "tpm", "tpm_in", "tpm_out", "rpd",
    # of a job
    "paused", "sink", "memory", "concurrency", "delay", "chunk", "budget", "source", "retry", "queue",
    # a job that ends
    "ending", "drain", "cancel", "output",
]  # fmt: skip


class Hold(NamedTuple):
    """Why nothing may be sent, and until when."""

    reason: Reason
    until: float | None = None
    """Seconds of the engine's clock; None where an event ends it, or nothing does."""
