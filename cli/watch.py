"""Opens the dashboard, and says on leaving what goes on without it."""

from pathlib import Path

from ..engine.errors import StoppedError
from ..engine.snapshot import ACTIVE
from ..engine.store.migrations import connect
from ..engine.store.reader import Reader
from ..tui import open_dashboard
from ..tui.exit import Exit, Left
from ..tui.source import WorkspaceSource
from .parser import DEFAULT_DB
from .say import say
from .tell import summary


def watch(path: Path, job: str | None, *, ascii_only: bool) -> int:
    """Show a job, or the list of jobs, until the person leaves; returns the exit code of a job that has ended."""
    if not path.exists() and job is None:
        connect(path).close()  # an empty list of jobs tells what to do next
    left = open_dashboard(WorkspaceSource(path), job=job, ascii_only=ascii_only)
    return _say(path, left) if left and left.job else 0


def _say(path: Path, left: Exit) -> int:
    with Reader(path) as reader:
        snapshot = reader.snapshot(left.job or "")
    if snapshot is None:
        return 0
    if left.message:
        say(left.message)
    if snapshot.job.state in ACTIVE and snapshot.engine is None:
        raise StoppedError(f"{path}: the engine of {left.job} has died; run the job again to continue")
    if left.left is Left.RUNNING and snapshot.job.state in ACTIVE:
        elsewhere = "" if path == DEFAULT_DB else f" --db {path}"
        say(f"{left.job} goes on; `batchtop attach {left.job}{elsewhere}` returns to it")
        return 0
    say(summary(snapshot))
    return snapshot.job.exit_code or 0
