"""Asks a running engine for something and says what became of it: set, pause, resume, drain, cancel, retest, lane."""

import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ..engine.errors import BatchtopError, SettingError, UsageError, WorkspaceError
from ..engine.settings import Value, parse_assignments
from ..engine.snapshot import ACTIVE, JobRow
from ..engine.store import commands
from ..engine.store.lanes import lanes_of, switch_at_rest
from ..engine.store.lock import owner
from ..engine.ways import named
from .opened import opened

ANSWER_S: Final = 5.0
LOOK_S: Final = 0.02


class RefusedError(BatchtopError):
    """The engine did not do what it was asked; the text is its reason."""


def ask(options: Namespace) -> int:
    """Send a command that needs no values."""
    _job_of_an_engine(options)
    tell(options, options.command, {})
    return 0


def change(options: Namespace) -> int:
    """Send settings, or a preset's name and then settings; what is known to be wrong is told before either."""
    presets = [value.partition("=")[2] for value in options.values if value.startswith("preset=")]
    values = parse_assignments((value for value in options.values if not value.startswith("preset=")), where="set")
    if len(presets) > 1:
        raise UsageError(f"set: one preset at a time, not {' and '.join(presets)}")
    _check_budget(_job_of_an_engine(options), values)
    for preset in presets:
        tell(options, "preset", {"name": preset})
    if values:
        tell(options, "set", values)
    return 0


def lane(options: Namespace) -> int:
    """Switch a lane of a job off or on, for its next run where none is under way; a part of its name will do."""
    with opened(options.db) as reader:
        job, engine = reader.known_job(options.job), reader.engine()
    enabled = options.state == "on"
    if job.state in ACTIVE and engine is not None:
        tell(options, "lane", {"name": options.lane, "enabled": enabled})
    else:
        name = named(lanes_of(options.db, job), options.lane, job.name)
        switch_at_rest(options.db, job, name, enabled=enabled)
        print(f"{job.name}: {name} is {options.state} in its next run")
    return 0


def _check_budget(job: JobRow, values: Mapping[str, Value]) -> None:
    """Say no to a budget that the engine would refuse, before a preset has been loaded."""
    if values.get("cost") and job.cost is None:
        raise SettingError(
            f"set: cost = {values['cost']:g} can't be kept without prices: set task.price_in, and for chat"
            " task.price_out, in the job file (USD per million tokens), or for http task.price_per_request (USD)"
        )


def _job_of_an_engine(options: Namespace) -> JobRow:
    with opened(options.db) as reader:
        job = reader.known_job(options.job)
    if owner(options.db) is None:
        raise WorkspaceError(f"{options.db}: no engine is running; start {options.job} with `batchtop run`")
    return job


def tell(options: Namespace, verb: str, args: Mapping[str, object]) -> None:
    """Ask the engine for something and print what became of it; raises RefusedError for a no, or no answer."""
    number = commands.send(options.db, options.job, verb, args, "command line")
    answer = wait(options.db, number, ANSWER_S)
    if answer is None:
        raise RefusedError(f"{options.db}: the engine did not answer within {ANSWER_S:g} s; nothing was changed")
    print(f"{options.job}: {answered(answer).message}")


def wait(
    path: Path, command: int, patience_s: float, hopeless: Callable[[], bool] = lambda: False
) -> commands.Answered | None:
    """Return what became of a command; None where nobody looked at it for so long, or in vain, and it was taken back.

    `hopeless` is asked at each look whether nobody will answer any more.
    """
    deadline = time.monotonic() + patience_s
    while (answer := commands.answer(path, command)) is None:
        if hopeless() or time.monotonic() > deadline:
            return commands.call_back(path, command)
        time.sleep(LOOK_S)
    return answer


def answered(answer: commands.Answered) -> commands.Answered:
    """Return an answer that is a yes; raises RefusedError, with the engine's reason and exit code, for a no."""
    if answer.applied:
        return answer
    refusal = RefusedError(answer.message)
    refusal.exit_code = answer.exit_code or RefusedError.exit_code
    raise refusal
