"""One kept-alive connection of the HTTP client, with one exchange on it after another."""

import asyncio
from typing import Final

from aiohttp import ClientConnectionError
from aiohttp.connector import Connection

from .bounds import STALE_S
from .failures import AnswerTooLargeError, HungUpError
from .incoming import Incoming, UnsoundError
from .transport import Response

PIECE_BYTES: Final = 64 * 1024
"""A larger body goes out in pieces, as there is room: at once it is copied, and TLS stops the loop until it is done."""
_NOTHING: Final = memoryview(b"")


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
        self._answered = self._full = False
        self._unsent = _NOTHING

    async def exchange(self, head: bytes, body: bytes, *, bodiless: bool, deadline: float) -> Response:
        """Send a request and return its answer; one that is given up ends the connection.

        Raises HungUpError, UnsoundError, AnswerTooLargeError, or TimeoutError at this time of the loop.
        """
        self._incoming.expect(bodiless=bodiless)
        self._waiting = self._loop.create_future()
        self._sent, self._first = self._loop.time(), None
        self._send(head, body)
        # A third of the price of asyncio.timeout, which has a task to cancel where there is only a future to fail.
        late = self._loop.call_at(deadline, self._fail, TimeoutError())
        try:
            return await self._waiting
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            late.cancel()

    def abort(self) -> None:
        """Drop the connection with all that is under way on it."""
        self._unsent = _NOTHING
        super().abort()

    # ── what the event loop tells ──

    def pause_writing(self) -> None:
        """Send no more for now: the server takes it more slowly than it comes."""
        self._full = True

    def resume_writing(self) -> None:
        """Send what had to wait."""
        self._full = False
        self._loop.call_soon(self._send_on)

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

    # ── inside ──

    def _send(self, head: bytes, body: bytes) -> None:
        if len(body) <= PIECE_BYTES:
            return self._transport.write(head + body)
        self._transport.write(head)
        self._unsent = memoryview(body)
        return self._send_on()

    def _send_on(self) -> None:
        """Send the next piece; between two, an answer that comes early is heard, and others have their turn."""
        if self._unsent and not self._full:
            piece, self._unsent = self._unsent[:PIECE_BYTES], self._unsent[PIECE_BYTES:] or _NOTHING
            self._transport.write(piece)
            self._loop.call_soon(self._send_on)

    def _deliver(self) -> None:
        """Hand over the answer, which is whole, and keep the connection where both sides mean to."""
        now = self._loop.time()
        try:
            response = self._incoming.answer(((now if self._first is None else self._first) - self._sent) * 1000)
        except (AnswerTooLargeError, UnsoundError) as error:
            return self._fail(error)
        waiting, self._waiting = self._waiting, None
        self._answered, self.idle_since = True, now
        if self._unsent or self._transport.get_write_buffer_size():
            self.abort()  # it was answered before the request was whole
        elif not self._incoming.keep:
            self._transport.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(response)
        return None

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        self.abort()
        self._incoming.forget()  # what of it came may be large, and the parser keeps it from being freed at once
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
