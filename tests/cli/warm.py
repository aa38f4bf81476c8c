"""Commands that are quick to start: forked from a process that has imported all that any of them needs.

Each is a process of its own as any other is, in its own session; only the imports are done already, and nothing is
cleared that the system clears anyway. What is about how Python starts and ends needs a `program` started afresh.
Each line on the warm process's standard input is a command, answered with its pid, or asks for the wait status of one.
"""

import atexit
import gc
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

PACKAGES = ("batchtop.engine", "batchtop.tui", "batchtop.cli")
INTERPRETER = ("PYTHON", "LANG", "LC_")
"""What a variable's name begins with that Python reads as it starts."""


class Warm:
    """The process that commands are forked from."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        words = [sys.executable, "-P", __file__]
        self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environment, start_new_session=True)

    def start(self, words: list[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path) -> "Forked":
        """Start a command and return at once."""
        asked = {"words": words, "folder": folder, "environment": environment, "out": out, "err": err}
        return Forked(self, words, self.ask(asked))

    def ask(self, asked: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked, default=str).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Forked:
    """One command, with as much of `subprocess.Popen` as its callers use."""

    def __init__(self, warm: Warm, words: list[str], pid: int) -> None:
        self._warm = warm
        self.args = words
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(os.WNOHANG)

    def wait(self) -> int | None:
        return self._ended(0)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:  # its pid is its own for so long
            os.kill(self.pid, number)

    def _ended(self, how: int) -> int | None:
        if self.returncode is None:
            status = self._warm.ask([self.pid, how])
            self.returncode = None if status is None else os.waitstatus_to_exitcode(status)
        return self.returncode


def main() -> None:
    """Do what is asked until nobody is left who could; the processes that come of it are commands."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            import_module(found.name)
    gc.freeze()  # or each fork's collector looks through all of this, and writes to, and so copies, each page of it
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        if isinstance(asked, list):
            pid, status = os.waitpid(*asked)
            _tell(status if pid else None)
        else:
            _tell(os.fork() or _be(**asked))


def _tell(answer: int | None) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


def _be(words: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> NoReturn:
    """Take on all that a process has of its own, run the command line, and leave."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, (path, flags) in enumerate([(os.devnull, os.O_RDONLY), (out, os.O_WRONLY), (err, os.O_WRONLY)]):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv[1:] = words
    code = 1
    try:
        code = import_module("batchtop.cli.main").main()
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:  # noqa: BLE001 (told as Python tells it)
        traceback.print_exc()
    finally:
        _leave(code)


def _leave(code: Any) -> NoReturn:
    """End as Python does: wait for threads, do what was left for the end, and say all that was said."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()
