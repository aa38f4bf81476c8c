"""Engines in processes of their own that are quick to start: forked from a process that has imported all they need.

Each line on the nursery's standard input is a wish for an engine, answered with its pid; an empty line waits for its
end, answered with how it ended.
"""

import asyncio
import gc
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn, Self

import msgspec
from batchtop.engine.engine import Engine
from batchtop.engine.errors import BatchtopError
from batchtop.engine.job import JobSpec


class Wish(msgspec.Struct):
    """An engine that runs one job to its end."""

    spec: JobSpec
    workspace: str
    said: str
    """A file for what the engine says at its end."""
    file_limit: int = 0
    """Bytes that a file may have, 0 for no limit: a disk that is full for a large file only."""


class Nursery:
    """Starts engines, one at a time: `async with Nursery() as nursery`."""

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-P", __file__, stdin=pipe, stdout=pipe)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()

    async def start(self, wish: Wish) -> int:
        """Start an engine and return its pid, which is its own until `ended` was called."""
        return await self._ask(msgspec.json.encode(wish))

    async def ended(self) -> int:
        """Wait for its end and return its exit code, the negative number of a signal that killed it."""
        return os.waitstatus_to_exitcode(await self._ask(b""))

    async def _ask(self, line: bytes) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + b"\n")
        return int(await self._process.stdout.readline())


def main() -> None:
    """Do what is wished, until nobody is left who could wish; an engine of theirs dies with them."""
    pid = 0
    gc.freeze()  # or each fork's collector looks through all of this, and writes to, and so copies, each page of it
    while line := sys.stdin.buffer.readline():
        if line.strip():
            pid = os.fork() or _live(msgspec.json.decode(line, type=Wish))
            _tell(pid)
        else:
            _tell(os.waitpid(pid, 0)[1])
            pid = 0
    if pid:
        os.kill(pid, signal.SIGKILL)


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _live(wish: Wish) -> NoReturn:
    code = 70
    try:
        os.dup2(os.open(wish.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
        if wish.file_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (wish.file_limit, wish.file_limit))
        code = asyncio.run(_run(wish))
    except BatchtopError as error:
        sys.stderr.write(f"{error}\n")
        code = error.exit_code
    except BaseException:  # noqa: BLE001 (told, and then the process is gone)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _run(wish: Wish) -> int:
    async with Engine(Path(wish.workspace), environment={}) as engine:
        end = await engine.run(wish.spec)
    sys.stderr.write(end.reason)
    return end.exit_code


if __name__ == "__main__":
    main()
