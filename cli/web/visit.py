"""One dashboard for one page in a browser: our own program, and what passes between the two."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

from aiohttp import WSMsgType, web

GRACE_S: Final = 3.0
"""A dashboard closes within this when it is asked to."""
MOST_CELLS: Final = 1_000
_READY: Final = b"__GANGLION__\n"
_PACKET_BYTES: Final = 4
_SAID_BYTES: Final = 2_000

DRIVER: Final[Mapping[str, str]] = {
    "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
    "TEXTUAL_COLOR_SYSTEM": "truecolor",
    "TERM": "xterm-256color",
    "LC_ALL": "C.UTF-8",
}
"""What tells textual that a browser is its terminal, whatever terminal the server was started in."""
_TERMINALS: Final = frozenset({"TMUX", "STY", "SSH_TTY", "SSH_CONNECTION", "SSH_CLIENT"})


async def visit(words: Sequence[str], socket: web.WebSocketResponse, columns: str, rows: str) -> str:
    """Run a dashboard until it, or its page, is closed; return what it had to say when it could not start."""
    environment = {name: value for name, value in os.environ.items() if name not in _TERMINALS}
    size = {"COLUMNS": str(_cells(columns, 80)), "ROWS": str(_cells(rows, 24))}
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environment, **DRIVER, **size},
        start_new_session=True,
    )
    assert process.stdin and process.stdout and process.stderr, "they are pipes"  # noqa: S101, PT018
    ways = [
        asyncio.create_task(_to_page(process.stdout, socket)),
        asyncio.create_task(_from_page(process.stdin, socket)),
    ]
    saying = asyncio.create_task(_said(process.stderr))
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await _close(process)
    said = await saying
    return said if process.returncode not in {0, 130} else ""


async def _to_page(out: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    """Carry what the dashboard draws to the page, until it is closed."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await out.readuntil(_READY)
        while True:
            head = await out.readexactly(1 + _PACKET_BYTES)
            body = await out.readexactly(int.from_bytes(head[1:], "big"))
            if head[:1] == b"D":
                await socket.send_bytes(body)
            elif head[:1] == b"M" and json.loads(body).get("type") == "exit":
                return


async def _from_page(into: asyncio.StreamWriter, socket: web.WebSocketResponse) -> None:
    """Carry what the person does to the dashboard, until the page is closed; what is no message is passed over."""
    with suppress(ConnectionError):
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            with suppress(ValueError, TypeError, LookupError, AttributeError, RecursionError):
                await _pass_on(json.loads(message.data), into, socket)


async def _pass_on(message: list[Any], into: asyncio.StreamWriter, socket: web.WebSocketResponse) -> None:
    kind = message[0]
    if kind == "stdin":
        _write(into, b"D", message[1].encode())
    elif kind == "resize":
        size = {"width": _cells(message[1]["width"], 80), "height": _cells(message[1]["height"], 24)}
        _write(into, b"M", json.dumps({"type": "resize", **size}).encode())
    elif kind in {"focus", "blur"}:
        _write(into, b"M", json.dumps({"type": kind}).encode())
    elif kind == "ping":
        await socket.send_json(["pong", message[1]])
    await into.drain()


def _write(into: asyncio.StreamWriter, kind: Literal[b"D", b"M"], body: bytes) -> None:
    into.write(kind + len(body).to_bytes(_PACKET_BYTES, "big") + body)


async def _close(process: asyncio.subprocess.Process) -> None:
    """Ask the dashboard to close, and end it when it does not."""
    assert process.stdin  # noqa: S101
    with suppress(ConnectionError, RuntimeError):
        _write(process.stdin, b"M", b'{"type": "quit"}')
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _said(err: asyncio.StreamReader) -> str:
    """Return the end of what the dashboard said on standard error."""
    said = b""
    while part := await err.read(_SAID_BYTES):
        said = (said + part)[-_SAID_BYTES:]
    return said.decode(errors="replace")


def _cells(text: object, otherwise: int) -> int:
    number = int(text) if isinstance(text, int | str) and re.fullmatch("[0-9]{1,9}", str(text)) else otherwise
    return min(max(number, 1), MOST_CELLS)


def program(*words: str) -> list[str]:
    """Return the command line of another batchtop."""
    return [sys.executable, "-P", "-m", "batchtop.cli.main", *words]
