"""What the dashboard's wizard for new jobs needs of the command line: checking, planning and starting a job."""

import os
import shlex
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Final

from ..engine.errors import BatchtopError, StoppedError, UsageError
from ..engine.job import STDIN, JobSpec
from ..engine.jobfile import load_job
from ..engine.loading import Progress
from ..engine.plan.survey import survey
from ..engine.redo import PASSING
from ..tui.newjob.workbench import Finding, Told
from .arguments import DEFAULT_DB
from .opened import opened
from .plan.planned import planned
from .plan.text import plan_text
from .preflight import check_output, key_names, preflight, usable_key
from .run import adjusted
from .spawn import hand_over

_NOTHING_SAID: Final = Namespace(preset=None, set=[], output=None)


class Bench:
    """Works for one workspace as `batchtop plan` and `batchtop run` do."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def has_key(self, name: str) -> bool:
        """Return whether an environment variable holds something."""
        return bool(os.environ.get(name, "").strip())

    def check(self, text: str, path: Path) -> JobSpec:
        """Return the job that a job file with this text would describe at that place; raises BatchtopError."""
        return adjusted(load_job(path, text), _NOTHING_SAID)

    def findings(self, spec: JobSpec) -> tuple[Finding, ...]:
        """Return what stands against starting a job, or should be known."""
        return tuple(self._findings(spec))

    def _findings(self, spec: JobSpec) -> Iterator[Finding]:
        for text in dict.fromkeys(_refusals(spec)):
            yield Finding(text, hinders=True)
        if self._has(spec.name):
            yield Finding(
                f"a job {spec.name} is in this workspace: this one continues it, and asks what changed", hinders=False
            )
        elif _holds_something(spec.output.path):
            yield Finding(
                f"{spec.output.path}: holds something, which is never written over; name another", hinders=True
            )

    def _has(self, name: str) -> bool:
        if not self._workspace.exists():
            return False
        with opened(self._workspace) as reader:
            return reader.job(name) is not None

    def plan(self, spec: JobSpec, tell: Callable[[int, float], None], given_up: Event) -> Told:
        """Return what a run would do and cost; raises BatchtopError, and that soon after `given_up` is set."""

        def told(progress: Progress) -> None:
            if given_up.is_set():
                raise StoppedError("the plan was given up")
            tell(progress.rows, progress.share)

        found = survey(self._workspace, spec, tell=told)
        workspace = self._workspace if self._workspace.exists() else None
        plan = planned(spec, found, key_names(spec.task), workspace=workspace, fresh=False)
        return lambda cells: plan_text(plan, cells)

    def start(self, path: Path) -> str:
        """Have an engine run the job of a job file and return the job's name; raises BatchtopError."""
        spec = adjusted(load_job(path), _NOTHING_SAID)
        if spec.input.path == STDIN:
            raise UsageError(f"{path}: reads standard input, which a dashboard has not: run it from a command line")
        preflight(spec)
        hand_over(self._workspace, spec, (), PASSING)
        return spec.name

    def command(self, path: Path) -> str:
        """Return the command line that runs a job file."""
        words = ["batchtop", "run", os.path.relpath(path)]
        return shlex.join(words if self._workspace == DEFAULT_DB else [*words, "--db", str(self._workspace)])


def _refusals(spec: JobSpec) -> Iterator[str]:
    """Yield why a run would not begin."""
    for look in (usable_key, check_output, preflight):
        try:
            look(spec)
        except BatchtopError as error:
            yield str(error)


def _holds_something(path: str | None) -> bool:
    return path is not None and _size(path) > 0


def _size(path: str) -> int:
    """Return the bytes of a file, none where there is no such file."""
    try:
        return Path(path).stat().st_size if Path(path).is_file() else 0
    except OSError:
        return 0
