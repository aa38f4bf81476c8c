"""The simulated provider's sockets: HTTP in, decisions out, each after its latency."""

import asyncio
import re
import socket
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from aiohttp import web

from ..clock import Clock, LoopClock
from ..errors import UsageError
from ..open_files import allow_many_open_files
from .batches import Batch
from .behaviour import Behaviour
from .log import Arrival, ArrivalLog
from .provider import BROKEN, Decision, Incoming, Provider

_BACKLOG = 4096
_GRACE_S = 0.01
"""What answers on their way out get when the provider closes; those still waiting for their latency are dropped."""


class Simulator:
    """An OpenAI-compatible HTTP server in this event loop: `async with Simulator(Behaviour(...)) as provider`.

    Port 0 takes a free one. `arrivals` holds every request in order of arrival, unless `keep_arrivals` is off; `log`
    is a file that gets them too, as JSON lines in the order in which they ended.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        keep_arrivals: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._provider = Provider(behaviour or Behaviour())
        self._host = host
        self._port = port
        self._log = ArrivalLog(log, keep=keep_arrivals)
        self._clock = clock or LoopClock()
        self._answering: Counter[str] = Counter()

    @property
    def base_url(self) -> str:
        """What clients take for the API's address, `/v1` included."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/v1"

    @property
    def arrivals(self) -> list[Arrival]:
        """Every request so far; the last ones may still be waiting for their answer."""
        return self._log.arrivals

    @property
    def batches(self) -> dict[str, Batch]:
        """Every file of questions that was handed in, by its id."""
        return self._provider.batches.all

    @property
    def behaviour(self) -> Behaviour:
        """How it behaves; assign another to change it for the requests that come from now on."""
        return self._provider.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._provider.behaviour = behaviour

    async def __aenter__(self) -> Self:
        self._http = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._log.open()
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._http, self._host, self._port, backlog=_BACKLOG
            )
        except OSError as error:
            self._log.close()
            message = f"simulator: can't listen on {self._host}:{self._port}: {error.strerror}; choose another port"
            raise UsageError(message) from error
        self._port = self._listener.sockets[0].getsockname()[1]
        self._provider.began = self._clock.now()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self._http.pre_shutdown()
        await self._http.shutdown(_GRACE_S)
        self._log.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        arrival = self._log.begin(at=self._clock.wall(), path=request.path, key=key)
        try:
            # `request.read` would refuse bodies over 1 MiB, and 2,048 inputs are more.
            body = _file_in(await request.content.read(), request.headers.get("Content-Type", ""))
            decision = await self._decided(arrival, request.method, key, body)
            if decision.pieces:
                return await self._stream(request, decision)
        finally:
            # Runs as well when the client hangs up, which cancels this handler: its status stays 0.
            self._log.end(arrival)
        if decision.status == BROKEN:
            await _break_off(request)
        return web.Response(status=decision.status, body=decision.body, headers=decision.headers)

    async def _decided(self, arrival: Arrival, method: str, key: str, body: bytes) -> Decision:
        """Return the answer to a request when its time has come."""
        incoming = Incoming(method, arrival.path, key, body, self._clock.now(), arrival.at, self._answering[key])
        decision = self._provider.decide(incoming)
        self._log.describe(arrival, decision.subjects)
        if wait_s := decision.first_s if decision.pieces else decision.delay_s:
            self._answering[key] += 1
            try:
                await self._clock.sleep(wait_s)
            finally:
                self._answering[key] -= 1
        arrival.status = decision.status
        return decision

    async def _stream(self, request: web.BaseRequest, decision: Decision) -> web.StreamResponse:
        """Send the pieces of an answer, evenly over the time that it takes."""
        answer = web.StreamResponse(status=decision.status, headers=decision.headers)
        await answer.prepare(request)
        between_s = (decision.delay_s - decision.first_s) / max(1, len(decision.pieces) - 1)
        await answer.write(decision.pieces[0])
        for piece in decision.pieces[1:] if between_s else (b"".join(decision.pieces[1:]),):
            await self._clock.sleep(between_s)
            await answer.write(piece)
        await answer.write_eof()
        return answer


def _file_in(body: bytes, content_type: str) -> bytes:
    """Return the file in a form, whatever its size; any other body as it is."""
    boundary = re.fullmatch(r"multipart/form-data;.*boundary=\"?([^\";]+)\"?", content_type)
    for part in body.split(f"--{boundary[1]}".encode()) if boundary else ():
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return content.removesuffix(b"\r\n")
    return body


async def _break_off(request: web.BaseRequest) -> None:
    """Reset the connection, which cancels the request's handler."""
    if (transport := request.transport) is not None:
        linger_not = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        transport.abort()
    await asyncio.Event().wait()


async def serve(
    behaviour: Behaviour,
    *,
    host: str = "127.0.0.1",
    port: int,
    log: Path | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Run a provider by itself until cancelled; `on_ready` is told its base URL once it answers."""
    allow_many_open_files()
    async with Simulator(behaviour, host=host, port=port, log=log, keep_arrivals=False) as provider:
        if on_ready is not None:
            on_ready(provider.base_url)
        await asyncio.Event().wait()
