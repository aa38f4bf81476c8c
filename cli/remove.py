"""`batchtop rm`: takes a job and all that is kept of it out of the workspace, when that is really wanted."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Final

from ..engine.errors import UsageError
from ..engine.snapshot import JobRow
from ..engine.store.removal import Removed, check_idle, is_half_removed, left_at_provider, remove
from ..engine.text import clean
from ..tui.words.format import count, money, plural
from .opened import opened
from .say import say

TOLD_S: Final = 2.0


def rm(options: Namespace) -> int:
    """Remove a job once somebody has said yes to what would be lost; what was half removed needs no second yes."""
    with opened(options.db) as reader:
        job = None if is_half_removed(options.db, options.job) else reader.known_job(options.job)
    if job:
        check_idle(options.db, job.name, job.state)
    if left := left_at_provider(options.db, options.job):
        what = f"what {options.job} left at the provider goes on there, and may be billed"
        say(f"{what}, but nobody collects it once the job is removed: {', '.join(map(clean, left))}")
    if job and not _agreed(options, " ".join(filter(None, _lost(job)))):
        print("nothing was removed")
        return 0
    try:
        removed = remove(options.db, options.job, _Progress(options.job).tell)
    except KeyboardInterrupt:
        say(f"{options.job} may be half removed; `batchtop rm {options.job}` finishes it")
        raise
    print(f"{options.job}: {_told(removed)}")
    return 0


class _Progress:
    """Says now and then how far a long removal has come."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._told_at = time.monotonic()

    def tell(self, rows: int) -> None:
        if time.monotonic() - self._told_at >= TOLD_S:
            self._told_at = time.monotonic()
            say(f"removing {self._job}: {plural(rows, 'row')} are gone")


def _agreed(options: Namespace, lost: str) -> bool:
    """Return whether removing is wanted; raises UsageError where nobody is there to be asked."""
    if options.yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"rm: there is no terminal to ask on; --yes says yes to this: {lost}")
    print(f"{lost}\nremove it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _lost(job: JobRow) -> Iterator[str]:
    """Say what goes with a job, and what stays."""
    cost = f" that cost {money(job.cost)}" if job.cost else ""
    yield f"{job.name}: {plural(job.total, 'item')}, {plural(job.done, 'answer')}{cost}, and its history will be gone;"
    yield "other jobs that ask the same will have to pay for it;" if job.done else ""
    yield f"{clean(job.output)} stays" if job.output else "they are in no output file"


def _told(removed: Removed) -> str:
    rest = f"; {_megabytes(removed.kept)} of the workspace are free for what comes next" if removed.kept else ""
    return f"removed, {_megabytes(removed.given_back)} given back{rest}"


def _megabytes(size: int) -> str:
    return f"{count(size / 1e6)} MB" if size >= 10e6 else f"{size / 1e6:.1f} MB"
