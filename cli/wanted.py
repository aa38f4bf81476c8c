"""The jobs that one command line wants: read, put in their order, and looked at before anything starts."""

import sys
from argparse import Namespace
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..engine.errors import UsageError
from ..engine.job import STDIN, JobSpec
from ..engine.pipeline import in_order, no_upstream
from ..engine.redo import Redo
from ..engine.store.lock import owner
from .opened import opened


class Wanted(NamedTuple):
    """A job to run."""

    spec: JobSpec
    wishes: Collection[str] = ()
    """Settings asked for on the command line."""
    redo: Redo = Redo()
    stdin: int | None = None
    """What it reads as standard input, if it does."""


def arranged(options: Namespace, jobs: Sequence[JobSpec]) -> list[JobSpec]:
    """Return jobs in the order in which they start; raises UsageError where one can't."""
    if len(jobs) > 1 and options.output:
        raise UsageError(f"-o {options.output}: is for one job; give each of these an output.path in its job file")
    names = {job.name for job in jobs}
    for job in jobs:
        if job.input.job is not None and job.input.job not in names:
            _check_known(options, job.name, job.input.job)
    return in_order(jobs)


def _check_known(options: Namespace, name: str, upstream: str) -> None:
    known: set[str] = set()
    if options.db.exists():
        with opened(options.db) as reader:
            known = {job.name for job in reader.jobs()}
    if upstream not in known:
        raise no_upstream(name, upstream, known)


def standard_input(options: Namespace, jobs: Sequence[JobSpec], *, on_terminal: bool) -> dict[str, int]:
    """Return who reads standard input, by name; raises UsageError where that can't be."""
    readers = [job.name for job in jobs if job.input.path == STDIN]
    if not readers:
        return {}
    if len(readers) > 1:
        raise UsageError(f"{' and '.join(readers)} all read standard input, and only one job can")
    if on_terminal and not options.no_ui:
        raise UsageError(
            f"{readers[0]} reads standard input, which is this terminal: pipe its rows in, as in"
            f" `tail -f rows.jsonl | batchtop run ...`, or type them with --no-ui"
        )
    if (pid := owner(options.db)) is not None:
        raise UsageError(
            f"{options.db}: the engine with pid {pid} has this workspace, and can't read the standard input of this"
            f" process: give {readers[0]} a workspace of its own with --db, or its rows in a file"
        )
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] (it is None where the process was given none)
        raise UsageError(f"{readers[0]} reads standard input, and this process has none")
    return {readers[0]: sys.stdin.fileno()}
