"""`batchtop run`, `attach` and the bare `batchtop`: brings a job, an engine and somebody to watch together."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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
from .wanted import Wanted, arranged, standard_input

if TYPE_CHECKING:
    from .tell import Report

STDOUT: Final = "-"


def run(options: Namespace) -> int:
    """Run the jobs of job files, at the same time, or hand them to the engine that runs already."""
    specs = arranged(options, [adjusted(load_job(file), options) for file in options.job_files])
    stdin = standard_input(options, specs, on_terminal=_has_terminal())
    return start(options, specs, Redo(fresh=True) if options.fresh else PASSING, stdin)


def attach(options: Namespace) -> int:
    """Open the dashboard on a workspace."""
    _need_terminal()
    from .habits import habits
    from .watch import watch

    if options.job:
        with opened(options.db) as reader:
            reader.known_job(options.job)
    return watch(options.db, [options.job] if options.job else [], habits(options))


def home(options: Namespace) -> int:
    """Run an engine for whatever comes, or open the list of jobs."""
    if options.no_ui or options.until_idle:
        from .serve import serve

        return serve(options)
    _need_terminal()
    from .habits import habits
    from .watch import watch

    return watch(options.db, [], habits(options))


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


def start(
    options: Namespace, specs: Sequence[JobSpec], redo: Redo = PASSING, stdin: Mapping[str, int] = MappingProxyType({})
) -> int:
    """Start jobs, with a dashboard where there is a terminal and nobody said no; `redo` is what they do again.

    `stdin` says which of them reads standard input.
    """
    for spec in specs:
        preflight(spec)
    results = _on_stdout(specs)
    if results:  # standard output is this process's, not the engine's
        specs = [msgspec.structs.replace(specs[0], output=msgspec.structs.replace(specs[0].output, path=None))]
    wanted = [Wanted(spec, wishes_of(options, spec), redo, stdin.get(spec.name)) for spec in specs]
    if options.no_ui or results or not _has_terminal():
        from .tell import Report

        return _headless(options, wanted, Report(options.log_format, results, several=len(wanted) > 1))
    from .habits import habits
    from .spawn import hand_over
    from .watch import watch

    liked = habits(options)  # what is wrong with them is to be known before the job starts
    for each in wanted:
        hand_over(options.db, each.spec, each.wishes, redo)
    return watch(options.db, [spec.name for spec in specs], liked)


def _on_stdout(specs: Sequence[JobSpec]) -> bool:
    """Return whether results go to standard output; raises UsageError where those of several jobs would."""
    names = [spec.name for spec in specs if spec.output.path == STDOUT]
    if names and len(specs) > 1:
        raise UsageError(f"{names[0]}: output.path: standard output is for one job alone; name a file")
    return bool(names)


def _headless(options: Namespace, wanted: Sequence[Wanted], report: "Report") -> int:
    """Run the jobs in this process, or follow them in the engine that has the workspace."""
    from .serve import run_here

    if owner(options.db) is None:
        try:
            return run_here(options.db, wanted, report)
        except WorkspaceBusyError:  # another one was quicker by a moment
            if any(each.stdin is not None for each in wanted):
                raise
    from .spawn import follow_elsewhere, hand_over

    for each in wanted:
        hand_over(options.db, each.spec, each.wishes, each.redo)
        say(f"{each.spec.name} runs in the engine with pid {owner(options.db)}", report.log_format)
    return asyncio.run(follow_elsewhere(options.db, [each.spec.name for each in wanted], report))


def wishes_of(options: Namespace, spec: JobSpec) -> Collection[str]:
    """Return the settings asked for on this command line: they win over live changes of an earlier run."""
    asked = set(parse_assignments(getattr(options, "set", ())))
    if getattr(options, "preset", None):
        asked |= {key for layer in spec.layers if layer.origin.startswith("preset ") for key in layer.values}
    return sorted(asked)


def _has_terminal() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())


def _need_terminal() -> None:
    """Raise UsageError unless the dashboard can be drawn: on a terminal, or where it is told to (`batchtop web`)."""
    if not _has_terminal() and "TEXTUAL_DRIVER" not in os.environ:
        raise UsageError("there is no terminal for the dashboard; `--no-ui`, `ps` and `status` need none")
