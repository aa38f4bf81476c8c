"""Programs of the user's own: started for each item, for each batch, or kept and asked line by line."""

import asyncio
import os
import shutil
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ..errors import TaskError
from ..outcome import Outcome
from ..tasks.local import Result
from ..taskspec import CommandSpec
from ..text import safe
from .program import LeftError, Program, Reaper
from .transport import Request, Response, TransportError

_GRACE_S: Final = 2.0
"""A program that was kept has so long to end, once it is told by the end of its input that nothing more comes."""


class _Given(Struct):
    """What a program is started with for one item."""

    words: tuple[str, ...]
    stdin: Raw


class CommandTransport:
    """Answers each call with what a program says; raises TaskError when it is not there."""

    def __init__(self, spec: CommandSpec) -> None:
        _check(spec)
        self._spec = spec
        self._idle: list[Program] = []
        self._running = set[Program]()
        self._reaper = Reaper()

    @property
    def connections(self) -> int:
        """None are its own."""
        return 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Return what the program makes of the items in the request; raises TransportError."""
        try:
            async with asyncio.timeout(timeout_s):
                answers = await self._answers(request.body)
        except TimeoutError:
            told = f"{self._spec.command[0]} took longer than {timeout_s:g} s and was ended"
            raise TransportError(Outcome.TIMEOUT, told) from None
        except TransportError as error:
            raise TransportError(error.outcome, safe(str(error))) from None
        return Response(200, {}, msgspec.json.encode([Result(output=Raw(_json(each))) for each in answers]))

    async def aclose(self) -> None:
        """End every program that still runs."""
        idle = set(self._idle)
        await asyncio.gather(*(program.end(_GRACE_S if program in idle else 0.0) for program in self._running))
        await asyncio.to_thread(self._reaper.close)

    async def _answers(self, body: bytes) -> list[bytes]:
        match self._spec.takes:
            case "item":
                return [await self._once(each.words, _text(each.stdin)) for each in _items(body)]
            case "batch":
                return _lines_of(await self._once(self._spec.command, _lines(body)[0]))
            case "stream":
                return await self._kept(*_lines(body))

    async def _once(self, words: tuple[str, ...], given: bytes) -> bytes:
        program = await self._start(words)
        try:
            return await program.finish(given)
        finally:
            await self._end(program)

    async def _kept(self, given: bytes, count: int) -> list[bytes]:
        """Ask a program that has nothing to do, or one more."""
        if program := await self._waiting():
            with suppress(LeftError):  # it was about to end
                return await self._ask(program, given, count)
        return await self._ask(await self._start(self._spec.command), given, count)

    async def _ask(self, program: Program, given: bytes, count: int) -> list[bytes]:
        try:
            lines = await program.lines(given, count)
        except BaseException:
            await self._end(program)
            raise
        self._idle.append(program)
        return lines

    async def _waiting(self) -> Program | None:
        while self._idle:
            program = self._idle.pop()
            try:
                if await program.ready():
                    return program
            except TransportError:
                await self._end(program)
                raise
            await self._end(program)
        return None

    async def _start(self, words: tuple[str, ...]) -> Program:
        program = await Program.start(words, self._spec.path, self._reaper)
        self._running.add(program)
        return program

    async def _end(self, program: Program) -> None:
        await program.end()
        self._running.discard(program)


_items: Final = msgspec.json.Decoder(list[_Given]).decode
_raws: Final = msgspec.json.Decoder(list[Raw]).decode


def _text(stdin: Raw) -> bytes:
    """Return a text as it is, and fields as a line of JSON."""
    value = msgspec.json.decode(stdin)
    return value.encode() if isinstance(value, str) else bytes(stdin) + b"\n"


def _lines(body: bytes) -> tuple[bytes, int]:
    """Return a line of JSON for each item, and how many there are."""
    items = _raws(body)
    return b"".join(bytes(each) + b"\n" for each in items), len(items)


def _lines_of(answer: bytes) -> list[bytes]:
    return answer.removesuffix(b"\n").split(b"\n") if answer else []


def _json(answer: bytes) -> bytes:
    """Return an answer as JSON on one line: what is JSON stays, and all else is a text."""
    try:
        msgspec.json.decode(answer)
        return msgspec.json.format(answer, indent=-1)
    except (ValueError, RecursionError):
        return msgspec.json.encode(answer.decode(errors="replace").strip())


def _check(spec: CommandSpec) -> None:
    """Raise TaskError unless the program is there, as seen from the folder that it is started in."""
    name = spec.command[0]
    place = os.path.join(spec.path, name) if os.sep in name else name  # noqa: PTH118 (keeps a leading ./)
    if shutil.which(place):
        return
    if os.sep not in name:
        raise TaskError(f"task.command: no program {name!r} is installed here: install it, or write its path")
    told = "is not executable: chmod +x it, or begin with its interpreter" if os.path.exists(place) else "is not there"  # noqa: PTH110
    raise TaskError(f"task.command: {place} {told}")
