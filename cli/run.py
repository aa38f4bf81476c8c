"""`batchtop run`, `attach` and the bare `batchtop`: brings a job, an engine and somebody to watch together."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ..engine.errors import UsageError
from ..engine.job import JobSpec, assemble
from ..engine.jobfile import load_job
from ..engine.presets import load_presets
from ..engine.redo import PASSING, Redo
from ..engine.settings import parse_assignments
from ..engine.store.lock import WorkspaceBusyError, owner
from .opened import opened
from .preflight import preflight
from .say import say

STDOUT: Final = "-"


def run(options: Namespace) -> int:
    """Run the job of a job file, or hand it to the engine that runs already."""
    return start(options, job_of(options), Redo(fresh=True) if options.fresh else PASSING)


def attach(options: Namespace) -> int:
    """Open the dashboard on a workspace."""
    _need_terminal()
    from .habits import habits
    from .watch import watch

    if options.job:
        with opened(options.db) as reader:
            reader.known_job(options.job)
    return watch(options.db, options.job, habits(options))


def home(options: Namespace) -> int:
    """Run an engine for whatever comes, or open the list of jobs."""
    if options.no_ui or options.until_idle:
        from .serve import serve

        return serve(options)
    _need_terminal()
    from .habits import habits
    from .watch import watch

    return watch(options.db, None, habits(options))


def job_of(options: Namespace) -> JobSpec:
    """Return the job of a job file, with all that the command line and the environment say of it."""
    return adjusted(load_job(options.job_file), options)


def adjusted(spec: JobSpec, options: Namespace) -> JobSpec:
    """Return a job with the settings and the output that the command line wants."""
    layers = assemble(
        spec, presets=load_presets(), preset=options.preset, environment=os.environ, assignments=options.set
    )
    wanted: str | None = getattr(options, "output", None)
    path = str(Path(wanted).absolute()) if wanted and wanted != STDOUT else wanted or spec.output.path
    return msgspec.structs.replace(
        spec,
        preset=options.preset or spec.preset,
        layers=layers,
        output=msgspec.structs.replace(spec.output, path=path),
    )


def start(options: Namespace, spec: JobSpec, redo: Redo = PASSING) -> int:
    """Start a job, with a dashboard where there is a terminal and nobody said no; `redo` is what it does again."""
    preflight(spec)
    results = spec.output.path == STDOUT
    if results:  # standard output is this process's, not the engine's
        spec = msgspec.structs.replace(spec, output=msgspec.structs.replace(spec.output, path=None))
    if options.no_ui or results or not _has_terminal():
        return _headless(options, spec, redo, results=results)
    from .habits import habits
    from .spawn import hand_over
    from .watch import watch

    liked = habits(options)  # what is wrong with them is to be known before the job starts
    hand_over(options.db, spec, _wishes(options, spec), redo)
    return watch(options.db, spec.name, liked)


def _headless(options: Namespace, spec: JobSpec, redo: Redo, *, results: bool) -> int:
    """Run the job in this process, or follow it in the engine that has the workspace."""
    from .serve import run_here
    from .tell import Report

    report = Report(options.log_format, results)
    if owner(options.db) is None:
        with suppress(WorkspaceBusyError):  # another one was quicker by a moment
            return run_here(options.db, spec, _wishes(options, spec), redo, report)
    from .spawn import follow_elsewhere, hand_over

    hand_over(options.db, spec, _wishes(options, spec), redo)
    say(f"{spec.name} runs in the engine with pid {owner(options.db)}", report.log_format)
    return asyncio.run(follow_elsewhere(options.db, spec.name, report))


def _wishes(options: Namespace, spec: JobSpec) -> Collection[str]:
    """Return the settings asked for on this command line: they win over live changes of an earlier run."""
    asked = set(parse_assignments(getattr(options, "set", ())))
    if getattr(options, "preset", None):
        asked |= {key for layer in spec.layers if layer.origin.startswith("preset ") for key in layer.values}
    return sorted(asked)


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _need_terminal() -> None:
    """Raise UsageError unless the dashboard can be drawn: on a terminal, or where it is told to (`batchtop web`)."""
    if not _has_terminal() and "TEXTUAL_DRIVER" not in os.environ:
        raise UsageError("there is no terminal for the dashboard; `--no-ui`, `ps` and `status` need none")
