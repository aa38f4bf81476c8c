"""The HTTP client that speaks HTTP/2 where a server does: many requests at a time on one connection; extra `http2`."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from .bounds import MAX_ANSWER_BYTES
from .cable import Cable
from .cables import Cables
from .failures import CONNECT_S, HungUpError, NotTakenError, connect_limit_s
from .fast import FastTransport, connecting
from .outgoing import fields
from .target import Target
from .transport import Request, Response, TransportError

TRIES = 3
"""A server that keeps saying that it did not take a request on is not asked for ever."""


class Http2Transport(FastTransport):
    """A Transport that agrees with a server, in the TLS handshake, whether HTTP/2 is spoken; else it is FastTransport.

    A request is sent again where it is certain that the server did not work on it: the server refused its stream, or
    said goodbye and named an earlier one as its last; or the connection, which had been idle, was dropped within 0.3 s
    of the send with nothing said, as it is where it had been closed before. Anything else is one failed attempt.
    """

    def __init__(self, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        super().__init__(max_answer_bytes=max_answer_bytes)
        self._tls: ssl.SSLContext | None = None
        self._cables: dict[str, Cables] = {}

    async def warm(self, url: str, count: int) -> None:
        """Open connections for so many requests to the server of a URL, silent about failures."""
        with suppress(TransportError):
            target = self._target(url)
            if target.url.scheme == "https" and not self._closed:
                cables = self._to(target)
                if not await cables.opened(count):
                    return
            await super().warm(url, count)

    async def aclose(self) -> None:
        """Close every connection; what is still in flight fails."""
        self._closed = True
        opening = [task for cables in self._cables.values() for task in cables.aclose()]
        if opening:
            await asyncio.wait(opening)
        await super().aclose()

    async def _send_or_resend(self, request: Request, target: Target, timeout_s: float, deadline: float) -> Response:
        if target.url.scheme != "https":
            return await super()._send_or_resend(request, target, timeout_s, deadline)
        cables = self._to(target)
        head = fields(request, target)
        for left in reversed(range(TRIES)):
            limit_at = min(deadline, asyncio.get_running_loop().time() + connect_limit_s(timeout_s))
            cable = cables.free() or await cables.room(limit_at, deadline)
            if cable is None:
                break
            try:
                return await cable.exchange(head, request.body, deadline=deadline)
            except HungUpError as error:
                if not error.stale or not left or self._closed:
                    raise
                if not isinstance(error, NotTakenError):
                    cables.close_idle()
        return await super()._send_or_resend(request, target, timeout_s, deadline)

    def _to(self, target: Target) -> Cables:
        if target.origin not in self._cables:
            self._cables[target.origin] = Cables(partial(self._open, target))
        return self._cables[target.origin]

    async def _open(self, target: Target, freed: Callable[[], None]) -> Cable | None:
        """Return a new connection of HTTP/2; one of HTTP/1.1 is kept for who asks for that."""
        async with connecting(asyncio.get_running_loop().time() + CONNECT_S):
            # A proxy that is spoken to by TLS itself would be offered HTTP/2 as well, and is not asked in it.
            tls = True if target.proxy and target.proxy.scheme == "https" else self._offering()
            connection = await self._made(target, tls)
            shaken = connection.transport and connection.transport.get_extra_info("ssl_object")
            if not shaken or shaken.selected_alpn_protocol() != "h2":
                self._keep(target, connection)
                return None
            cable = self._held(Cable(connection, self._max_answer_bytes, freed))
            try:
                await cable.ready
            except BaseException:
                cable.abort()
                raise
        return cable

    def _offering(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["h2", "http/1.1"])
        return self._tls
