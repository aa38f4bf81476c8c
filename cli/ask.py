"""Asks a running engine for something and says what became of it: set, pause, resume, drain, cancel."""

import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from ..engine.errors import BatchtopError, WorkspaceError
from ..engine.settings import parse_assignments
from ..engine.store import commands
from ..engine.store.lock import owner
from ..engine.store.reader import Reader

ANSWER_S = 5.0


class RefusedError(BatchtopError):
    """The engine did not do what it was asked; the text is its reason."""


def ask(options: Namespace) -> int:
    """Send a command that needs no values."""
    return _tell(options, options.command, {})


def change(options: Namespace) -> int:
    """Send settings, or a preset's name and then settings."""
    presets = [value.partition("=")[2] for value in options.values if value.startswith("preset=")]
    values = parse_assignments((value for value in options.values if not value.startswith("preset=")), where="set")
    for preset in presets:
        _tell(options, "preset", {"name": preset})
    return _tell(options, "set", values) if values else 0


def _tell(options: Namespace, verb: str, args: Mapping[str, object]) -> int:
    with Reader(options.db) as reader:
        reader.known_job(options.job)
    if owner(options.db) is None:
        raise WorkspaceError(f"{options.db}: no engine is running; start {options.job} with `batchtop run`")
    print(f"{options.job}: {deliver(options.db, options.job, verb, args).message}")
    return 0


def deliver(path: Path, job: str, verb: str, args: Mapping[str, object]) -> commands.Answered:
    """Send a command and return the engine's answer; raises RefusedError when that is a no, or does not come."""
    number = commands.send(path, job, verb, args, "command line")
    deadline = time.monotonic() + ANSWER_S
    while (answer := commands.answer(path, number)) is None:
        if time.monotonic() > deadline and commands.withdraw(path, number):
            raise RefusedError(f"{path}: the engine did not answer within {ANSWER_S:g} s; nothing was changed")
        time.sleep(0.02)
    return answered(answer)


def answered(answer: commands.Answered) -> commands.Answered:
    """Return an answer that is a yes; raises RefusedError, with the engine's reason and exit code, for a no."""
    if answer.applied:
        return answer
    refusal = RefusedError(answer.message)
    refusal.exit_code = answer.exit_code or RefusedError.exit_code
    raise refusal
