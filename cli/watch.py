"""Opens the dashboard, and says on leaving what goes on without it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..engine.ending import EXIT_INTERRUPTED, EXIT_OK
from ..engine.errors import StoppedError, UsageError
from ..engine.snapshot import ACTIVE, JobState
from ..tui import open_dashboard
from ..tui.exit import Exit, Left
from ..tui.habits import Habits
from ..tui.reads.source import WorkspaceSource
from .arguments import DEFAULT_DB
from .newjob import Bench
from .opened import opened
from .say import say
from .tell import say_summary


def watch(path: Path, jobs: Sequence[str], habits: Habits) -> int:
    """Show a job, or the list of jobs, until the person leaves; returns the worst exit code of those that have ended.

    It is about the `jobs` of the command, wherever the dashboard is left, unless on the screen of another job.
    """
    job = jobs[0] if len(jobs) == 1 else None
    try:
        left = open_dashboard(_source(path, habits), job=job, habits=habits, workbench=Bench(path))
    except Exception as error:  # whatever broke it: its traceback is kept, and the jobs go on
        from .broken import brief, broken

        raise broken(f"the dashboard failed: {brief(error)}; {_goes_on(path, job)}", error, path) from error
    if left.message:
        say(left.message)
    about = [left.job] if left.job and left.job not in jobs else jobs
    codes = [_say(path, replace(left, job=each)) for each in about]
    return max(codes, default=EXIT_INTERRUPTED if left.left is Left.INTERRUPTED else EXIT_OK)


def _source(path: Path, habits: Habits) -> WorkspaceSource:
    return ReadOnlySource(path) if habits.read_only else WorkspaceSource(path)


class ReadOnlySource(WorkspaceSource):
    """The workspace for a dashboard that changes nothing: whatever its screens ask for, no command is written."""

    def send(self, job: str, verb: str, args: Mapping[str, object]) -> int:  # noqa: ARG002 (what it would have been)
        """Refuse."""
        raise UsageError(f"this dashboard only reads; {verb} {job} was not asked")


def _say(path: Path, left: Exit) -> int:
    with opened(path) as reader:
        snapshot = reader.snapshot(left.job or "")
    if snapshot is None:
        return 0
    if snapshot.job.state in ACTIVE and snapshot.engine is None:
        raise StoppedError(f"{path}: the engine of {left.job} has died; run the job again to continue")
    if snapshot.job.state in ACTIVE:
        say(_goes_on(path, left.job, draining=snapshot.job.state is JobState.DRAINING))
        return EXIT_OK if left.left in {Left.RUNNING, Left.ENDED} else EXIT_INTERRUPTED
    say_summary(snapshot)
    return snapshot.job.exit_code or 0


def _goes_on(path: Path, job: str | None, *, draining: bool = False) -> str:
    """Return what becomes of a job without a dashboard, and how to see it again."""
    elsewhere = "" if path == DEFAULT_DB else f" --db {path}"
    if job is None:
        return f"jobs go on; `batchtop{elsewhere}` returns to them"
    does, attached = ("drains", "shows") if draining else ("goes on", "returns to")
    return f"{job} {does}; `batchtop attach {job}{elsewhere}` {attached} it"
