"""HTTP by aiohttp's own client, by choice: everything that a batch of API calls does not need is left out."""

import asyncio
import io
import math
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Final
from urllib.request import getproxies
from weakref import WeakSet

from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from ..outcome import Outcome
from .bounds import DNS_CACHE_S, KEEP_ALIVE_S, MAX_ANSWER_BYTES, STALE_S
from .connector import Connector
from .failures import AnswerTooLargeError, HungUpError, connect_limit_s, explain
from .target import Target, read_target
from .transport import Request, Response, TransportError

_RAW_BODY_BYTES: Final = 1024 * 1024
"""aiohttp warns about bytes longer than this, and takes them from a stream in pieces without a word."""

_answered: WeakSet[ResponseHandler] = WeakSet()
"""Connections that have brought an answer, so that the next request on one of them may find it stale."""


class AiohttpTransport:
    """A Transport over a pool of aiohttp's.

    What is promised of FastTransport holds here too, the second try on a stale connection to begin with: the same
    rule, the same words for the same failures.
    """

    def __init__(self, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._target = lru_cache(maxsize=256)(partial(read_target, getproxies()))
        self._pool: ClientSession | None = None
        self._fresh: ClientSession | None = None
        self._reading: set[ClientResponse] = set()
        self._closed = False

    @property
    def connections(self) -> int:
        """Connections that are open now, idle ones among them."""
        pools = (session.connector for session in (self._pool, self._fresh) if session is not None)
        return sum(pool.connections for pool in pools if isinstance(pool, Connector))

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Send one request and return its whole answer, whatever its status; raises TransportError and nothing else."""
        if self._closed:
            raise TransportError(Outcome.CONNECTION, "the transport is closed")
        target = self._target(request.url)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send_or_resend(request, target, _limits(timeout_s))
        except (ClientError, OSError, ValueError, RuntimeError) as error:
            # Not chained: the text of aiohttp's errors holds whole URLs, and their parts the headers.
            raise explain(error, target.origin, timeout_s) from None

    async def warm(self, url: str, count: int) -> None:
        """Open so many connections to the server of a URL; not through a proxy, and silent about failures."""
        with suppress(TransportError):
            target = self._target(url)
            if target.proxy or self._closed:
                return
            pool = self._kept_alive().connector
            if isinstance(pool, Connector):
                await pool.warm(_LeanRequest("GET", target.url, loop=asyncio.get_running_loop()), count)

    async def aclose(self) -> None:
        """Close every connection; what is still in flight fails."""
        self._closed = True
        for response in self._reading:
            # aiohttp closes the connection of a half-read answer without telling its reader.
            response.close()
        for session in (self._pool, self._fresh):
            if session is not None:
                if isinstance(session.connector, Connector):
                    await session.connector.opening.aclose()
                await session.close()

    def _kept_alive(self) -> ClientSession:
        self._pool = self._pool or _session(keep_alive=True)
        return self._pool

    async def _send_or_resend(self, request: Request, target: Target, limits: ClientTimeout) -> Response:
        try:
            return await self._exchange(self._kept_alive(), request, target, limits)
        except HungUpError as error:
            if not error.stale:
                raise
        # The pool may hold more connections that the server has closed, so this one comes from outside it.
        self._fresh = self._fresh or _session(keep_alive=False)
        return await self._exchange(self._fresh, request, target, limits)

    async def _exchange(
        self, session: ClientSession, request: Request, target: Target, limits: ClientTimeout
    ) -> Response:
        body = request.body or None  # aiohttp gives even an empty one a type
        now = asyncio.get_running_loop().time
        sent = now()
        response = await session.request(
            request.method,
            target.url,
            data=body if body is None or len(body) <= _RAW_BODY_BYTES else io.BytesIO(body),
            headers=request.headers,
            allow_redirects=False,
            proxy=target.proxy,
            timeout=limits,
        )
        self._reading.add(response)
        try:
            first = await response.content.readany()
            first_ms = (now() - sent) * 1000
            answer = await self._whole_body(response, first)
        except BaseException:
            response.close()
            raise
        finally:
            self._reading.discard(response)
        return Response(response.status, _lower_case(response.headers), answer, first_ms)

    async def _whole_body(self, response: ClientResponse, piece: bytes) -> bytes:
        """Return the body, read in pieces so that no answer, packed or not, outgrows its limit in memory."""
        pieces: list[bytes] = []
        left = self._max_answer_bytes
        while piece:
            left -= len(piece)
            if left < 0:
                raise AnswerTooLargeError(self._max_answer_bytes)
            pieces.append(piece)
            piece = await response.content.readany()
        return b"".join(pieces)


class _LeanRequest(ClientRequest):
    """A request with two headers of its own instead of aiohttp's four."""

    DEFAULT_HEADERS = {"Accept-Encoding": "gzip, deflate", "User-Agent": f"batchtop/{version('batchtop')}"}  # noqa: RUF012


class _WatchedResponse(ClientResponse):
    """A response that knows whether the connection it should have come by was stale."""

    async def start(self, connection: Connection) -> ClientResponse:
        """Wait for the head of the answer; raises HungUpError when the connection ends first."""
        protocol = connection.protocol
        sent = asyncio.get_running_loop().time()
        try:
            await super().start(connection)
        except (ServerDisconnectedError, ClientOSError) as error:
            soon = asyncio.get_running_loop().time() - sent < STALE_S
            raise HungUpError(stale=soon and protocol in _answered and not _has_begun(error)) from error
        if protocol is not None:
            _answered.add(protocol)
        return self


def _has_begun(error: ClientConnectionError) -> bool:
    """Whether part of an answer came before the end: aiohttp then hands over what it had of the head."""
    return isinstance(error, ServerDisconnectedError) and not isinstance(error.message, str)


def _session(*, keep_alive: bool) -> ClientSession:
    connector = Connector(
        limit=0,
        ttl_dns_cache=DNS_CACHE_S,
        keepalive_timeout=KEEP_ALIVE_S if keep_alive else None,
        force_close=not keep_alive,
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        request_class=_LeanRequest,
        response_class=_WatchedResponse,
    )


@lru_cache(maxsize=64)
def _limits(timeout_s: float) -> ClientTimeout:
    """Return the limit on connecting; the one on the whole is `send`'s, so that a resend is inside it."""
    return ClientTimeout(total=None, connect=connect_limit_s(timeout_s), ceil_threshold=math.inf)


def _lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers under lower-case names; of a repeated one the last."""
    return {name.lower(): value for name, value in headers.items()}
