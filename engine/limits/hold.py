"""The answer of everything that may hold a send back."""

from typing import Literal, NamedTuple, TypeAlias

Reason: TypeAlias = Literal["closed", "breaker", "cooldown", "trial", "rpm", "tpm"]


class Hold(NamedTuple):
    """Why nothing may be sent, and until when."""

    reason: Reason
    until: float | None
    """Monotonic seconds; None where an answer ends it (`trial`) or nothing does (`closed`)."""
