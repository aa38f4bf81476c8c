"""The hook: a person's own command, called when a job ends or is in trouble. It can hold up and break nothing."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from ..engine.snapshot import Snapshot
from ..engine.text import clean, redact
from ..tui.words.notices import Notice
from .facts import facts

LIMIT_S: Final = 30.0
"""A call that takes longer is ended."""
_SHELL: Final = "/bin/sh"
_SAID_BYTES: Final = 2_000
_MOST_BYTES: Final = 10_000_000
"""A call that says more is ended: what it says is kept on the disk, which the workspace may need."""
_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Call:
    """What one call tells: variables of its environment, and the job as JSON on its standard input."""

    variables: Mapping[str, str]
    job: bytes


def call(notice: Notice, snapshot: Snapshot, path: Path) -> Call:
    """Return the call for a notice."""
    job = snapshot.job
    variables = {
        "BATCHTOP_JOB": job.name,
        "BATCHTOP_EVENT": notice.occasion,
        "BATCHTOP_MESSAGE": notice.text,
        "BATCHTOP_DONE": str(job.done),
        "BATCHTOP_FAILED": str(job.failed),
        "BATCHTOP_TOTAL": str(job.total),
        "BATCHTOP_EXIT_CODE": "" if job.exit_code is None else str(job.exit_code),
        "BATCHTOP_WORKSPACE": str(path.absolute()),
    }
    return Call(variables, json.dumps(facts(snapshot)).encode() + b"\n")


def environment(call: Call, base: Mapping[str, str], secret: Collection[str]) -> dict[str, str]:
    """Return the environment of a call: that of the engine, without the variables that hold its jobs' API keys."""
    return {name: value for name, value in base.items() if name not in secret} | dict(call.variables)


async def run(command: str, call: Call, environment: Mapping[str, str], limit_s: float = LIMIT_S) -> str:
    """Run the command and return what went wrong, nothing where nothing did; cancelled, it ends the command.

    Files are its standard streams: whatever it reads or writes, nobody waits for it.
    """
    try:
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            told.write(call.job)
            told.seek(0)
            process = await asyncio.create_subprocess_exec(
                *(_SHELL, "-c", command),
                stdin=told,
                stdout=said,
                stderr=said,
                env=environment,
                start_new_session=True,
            )
            wrong = await _end_of(process, said, limit_s)
            return wrong and wrong + _tail(said)
    except (OSError, ValueError) as error:
        return f"can't be run: {getattr(error, 'strerror', None) or error}"


async def _end_of(process: asyncio.subprocess.Process, said: BinaryIO, limit_s: float) -> str:
    """Wait until a call ends, or end it; return what went wrong."""
    try:
        async with asyncio.timeout(limit_s):
            while os.fstat(said.fileno()).st_size <= _MOST_BYTES:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        code = await process.wait()
                        return f"ended with exit code {code}" if code else ""
            return f"said more than {_MOST_BYTES // 1_000_000} MB and was ended"
    except TimeoutError:
        return f"took longer than {limit_s:g} s and was ended"
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End what still runs, and its children; what a hook has put into the background goes on when it ends itself."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _tail(said: BinaryIO) -> str:
    """Return the end of what a command said, fit to be shown."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID_BYTES))
    text = redact(clean(said.read().decode(errors="replace")))
    return f": {text}" if text else ""


def problem(command: str) -> str:
    """Return why a command can't be run, as far as that can be told without running it."""
    try:
        return _problem(command)
    except (OSError, ValueError) as error:  # as one that is too long, or holds a null byte
        return f"is no command line: {error}"


def _problem(command: str) -> str:
    checked = subprocess.run([_SHELL, "-n", "-c", command], capture_output=True, check=False)  # noqa: S603 (reads, runs nothing)
    if checked.returncode:
        return f"is no command line: {clean(checked.stderr.decode(errors='replace'))}"
    word = _program(command)
    if not word:
        return ""
    found = subprocess.run([_SHELL, "-c", 'command -v "$1"', _SHELL, word], capture_output=True, check=False)  # noqa: S603
    return "" if found.returncode == 0 else f"{word} is not there, or no program"


def _program(command: str) -> str:
    """Return the program that a command begins with, nothing where only the shell could tell."""
    with suppress(ValueError, RuntimeError):  # the latter: it is said to be in the home of nobody
        for word in shlex.split(command, comments=True):
            if "=" not in word:
                return "" if set(word) & set("$`(){};|&<>!") else str(Path(word).expanduser())
    return ""
