"""The lean HTTP client: aiohttp makes the connections, httptools parses what comes by them; for the extra `fast`."""

import asyncio
from collections import defaultdict, deque
from functools import lru_cache, partial
from typing import Final
from urllib.request import getproxies

from aiohttp import ClientError, ClientRequest, ClientTimeout, ConnectionTimeoutError, TCPConnector

from ..outcome import Outcome
from .aiohttp import DNS_CACHE_S, KEEP_ALIVE_S, MAX_ANSWER_BYTES
from .failures import HungUpError, connect_limit_s, explain
from .incoming import UnsoundError
from .outgoing import message
from .target import Target, read_target
from .transport import Request, Response, TransportError
from .wire import Wire

_NO_LIMIT: Final = ClientTimeout(total=None)
_CLOSING_S: Final = 1.0


class FastTransport:
    """A Transport that has aiohttp make the connections, and speaks HTTP on them by itself.

    What is promised of AiohttpTransport holds here too, the second try on a stale connection to begin with: the same
    rule, the same words for the same failures. HTTP/2 is spoken by neither.
    """

    def __init__(self, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._target = lru_cache(maxsize=256)(partial(read_target, getproxies()))
        self._connector: TCPConnector | None = None
        self._wires: dict[asyncio.Future[None], Wire] = {}
        self._idle: defaultdict[tuple[str, str], deque[Wire]] = defaultdict(deque)
        self._closed = False

    @property
    def connections(self) -> int:
        """Connections that are open now, idle ones among them."""
        return sum(wire.usable for wire in self._wires.values())

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Send one request and return its whole answer, whatever its status; raises TransportError and nothing else."""
        if self._closed:
            raise TransportError(Outcome.CONNECTION, "the transport is closed")
        target = self._target(request.url)
        try:
            return await self._send_or_resend(request, target, timeout_s)
        except UnsoundError as error:
            raise TransportError(Outcome.CONNECTION, f"{target.origin}: {error}") from None
        except (ClientError, OSError, ValueError, RuntimeError) as error:
            # Not chained: the text of aiohttp's errors holds whole URLs, and their parts the headers.
            raise explain(error, target.origin, timeout_s) from None

    async def aclose(self) -> None:
        """Close every connection; what is still in flight fails."""
        self._closed = True
        for wire in self._wires.values():
            wire.abort()
        if self._wires:
            await asyncio.wait(list(self._wires), timeout=_CLOSING_S)
        if self._connector is not None:
            await self._connector.close()

    async def _send_or_resend(self, request: Request, target: Target, timeout_s: float) -> Response:
        sent = message(request, target)
        deadline = asyncio.get_running_loop().time() + timeout_s
        exchange = partial(self._exchange, sent, target, bodiless=request.method.upper() == "HEAD", deadline=deadline)
        wire = self._kept(target) or await self._connect(target, timeout_s, deadline)
        try:
            return await exchange(wire)
        except HungUpError as error:
            if not error.stale or self._closed:
                raise
        # More of those kept may have been closed by the server, so this one is new.
        return await exchange(await self._connect(target, timeout_s, deadline))

    async def _exchange(self, sent: bytes, target: Target, wire: Wire, *, bodiless: bool, deadline: float) -> Response:
        response = await wire.exchange(sent, bodiless=bodiless, deadline=deadline)
        if wire.usable:
            self._idle[target.url.scheme, target.origin].append(wire)
        return response

    def _kept(self, target: Target) -> Wire | None:
        """Return the idle connection used last, if there is one; those idle for too long are closed."""
        idle = self._idle[target.url.scheme, target.origin]
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        while idle and idle[0].idle_since < oldest:
            idle.popleft().abort()
        while idle:
            wire = idle.pop()
            if wire.usable:
                return wire
        return None

    async def _connect(self, target: Target, timeout_s: float, deadline: float) -> Wire:
        loop = asyncio.get_running_loop()
        if self._connector is None:
            self._connector = TCPConnector(limit=0, ttl_dns_cache=DNS_CACHE_S, force_close=True)
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + connect_limit_s(timeout_s))):
                asked = ClientRequest("GET", target.url, proxy=target.proxy, loop=loop)
                connection = await self._connector.connect(asked, [], _NO_LIMIT)
        except TimeoutError as error:
            raise ConnectionTimeoutError from error
        wire = Wire(connection, self._max_answer_bytes)
        self._wires[wire.lost] = wire
        wire.lost.add_done_callback(self._wires.pop)
        return wire
