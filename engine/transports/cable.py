"""One connection of HTTP/2, with many exchanges at a time on it; h2 knows the protocol."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp.connector import Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error, StreamClosedError
from h2.settings import SettingCodes, Settings

from .bounds import STALE_S
from .failures import AnswerTooLargeError, HungUpError, NotTakenError
from .frames import Early, Frames
from .incoming import UnsoundError, unreadable
from .stream import Stream
from .transport import Response
from .wire import Taken

MOST_STREAMS: Final = 100
"""Exchanges at a time, also where the server allows more: h2 counts those that are open for each new one."""
_WINDOW_BYTES: Final = 2**24
"""How much of an answer may be on its way; answers are read at once, so that this is never what limits them."""
_CODES: Final = {int(code): code.name for code in ErrorCodes}


class Cable(Taken):
    """A connection taken over from aiohttp; `freed` is called when there is room for another exchange."""

    def __init__(self, connection: Connection, max_answer_bytes: int, freed: Callable[[], None]) -> None:
        super().__init__(connection)
        self._max_answer_bytes = max_answer_bytes
        self._freed = freed
        self._frames = Frames()
        self._h2 = H2Connection(
            H2Configuration(header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self._streams: dict[int, Stream] = {}
        self._busy_since = self._heard_at = 0.0
        self._answered = self._leaving = self._flushing = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        """Done when the server has said how much it takes at a time."""
        self._greet()

    @property
    def room(self) -> int:
        """How many more exchanges may begin now."""
        return self.most - len(self._streams) if self.stays and self.ready.done() else 0

    @property
    def stays(self) -> bool:
        """Whether more exchanges may begin, now or once others have ended."""
        return self.usable and not self._leaving

    @property
    def most(self) -> int:
        """How many exchanges there may be at a time."""
        return min(self._h2.remote_settings.max_concurrent_streams, MOST_STREAMS)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, since `idle_since`."""
        return not self._streams

    async def exchange(self, head: list[tuple[str, str]], body: bytes, *, deadline: float) -> Response:
        """Send a request and return its answer, where there is room; the others go on if this one is given up.

        Raises HungUpError, UnsoundError, AnswerTooLargeError, or TimeoutError at this time of the loop.
        """
        number, stream = self._begin(head, body)
        late = self._loop.call_at(deadline, self._late, number)
        try:
            return await stream.waiting
        except asyncio.CancelledError:
            self._give_up(number, asyncio.CancelledError())
            raise
        finally:
            late.cancel()

    def leave(self) -> None:
        """Begin nothing more here; what is under way goes on."""
        self._leaving = True
        if not self._streams:
            self._transport.close()
        self._freed()  # who waits for room here may as well open another

    # ── what the event loop tells ──

    def data_received(self, data: bytes) -> None:
        """Read what came, for whichever exchange it is."""
        self._heard_at = self._loop.time()
        try:
            whole, last = self._frames.feed(data)
            for event in self._h2.receive_data(whole):
                self._happened(event)
        except (H2Error, ValueError):
            return self._broken()
        self._flush()
        if last is not None:
            self._said_goodbye(last)
        if self._frames.settled and not self.ready.done():
            self.ready.set_result(None)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """End every exchange by what it had come to."""
        super().connection_lost(exc)
        # Where nothing came since the first of these went out, the server may have been gone before.
        soon = self._loop.time() - self._busy_since < STALE_S
        stale = soon and self._answered and self._heard_at < self._busy_since
        for number, stream in list(self._streams.items()):
            half = UnsoundError("connection dropped in the middle of the answer")
            self._end(number, half if stream.headed else HungUpError(stale=stale))
        if not self.ready.done():
            self.ready.set_exception(HungUpError(stale=False))
        self._freed()

    # ── inside ──

    def _greet(self) -> None:
        wanted = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW_BYTES}
        self._h2.local_settings = Settings(client=True, initial_values=wanted)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(2**30)
        self._flush()
        # A server may have spoken first, before the connection was taken over: aiohttp has kept that.
        self._maker.set_parser(Early(self.data_received), None)

    def _begin(self, head: list[tuple[str, str]], body: bytes) -> tuple[int, Stream]:
        if not self._streams:
            self._busy_since = self._loop.time()
        try:
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, head, end_stream=not body)
        except H2Error:  # out of numbers, say
            self.leave()
            raise NotTakenError from None
        stream = self._streams[number] = Stream(self._loop, body)
        self._send_on(number, stream)
        if not self._flushing:  # those that begin in one turn of the loop go out together
            self._flushing = True
            self._loop.call_soon(self._flush)
        return number, stream

    def _send_on(self, number: int, stream: Stream) -> None:
        """Send as much of a body as the server has room for."""
        with suppress(StreamClosedError):  # its end is among what has come, and is told next
            while stream.unsent:
                most = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
                if most <= 0:
                    return
                piece, stream.unsent = stream.unsent[:most], stream.unsent[most:]
                self._h2.send_data(number, bytes(piece), end_stream=not stream.unsent)

    def _reset(self, number: int, code: ErrorCodes) -> None:
        with suppress(StreamClosedError):  # the server may have been quicker
            self._h2.reset_stream(number, code)

    def _flush(self) -> None:
        self._flushing = False
        if (data := self._h2.data_to_send()) and self.usable:
            self._transport.write(data)

    def _happened(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=number, headers=headers) if stream := self._streams.get(number or 0):
                stream.head(headers or [])
            case DataReceived():
                self._take(event)
            case StreamEnded(stream_id=number) if stream := self._streams.get(number or 0):
                self._deliver(number, stream)
            case StreamReset(stream_id=number, error_code=code, remote_reset=remote) if number in self._streams:
                refused = remote and code == ErrorCodes.REFUSED_STREAM and not self._streams[number].headed
                name = _CODES.get(int(code), str(int(code)))
                broken = UnsoundError(f"the server broke the exchange off (HTTP/2 {name})")
                self._end(number, NotTakenError() if refused else broken)
            case WindowUpdated() | RemoteSettingsChanged():
                self._go_on()
            case _:
                pass

    def _go_on(self) -> None:
        """Send what had to wait for the server."""
        for number, stream in self._streams.items():
            self._send_on(number, stream)
        self._freed()

    def _take(self, event: DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream and stream.body(event.data or b"") > self._max_answer_bytes:
            self._give_up(event.stream_id, AnswerTooLargeError(self._max_answer_bytes))

    def _deliver(self, number: int, stream: Stream) -> None:
        self._answered = True
        try:
            response = stream.answer(self._max_answer_bytes)
        except (AnswerTooLargeError, UnsoundError) as error:
            return self._end(number, error)
        if stream.unsent:  # it was answered before the request was whole
            self._reset(number, ErrorCodes.NO_ERROR)
        return self._end(number, response)

    def _late(self, number: int) -> None:
        silent = self._heard_at < self._streams[number].sent if number in self._streams else False
        self._give_up(number, TimeoutError())
        if silent:  # the connection may be dead, and nobody said so
            self.leave()

    def _give_up(self, number: int, error: BaseException) -> None:
        """End an exchange, and tell the server."""
        if number not in self._streams:
            return
        self._reset(number, ErrorCodes.CANCEL)
        self._flush()
        self._end(number, error)

    def _end(self, number: int, outcome: Response | BaseException) -> None:
        waiting = self._streams.pop(number).waiting
        if not self._streams:
            self.idle_since = self._loop.time()
            if self._leaving:
                self._transport.close()
        if not waiting.done():
            if isinstance(outcome, BaseException):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)
        self._freed()

    def _said_goodbye(self, last: int) -> None:
        """Begin nothing more; what came after the last that the server takes is certain not to have been worked on."""
        for number in [number for number, stream in self._streams.items() if number > last and not stream.headed]:
            self._end(number, NotTakenError())
        self.leave()

    def _broken(self) -> None:
        """End everything: what the server says makes no sense."""
        for number in list(self._streams):
            self._end(number, unreadable())
        if not self.ready.done():
            self.ready.set_exception(unreadable())
        self.abort()
