"""Worker processes: each has one call at a time and a socket of its own, so that one that dies takes no other along.

A pool of concurrent.futures gives up every call when one process dies. Pebble's does not, and takes as long for a call
(290 us); but a busy worker of its outlives a killed engine, as does what a function started, and multiprocessing has
each worker import the program anew that embeds the engine.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, Self

import msgspec

from ...errors import TaskError
from ...outcome import Outcome
from ...taskspec import PythonSpec
from ..transport import TransportError
from .line import CALL, GOOD, HEAD, Failure, Frame, Setup, receive

START_S: Final = 300.0
"""So long a worker may take to import a module."""
_END_S: Final = 2.0
_STDERR: Final = 2


class Worker:
    """One process; made in a thread, asked from the event loop."""

    def __init__(self, spec: PythonSpec) -> None:
        self._socket, theirs = socket.socketpair()
        words = [sys.executable, "-P", "-m", f"{__package__}.worker", str(theirs.fileno())]
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 (our own program)
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=_STDERR,  # data alone goes to standard output, and what a function prints is none
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError:
                self._socket.close()
                raise
        self._line: tuple[StreamReader, StreamWriter] | None = None
        self._setup = Frame(CALL, msgspec.json.encode(Setup(spec, sys.path)))

    @classmethod
    def start(cls, spec: PythonSpec) -> Self:
        """Return a process that looks for its function; raises TaskError where there can be none."""
        try:
            return cls(spec)
        except OSError as error:
            raise TaskError(f"task.call: no process can be started for {spec.call}: {error.strerror}") from error

    def introduce(self, spec: PythonSpec) -> Self:
        """Return once it has found its function; raises TaskError where it has not, and it has then ended."""
        try:
            self._introduce(spec)
        except BaseException:
            self.hang_up()
            self.end()
            raise
        return self

    def _introduce(self, spec: PythonSpec) -> None:
        self._socket.settimeout(START_S)
        try:
            self._socket.sendall(self._setup.packed())
            answer = receive(self._socket)
        except TimeoutError:
            raise TaskError(f"task.call: {spec.call} can't be used: its import took over {START_S:g} s") from None
        except OSError:
            code = self.end()
            raise TaskError(
                f"task.call: {spec.call} can't be used: its import ended the process (exit code {code})"
            ) from None
        if answer.kind != GOOD:
            raise TaskError(answer.body.decode())

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    async def ask(self, body: bytes, timeout_s: float) -> Frame:
        """Return the answer to a call; raises EOFError or ConnectionError when the process is gone."""
        if self._line is None:
            self._socket.setblocking(False)  # noqa: FBT003 (what it is called)
            self._line = await asyncio.open_unix_connection(sock=self._socket)
        reader, writer = self._line
        writer.write(Frame(CALL, body, timeout_s).packed())
        await writer.drain()
        kind, _, length = HEAD.unpack(await reader.readexactly(HEAD.size))
        return Frame(kind, await reader.readexactly(length))

    def hang_up(self) -> None:
        """Have it end by itself, for want of anybody to work for."""
        if self._line:
            self._line[1].close()
        else:
            self._socket.close()

    def kill(self) -> None:
        """End it at once, and whatever its function has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self, within_s: float = _END_S) -> int:
        """Wait until it has ended, by force if that takes too long, and return its exit code."""
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self.kill()  # what it has left behind
        return code


class Processes:
    """So many workers at most, started when they are needed, and replaced when they die."""

    def __init__(self, spec: PythonSpec, most: int) -> None:
        self._spec = spec
        self._free = asyncio.Semaphore(most)
        self._idle = [Worker.start(spec).introduce(spec)]
        self._starting = set[Worker]()
        self._closed = False
        self._chores: set[asyncio.Task[Any]] = set()

    async def run(self, body: bytes, timeout_s: float) -> bytes:
        """Return the answer to a call; TimeoutError after so long in its worker, which is then replaced."""
        async with self._free:
            worker = await self._worker()
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await worker.ask(body, timeout_s)
            except (EOFError, ConnectionError):
                raise TransportError(Outcome.BAD_ITEM, _killed(await self._end(worker))) from None
            except BaseException:
                worker.kill()
                self._chore(self._end(worker))
                raise
            self._idle.append(worker)
        if answer.kind != GOOD:
            failure = msgspec.json.decode(answer.body, type=Failure)
            raise TransportError(Outcome(failure.outcome), failure.message)
        return answer.body

    async def aclose(self) -> None:
        """Let every worker end; nobody waits for one that is still at its import."""
        self._closed = True
        for worker in self._starting:
            worker.kill()
        await asyncio.gather(*self._chores, return_exceptions=True)
        for worker in self._idle:
            worker.hang_up()
        await asyncio.gather(*(self._end(worker) for worker in self._idle))
        self._idle.clear()

    async def _worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._chore(self._end(worker))
        starting = self._chore(self._start())
        try:
            return await asyncio.shield(starting)
        except TaskError as error:
            raise TransportError(Outcome.CONNECTION, str(error)) from None
        except asyncio.CancelledError:  # nobody waits for it now: it is for whoever comes next
            starting.add_done_callback(self._keep)
            raise

    async def _start(self) -> Worker:
        worker = await asyncio.to_thread(Worker.start, self._spec)
        self._starting.add(worker)
        try:
            if self._closed:
                worker.kill()
            return await asyncio.to_thread(worker.introduce, self._spec)
        finally:
            self._starting.discard(worker)

    def _keep(self, started: "asyncio.Task[Worker]") -> None:
        if not started.cancelled() and not started.exception():
            self._idle.append(started.result())

    async def _end(self, worker: Worker) -> int:
        code = await asyncio.to_thread(worker.end)
        worker.hang_up()
        return code

    def _chore(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        chore = asyncio.create_task(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)
        return chore


def _killed(code: int) -> str:
    why = "; is there too little memory?" if code == -signal.SIGKILL else ""
    return f"the function killed its worker process (exit code {code}){why}"
