"""A job in a few lines of plain text, for the clipboard. Pure."""

from ...engine.snapshot import Snapshot
from ...engine.text import clean, with_reason
from . import format as say
from .errorkinds import kinds
from .line import text_of
from .summary import summary


def summary_text(snapshot: Snapshot) -> str:
    """Return how a job stands."""
    errors = ", ".join(f"{say.count(kind.ever)} {kind.name}" for kind in kinds(snapshot)) or "none"
    lines = [
        f"{clean(snapshot.job.name)}: {with_reason(snapshot.job.state, clean(snapshot.job.reason))}",
        *map(text_of, summary(snapshot)),
        f"{'errors':<11}{errors}",
    ]
    return "\n".join(lines)
