"""A job in a few lines of plain text, for the clipboard. Pure."""

from ..engine.snapshot import Snapshot
from ..engine.text import clean
from . import format as say
from .errorkinds import kinds
from .line import text_of
from .summary import summary


def summary_text(snapshot: Snapshot) -> str:
    """Return how a job stands."""
    errors = ", ".join(f"{say.count(kind.ever)} {kind.name}" for kind in kinds(snapshot)) or "none"
    reason = f" ({clean(snapshot.job.reason)})" if snapshot.job.reason else ""
    lines = [
        f"{clean(snapshot.job.name)}: {snapshot.job.state}{reason}",
        *map(text_of, summary(snapshot)),
        f"{'errors':<11}{errors}",
    ]
    return "\n".join(lines)
