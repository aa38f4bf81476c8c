"""What is asked before a job is stopped, or left."""

from typing import Final

from ...engine.snapshot import Snapshot
from ..figures.series import flying
from ..words import format as say
from .question import Choice, Question

LEAVE: Final = Choice("l", "leave running", "come back with `batchtop attach`")
DRAIN: Final = Choice("d", "drain", "finish what is in flight, then stop", "drain")
CANCEL: Final = Choice("x", "cancel job", "stop now, give up what is in flight", "cancel")
YES_DRAIN: Final = Choice("y", "drain", DRAIN.effect, "drain")
YES_CANCEL: Final = Choice("y", "cancel job", CANCEL.effect, "cancel")


def draining(snapshot: Snapshot) -> Question:
    """Return what is asked before a drain."""
    return Question("Drain this job?", _about(snapshot), (YES_DRAIN,))


def cancelling(snapshot: Snapshot) -> Question:
    """Return what is asked before a cancel."""
    return Question("Cancel this job?", _about(snapshot), (DRAIN, YES_CANCEL))


def quitting(snapshot: Snapshot) -> Question:
    """Return what is asked before a live job's screen is left."""
    return Question("Quit", _about(snapshot), (LEAVE, DRAIN, CANCEL))


def _about(snapshot: Snapshot) -> tuple[str, str]:
    now = flying(snapshot)
    batches = "1 batch" if now == 1 else f"{say.count(now)} batches" if now is not None else "an unknown number"
    state = f"{say.plural(snapshot.job.left, 'item')} left, {batches} in flight."
    return state, "Whatever you choose, the job can be continued later."
