"""An engine in a process of its own, and jobs handed to it."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ..engine.ending import EXIT_INTERRUPTED
from ..engine.errors import BatchtopError, WorkspaceError
from ..engine.job import JobSpec
from ..engine.redo import Redo
from ..engine.store import commands
from ..engine.store.lock import owner
from .ask import answered, wait
from .draining import draining, flying, seen_in
from .follow import follow
from .say import LogFormat, say
from .signals import StopLadder, leave
from .tell import Report

START_S: Final = 15.0


def hand_over(path: Path, spec: JobSpec, wishes: Collection[str], redo: Redo) -> None:
    """Have an engine run the job: the one that has the workspace, or a new one that outlives this process.

    Raises RefusedError when it won't, WorkspaceError when none can be started.
    """
    asked = {"spec": msgspec.to_builtins(spec), "wishes": list(wishes), "redo": msgspec.to_builtins(redo)}
    number = commands.send(path, spec.name, "run", asked, "command line")
    engine: subprocess.Popen[bytes] | None = None

    def hopeless() -> bool:
        """Start an engine where there is none, and return whether that has failed."""
        nonlocal engine
        alone = owner(path) is None
        if engine is None and alone:
            engine = spawn(path)
        return alone and engine is not None and engine.poll() not in {None, 0}

    answer = wait(path, number, START_S, hopeless)
    if answer is None:
        raise _unanswered(path, spec.name)
    answered(answer)


def _unanswered(path: Path, name: str) -> WorkspaceError:
    """Return why nobody took a job, which has been taken back."""
    pid = owner(path)
    if pid is not None:
        return WorkspaceError(
            f"{path}: the engine (pid {pid}) did not answer within {START_S:g} s; {name} was not started"
        )
    return WorkspaceError(f"no engine could be started; see {log_path(path)}")


def spawn(path: Path) -> subprocess.Popen[bytes]:
    """Start an engine that ends when it has had nothing to do for a while; it hears no signal of this terminal."""
    words = [sys.executable, "-P", "-m", "batchtop.cli.main", "--db", str(path.absolute()), "--until-idle"]
    with log_path(path).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (our own program)
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def log_path(path: Path) -> Path:
    """Return where a detached engine writes what it has to say."""
    return path.with_name(f"{path.name}.log")


async def follow_elsewhere(path: Path, names: Sequence[str], report: Report) -> int:
    """Follow jobs in another process to their end and return the worst exit code; Ctrl-C drains, drops, leaves them."""
    steps = (("drain", "{}; once more to drop it"), ("cancel", "{}, which may have been billed; once more to leave it"))
    StopLadder((*(_asking(path, names, verb, told, report.log_format) for verb, told in steps), leave))
    ends = await asyncio.gather(*(follow(path, name, report) for name in names))
    return max(EXIT_INTERRUPTED if end.job.exit_code is None else end.job.exit_code for end in ends)


def _asking(path: Path, names: Sequence[str], verb: str, told: str, log_format: LogFormat) -> Callable[[], None]:
    def ask() -> None:
        seen = seen_in(path, names)
        what = draining(seen).removeprefix("draining ") if verb == "drain" else flying(seen, timed=False)
        try:
            for name in names:
                commands.send(path, name, verb, {}, "command line")
        except BatchtopError as error:
            say(str(error), log_format, kind="error")
        else:
            say(f"asked the engine to {verb} {', '.join(names)}: {told.format(what)}", log_format)

    return ask
