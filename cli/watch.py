"""Opens the dashboard, and says on leaving what goes on without it."""

from pathlib import Path

from ..engine.ending import EXIT_INTERRUPTED, EXIT_OK
from ..engine.errors import StoppedError
from ..engine.snapshot import ACTIVE, JobState
from ..tui import open_dashboard
from ..tui.exit import Exit, Left
from ..tui.source import WorkspaceSource
from .arguments import DEFAULT_DB
from .opened import opened
from .say import say
from .tell import say_summary


def watch(path: Path, job: str | None, *, ascii_only: bool) -> int:
    """Show a job, or the list of jobs, until the person leaves; returns the exit code of a job that has ended."""
    left = open_dashboard(WorkspaceSource(path), job=job, ascii_only=ascii_only)
    return _say(path, left) if left and left.job else 0


def _say(path: Path, left: Exit) -> int:
    with opened(path) as reader:
        snapshot = reader.snapshot(left.job or "")
    if snapshot is None:
        return 0
    if left.message:
        say(left.message)
    if snapshot.job.state in ACTIVE and snapshot.engine is None:
        raise StoppedError(f"{path}: the engine of {left.job} has died; run the job again to continue")
    if snapshot.job.state in ACTIVE:
        elsewhere = "" if path == DEFAULT_DB else f" --db {path}"
        draining = snapshot.job.state is JobState.DRAINING
        does, attached = ("drains", "shows") if draining else ("goes on", "returns to")
        say(f"{left.job} {does}; `batchtop attach {left.job}{elsewhere}` {attached} it")
        return EXIT_INTERRUPTED if left.left in {Left.DRAINING, Left.CANCELLED} else EXIT_OK
    say_summary(snapshot)
    return snapshot.job.exit_code or 0
