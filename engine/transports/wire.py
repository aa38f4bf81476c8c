"""One kept-alive connection of the fast transport, with one exchange on it after another."""

import asyncio

from aiohttp import ClientConnectionError
from aiohttp.connector import Connection

from .aiohttp import STALE_S
from .failures import AnswerTooLargeError, HungUpError
from .incoming import Incoming, UnsoundError
from .transport import Response


class Taken(asyncio.Protocol):
    """A connection taken over from aiohttp, which made it: proxies, names and TLS are behind it already."""

    def __init__(self, connection: Connection) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        maker = connection.protocol
        if maker is None or maker.transport is None:
            connection.close()
            raise ClientConnectionError
        self._maker = maker
        self._transport = maker.transport
        self._transport.set_protocol(self)
        self.idle_since = self._loop.time()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection has gone."""

    @property
    def usable(self) -> bool:
        """Whether another request may go out."""
        return not self._transport.is_closing()

    def abort(self) -> None:
        """Drop the connection with all that is under way on it."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell aiohttp, and who waits for it, that the connection has gone."""
        self._maker.connection_lost(exc)
        self._connection.close()
        if not self.lost.done():
            self.lost.set_result(None)


class Wire(Taken):
    """A connection with one exchange at a time on it: HTTP/1.1."""

    def __init__(self, connection: Connection, max_answer_bytes: int) -> None:
        super().__init__(connection)
        self._incoming = Incoming(max_answer_bytes)
        self._waiting: asyncio.Future[Response] | None = None
        self._sent = 0.0
        self._first: float | None = None
        self._answered = False

    async def exchange(self, message: bytes, *, bodiless: bool, deadline: float) -> Response:
        """Send a request and return its answer; one that is given up ends the connection.

        Raises HungUpError, UnsoundError, AnswerTooLargeError, or TimeoutError at this time of the loop.
        """
        self._incoming.expect(bodiless=bodiless)
        self._waiting = self._loop.create_future()
        self._sent, self._first = self._loop.time(), None
        self._transport.write(message)
        # A third of the price of asyncio.timeout, which has a task to cancel where there is only a future to fail.
        late = self._loop.call_at(deadline, self._fail, TimeoutError())
        try:
            return await self._waiting
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            late.cancel()

    # ── what the event loop tells ──

    def data_received(self, data: bytes) -> None:
        """Read a piece of the answer; what nobody asked for ends the connection."""
        if self._waiting is None:
            return self.abort()
        incoming = self._incoming
        try:
            incoming.feed(data)
        except (AnswerTooLargeError, UnsoundError) as error:
            return self._fail(error)
        if self._first is None and (incoming.bodied or incoming.whole):
            self._first = self._loop.time()
        if incoming.whole:
            self._deliver()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange, if there is one, by what it had come to."""
        super().connection_lost(exc)
        if self._waiting is None:
            return
        if self._incoming.ends_with_connection and exc is None:
            self._deliver()
        elif self._incoming.headed:
            self._fail(UnsoundError("connection dropped in the middle of the answer"))
        else:
            soon = self._loop.time() - self._sent < STALE_S
            self._fail(HungUpError(stale=soon and self._answered and not self._incoming.begun))

    def _deliver(self) -> None:
        """Hand over the answer, which is whole, and keep the connection where both sides mean to."""
        now = self._loop.time()
        try:
            response = self._incoming.answer(((now if self._first is None else self._first) - self._sent) * 1000)
        except (AnswerTooLargeError, UnsoundError) as error:
            return self._fail(error)
        waiting, self._waiting = self._waiting, None
        self._answered, self.idle_since = True, now
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # it was answered before the request was whole
        elif not self._incoming.keep:
            self._transport.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(response)
        return None

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        self.abort()
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
