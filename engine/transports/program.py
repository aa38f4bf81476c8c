"""A program that runs: what it is given, what it answers, and an end to it and all that it has started."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, SubprocessStreamProtocol
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from ..outcome import Outcome
from ..text import clean
from .transport import TransportError

MOST_BYTES: Final = 64 * 2**20
"""A longer answer is not taken."""
_PIECE: Final = 2**16
_SAID_BYTES: Final = 4_000
"""Of what it writes to standard error the end is kept."""
_LINGER_S: Final = 2.0
"""A daemon that it has left behind may keep its output open for so long."""
_TRY_AGAIN: Final = os.EX_TEMPFAIL
_FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_THE_ITEM_S: Final = frozenset({errno.E2BIG, errno.EINVAL})
"""Errors of starting a program that its words are to blame for; another try mends the others, if anything does."""


class _Pipes(SubprocessStreamProtocol):
    """The streams of a program, and its end, which they may outlast."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(_PIECE, loop)
        self.ended = loop.create_future()

    def process_exited(self) -> None:
        """Be told that the program has ended, whoever else may have its pipes open."""
        super().process_exited()
        self.ended.set_result(None)


class LeftError(TransportError):
    """A program ended by itself, without a word to what it was given last."""


class Reaper:
    """Knows which programs run, and ends them should this process be killed."""

    def __init__(self) -> None:
        here = Path(__file__).with_name("reaper.py")
        self._process = subprocess.Popen(  # noqa: S603 (this Python, and a file beside this one)
            [sys.executable, "-I", "-S", str(here)],
            stdin=PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    def begun(self, group: int) -> None:
        """Look after a group of processes."""
        self._tell(f"+{group}\n")

    def over(self, group: int) -> None:
        """Look after it no more."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let it go."""
        with suppress(OSError):
            self._process.communicate()

    def _tell(self, line: str) -> None:
        if stdin := self._process.stdin:
            with suppress(OSError):  # somebody has killed it
                stdin.write(line)


class Program:
    """One program, in a group of processes of its own."""

    def __init__(self, name: str, transport: asyncio.SubprocessTransport, pipes: _Pipes, reaper: Reaper) -> None:
        self._name = name
        self._transport = transport
        self._group = transport.get_pid()
        self._pipes = pipes
        self._reaper = reaper
        self._said = b""
        reaper.begun(self._group)
        self._listening = asyncio.create_task(self._listen())
        self._clearing = asyncio.create_task(self._clear_up())
        self._feeding: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, words: Sequence[str], folder: str, reaper: Reaper) -> Self:
        """Start a program; raises TransportError. One that is not wanted any more once it is there is ended."""
        starting = asyncio.create_task(cls._start(words, folder, reaper))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with suppress(TransportError):
                await (await starting).end()
            raise

    @classmethod
    async def _start(cls, words: Sequence[str], folder: str, reaper: Reaper) -> Self:
        try:
            transport, pipes = await asyncio.get_running_loop().subprocess_exec(
                _Pipes, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=folder or None, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise _not_started(words[0], error) from error
        return cls(words[0], transport, pipes, reaper)

    async def finish(self, given: bytes) -> bytes:
        """Give it all its input, and return all it answers until it ends; raises TransportError."""
        self._feed(given, close=True)
        pieces: list[bytes] = []
        while piece := await self._piece(sum(map(len, pieces))):
            pieces.append(piece)
        if code := await self._code():
            raise self._failed(code)
        return b"".join(pieces)

    async def lines(self, given: bytes, count: int) -> list[bytes]:
        """Give it some lines, and return as many of its answer while it stays; raises TransportError."""
        self._feed(given)
        pieces: list[bytes] = []
        missing = count
        while missing > 0:
            piece = await self._piece(sum(map(len, pieces)))
            if not piece:
                raise await self._gone(count - missing, count)
            pieces.append(piece)
            missing -= piece.count(b"\n")
        *found, rest = b"".join(pieces).split(b"\n", count)
        if rest:
            raise self._out_of_step()
        return found

    async def ready(self) -> bool:
        """Return whether it waits for more, False once it has ended; raises TransportError where it goes on talking."""
        try:
            async with asyncio.timeout(0):
                piece = await self._piece(0)
        except TimeoutError:
            return not self._pipes.ended.done()
        if piece:
            raise self._out_of_step()
        return False

    async def end(self, within_s: float = 0.0) -> None:
        """End it and all that it has started, if they still run; so long it may take to end by itself."""
        if within_s and self._pipes.stdin:
            self._pipes.stdin.close()
            await asyncio.wait({self._clearing}, timeout=within_s)
        if not self._pipes.ended.done():
            self._kill()
        await self._clearing
        for task in (self._listening, self._feeding):
            if task:
                task.cancel()
        self._transport.close()
        await asyncio.sleep(0)  # then its pipes are closed too

    # ── inside ──

    def _feed(self, given: bytes, *, close: bool = False) -> None:
        """Write beside what is read, so that neither waits for the other."""
        self._feeding = asyncio.create_task(self._write(given, close=close))

    async def _write(self, given: bytes, *, close: bool) -> None:
        stdin = self._pipes.stdin
        if stdin is None:
            return
        with suppress(OSError):  # it may well end without reading all
            stdin.write(given)
            await stdin.drain()
        if close:
            stdin.close()

    async def _piece(self, had: int) -> bytes:
        piece = await self._pipes.stdout.read(_PIECE) if self._pipes.stdout else b""
        if had + len(piece) > MOST_BYTES:
            raise self._error(Outcome.SHORT_REPLY, f"answered more than {MOST_BYTES // 2**20} MiB")
        return piece

    async def _listen(self) -> None:
        """Keep the end of what it says on standard error."""
        while self._pipes.stderr and (piece := await self._pipes.stderr.read(_PIECE)):
            self._said = (self._said + piece)[-_SAID_BYTES:]

    async def _clear_up(self) -> None:
        """Once it has ended, end what it has left in the background: that would keep the pipes open."""
        await asyncio.shield(self._pipes.ended)
        self._kill()
        self._reaper.over(self._group)
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    async def _code(self) -> int:
        await asyncio.shield(self._pipes.ended)
        await self._listening
        return self._transport.get_returncode() or 0

    def _kill(self) -> None:
        with suppress(OSError):
            os.killpg(self._group, signal.SIGKILL)

    async def _gone(self, had: int, count: int) -> TransportError:
        """Return what became of a program that should have stayed."""
        if code := await self._code():
            return self._failed(code)
        error = self._error(Outcome.SHORT_REPLY, f"ended by itself after {had} of {count} lines")
        return error if had else LeftError(error.outcome, str(error))

    def _out_of_step(self) -> TransportError:
        return self._error(Outcome.BAD_ITEM, "answers more lines than it is given")

    def _failed(self, code: int) -> TransportError:
        if code == _TRY_AGAIN:
            return self._error(Outcome.OVERLOADED, f"ended with exit code {code}, which asks for another try")
        if code > 0:
            return self._error(Outcome.BAD_ITEM, f"ended with exit code {code}")
        name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
        if -code in _FROM_OUTSIDE:
            return self._error(Outcome.OVERLOADED, f"was killed ({name})")
        return self._error(Outcome.BAD_ITEM, f"crashed ({name})")

    def _error(self, outcome: Outcome, told: str) -> TransportError:
        said = [line for line in map(clean, self._said.decode(errors="replace").splitlines()) if line]
        return TransportError(outcome, f"{self._name} {told}{f': {said[-1]}' if said else ''}")


def _not_started(name: str, error: OSError | ValueError) -> TransportError:
    if isinstance(error, ValueError):  # a null byte
        return TransportError(Outcome.BAD_ITEM, f"{name} can't be started: {error}")
    outcome = Outcome.BAD_ITEM if error.errno in _THE_ITEM_S else Outcome.OVERLOADED
    return TransportError(outcome, f"{name} can't be started: {error.strerror or error}")
