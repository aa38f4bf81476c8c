"""The HTTP client of the hot path: aiohttp makes the connections, httptools parses what comes by them."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache, partial
from typing import Final, TypeVar
from urllib.request import getproxies

from aiohttp import ClientError, ClientRequest, ClientTimeout, ConnectionTimeoutError, TCPConnector
from aiohttp.connector import Connection

from ..outcome import Outcome
from .bounds import DNS_CACHE_S, MAX_ANSWER_BYTES
from .failures import CONNECT_S, HungUpError, connect_limit_s, explain
from .idle import Idle
from .incoming import UnsoundError
from .opening import Opening
from .outgoing import Heads
from .target import Target, read_target
from .transport import Request, Response, TransportError
from .wire import Taken, Wire

_NO_LIMIT: Final = ClientTimeout(total=None)
_CLOSING_S: Final = 1.0
_Taken = TypeVar("_Taken", bound=Taken)


class FastTransport:
    """A Transport that has aiohttp make the connections, and speaks HTTP/1.1 on them by itself.

    Made anywhere, used from one event loop. Proxies come from the environment as it is when the transport is made. How
    many requests go out at once is the caller's matter: there is no limit here.

    A request that finds its kept-alive connection closed is sent once more, on a fresh one, whatever its method: the
    connection had to be a reused one, no answer has begun, and the drop came within 0.3 s of the send, as it does
    from a server that had hung up before it could read the request. Anything later or less clear may have been worked
    on and paid for, so it is reported, and counted, as the failed attempt it is.
    """

    def __init__(self, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._target = lru_cache(maxsize=256)(partial(read_target, getproxies()))
        self._connector: TCPConnector | None = None
        self._taken: dict[asyncio.Future[None], Taken] = {}
        self._idle = Idle()
        self._opening = Opening()
        self._heads = Heads()
        self._closed = False

    @property
    def connections(self) -> int:
        """Connections that are open now, idle ones among them."""
        return sum(wire.usable for wire in self._taken.values())

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Send one request and return its whole answer, whatever its status; raises TransportError and nothing else."""
        if self._closed:
            raise TransportError(Outcome.CONNECTION, "the transport is closed")
        target = self._target(request.url)
        try:
            return await self._send_or_resend(request, target, timeout_s, asyncio.get_running_loop().time() + timeout_s)
        except UnsoundError as error:
            raise TransportError(Outcome.CONNECTION, f"{target.origin}: {error}") from None
        except (ClientError, OSError, ValueError, RuntimeError) as error:
            # Not chained: the text of aiohttp's errors holds whole URLs, and their parts the headers.
            raise explain(error, target.origin, timeout_s) from None

    async def warm(self, url: str, count: int) -> None:
        """Open so many connections to the server of a URL, silent about failures."""
        with suppress(TransportError):
            target = self._target(url)
            if not self._closed:
                missing = count - self._idle.count(target.where)
                await self._opening.open(target.where, partial(self._keep_one, target), missing)

    async def aclose(self) -> None:
        """Close every connection; what is still in flight fails."""
        self._closed = True
        await self._opening.aclose()
        self._idle.close()
        for wire in self._taken.values():
            wire.abort()
        if self._taken:
            await asyncio.wait(list(self._taken), timeout=_CLOSING_S)
        if self._connector is not None:
            await self._connector.close()

    async def _send_or_resend(self, request: Request, target: Target, timeout_s: float, deadline: float) -> Response:
        said, bodiless = self._heads.of(request, target), request.method.upper() == "HEAD"
        wire = self._idle.take(target.where) or await self._connect(target, timeout_s, deadline)
        try:
            response = await wire.exchange(said, request.body, bodiless=bodiless, deadline=deadline)
        except HungUpError as error:
            if not error.stale or self._closed:
                raise
            # More of those kept may have been closed by the server, so this one is new.
            wire = await self._connect(target, timeout_s, deadline, fresh=True)
            response = await wire.exchange(said, request.body, bodiless=bodiless, deadline=deadline)
        if wire.usable:
            self._idle.put(target.where, wire)
        return response

    async def _keep_one(self, target: Target) -> None:
        async with connecting(asyncio.get_running_loop().time() + CONNECT_S):
            self._keep(target, await self._made(target))

    def _keep(self, target: Target, connection: Connection) -> None:
        """Have a new connection ready for whoever sends next."""
        self._idle.put(target.where, self._held(Wire(connection, self._max_answer_bytes)))

    async def _connect(self, target: Target, timeout_s: float, deadline: float, *, fresh: bool = False) -> Wire:
        limit_at = min(deadline, asyncio.get_running_loop().time() + connect_limit_s(timeout_s))
        async with connecting(limit_at):
            if not fresh:
                await self._opening.another(target.where)
                if wire := self._idle.take(target.where):
                    return wire
            return self._held(Wire(await self._made(target), self._max_answer_bytes))

    async def _made(self, target: Target, tls: ssl.SSLContext | bool = True) -> Connection:  # noqa: FBT001, FBT002 (aiohttp's own)
        """Return a new connection to a server, through its proxy if it has one."""
        if self._connector is None:
            self._connector = TCPConnector(limit=0, ttl_dns_cache=DNS_CACHE_S)
        loop = asyncio.get_running_loop()
        asked = ClientRequest("GET", target.url, proxy=target.proxy, ssl=tls, loop=loop)
        return await self._connector.connect(asked, [], _NO_LIMIT)

    def _held(self, taken: _Taken) -> _Taken:
        """Return a connection, known to `aclose` until it is lost."""
        self._taken[taken.lost] = taken
        taken.lost.add_done_callback(self._taken.pop)
        return taken


@asynccontextmanager
async def connecting(limit_at: float) -> AsyncGenerator[None]:
    """Raise ConnectionTimeoutError where connecting takes longer than until this time of the loop."""
    try:
        async with asyncio.timeout_at(limit_at):
            yield
    except TimeoutError as error:
        raise ConnectionTimeoutError from error
