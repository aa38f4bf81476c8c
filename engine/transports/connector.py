"""The pool of connections that aiohttp's client takes from, with those that are opened beforehand."""

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.connector import Connection

from .failures import CONNECT_S
from .opening import Opening

if TYPE_CHECKING:
    from aiohttp.tracing import Trace


class Connector(TCPConnector):
    """A pool that knows how many of its connections are open, and gives out none on which something came unasked."""

    @cached_property
    def opening(self) -> Opening:
        """What is being opened beforehand."""
        return Opening()

    async def connect(self, req: ClientRequest, traces: "list[Trace]", timeout: ClientTimeout) -> Connection:
        """Return a connection; what a server said on an idle one is no answer to the next request, but its end."""
        key = req.connection_key
        if not self._conns.get(key) and self.opening.begun(key):
            async with asyncio.timeout(timeout.connect):  # for both, as what is waited for may fail in the end
                await self.opening.another(key)
                return await self._silent(req, traces, timeout)
        return await self._silent(req, traces, timeout)

    async def _silent(self, req: ClientRequest, traces: "list[Trace]", timeout: ClientTimeout) -> Connection:
        """Return a connection on which nothing came unasked."""
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()

    async def warm(self, req: ClientRequest, count: int) -> None:
        """Open so many connections as a request like this one would take, silent about failures."""
        held: list[Connection] = []
        over = False

        async def add() -> None:
            async with asyncio.timeout(CONNECT_S):
                held.append(await TCPConnector.connect(self, req, [], ClientTimeout(total=None)))
            if over:
                release()

        def release() -> None:
            while held:
                held.pop().release()

        try:
            # Kept from the pool until all are there, as it would give each of them to who opens the next.
            await self.opening.open(req.connection_key, add, count)
        finally:
            over = True
            release()

    @property
    def connections(self) -> int:
        """Those in use and those kept for later; one that is just being made has no transport yet."""
        kept = (handler for handlers in self._conns.values() for handler, _ in handlers)
        transports = (handler.transport for handler in (*self._acquired, *kept))
        return sum(transport is not None and not transport.is_closing() for transport in transports)
