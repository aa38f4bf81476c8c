"""What the person chose when the dashboard closed."""

from dataclasses import dataclass
from enum import StrEnum


class Left(StrEnum):
    """How the dashboard was left."""

    RUNNING = "running"
    """Left while the job goes on, or while no job was shown."""
    DRAINING = "draining"
    CANCELLED = "cancelled"
    ENDED = "ended"
    """The job was not active any more."""
    INTERRUPTED = "interrupted"
    """A signal ended the dashboard, or its terminal has gone; the job goes on."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The choice, the job it was about, and what the engine said of it."""

    left: Left
    job: str | None = None
    message: str = ""
