"""How a run of a job ends: its last state, the reason for people, and the exit code for scripts. Pure."""

from dataclasses import dataclass
from typing import Final

from .errors import StoppedError
from .hold import Hold
from .snapshot import JobRow, JobState
from .text import plural

EXIT_OK: Final = 0
EXIT_FAILED_ITEMS: Final = 1
EXIT_STOPPED: Final = 3
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class End:
    """How a run of a job ended."""

    state: JobState
    reason: str
    exit_code: int


def ended(stop: StoppedError | Hold | None, row: JobRow) -> End:
    """Return how a run ended whose loop stopped for the reason `stop`, or for want of items."""
    match stop:
        case StoppedError() as error:
            return End(JobState.STOPPED, str(error), error.exit_code)
        case Hold("budget"):
            return stopped(
                f"the budget is used up: ${row.cost or 0:.4f} spent, the next batch may cost more than is left"
            )
        case Hold() if row.left:
            return interrupted(stop, f"{plural(row.left, 'item')} left")
        case None if row.left:
            return stopped(f"{plural(row.left, 'item')} left behind; run the job again")
        case _:
            return End(JobState.FINISHED, "", EXIT_FAILED_ITEMS if row.failed else EXIT_OK)


def interrupted(stop: StoppedError | Hold | None, told: str) -> End:
    """Return the end of a run that somebody wished to end."""
    state = JobState.CANCELLED if stop == Hold("cancel") else JobState.DRAINED
    return End(state, f"{told}; run the job again to continue", EXIT_INTERRUPTED)


def stopped(reason: str) -> End:
    """Return the end of a run that a budget, a breaker or a full disk ended."""
    return End(JobState.STOPPED, reason, EXIT_STOPPED)
