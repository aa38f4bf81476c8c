"""A small server of HTTP/2 over TLS whose every move the test writes; h2 keeps it to the protocol."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from .http_server import PEM


@dataclass
class Asked:
    """A request, on the stream that it came by."""

    line: "Line"
    number: int
    headers: dict[str, str]
    body: bytes = b""
    was_reset: bool = False

    async def answer(self, body: bytes = b"ok", *, status: str = "200", **headers: str) -> None:
        """Answer, as fast as the client lets it."""
        h2 = self.line.h2
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        h2.send_headers(self.number, [(":status", status), *said.items()], end_stream=not body)
        while body:
            self.line.flush()
            most = min(h2.local_flow_control_window(self.number), h2.max_outbound_frame_size)
            if not most:
                await asyncio.sleep(0.001)
            elif piece := body[:most]:
                body = body[most:]
                h2.send_data(self.number, piece, end_stream=not body)
        self.line.flush()

    def reset(self, code: ErrorCodes) -> None:
        self.line.h2.reset_stream(self.number, code)
        self.line.flush()


Handler = Callable[[Asked], Awaitable[None]]


async def answer_all(asked: Asked) -> None:
    await asked.answer()


@dataclass
class Server2:
    """What came in so far, and how it is dealt with."""

    handler: Handler = answer_all
    early: bool = False
    """Whether a request is dealt with from its head on."""
    settings: dict[SettingCodes, int] = field(default_factory=dict)
    takes: int = 1_000_000
    """How many connections; further ones are dropped at once."""
    mute: bool = False
    port: int = 0
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/v1/chat"

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.port}"


class Line(asyncio.Protocol):
    """One connection, from the server's side."""

    def __init__(self, server: Server2) -> None:
        self.server = server
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.open: dict[int, Asked] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.server.connections += 1
        self.alone = transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        if self.server.connections > self.server.takes or not self.alone:
            return transport.abort()
        if self.server.mute:
            return None
        self.h2.local_settings = Settings(client=False, initial_values=self.server.settings)
        self.h2.initiate_connection()
        return self.flush()

    def data_received(self, data: bytes) -> None:
        if self.server.mute:
            return
        with suppress(H2Error):
            for event in self.h2.receive_data(data):
                self.happened(event)
        self.flush()

    def happened(self, event) -> None:
        match event:
            case RequestReceived(stream_id=number, headers=headers):
                self.open[number] = asked = Asked(self, number, dict(headers))
                self.server.requests.append(asked)
                self.server.most_at_once = max(self.server.most_at_once, len(self.open))
                if self.server.early:
                    self.begin(asked)
            case DataReceived(stream_id=number, data=data):
                if not self.server.early:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                    self.open[number].body += data
            case StreamEnded(stream_id=number) if not self.server.early:
                self.begin(self.open[number])
            case StreamReset(stream_id=number):
                self.server.requests[-1].was_reset = True
                self.open.pop(number, None)

    def begin(self, asked: Asked) -> None:
        async def handle() -> None:
            with suppress(H2Error):
                await self.server.handler(asked)
            self.open.pop(asked.number, None)

        task = asyncio.create_task(handle())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def flush(self) -> None:
        if (data := self.h2.data_to_send()) and not self.transport.is_closing():
            self.transport.write(data)

    def say(self, data: bytes) -> None:
        """Say what h2 would not."""
        self.flush()
        self.transport.write(data)

    def goodbye(self, last: int) -> None:
        self.say(b"\0\0\x08\x07\0\0\0\0\0" + last.to_bytes(4) + bytes(4))

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self.tasks:
            task.cancel()


@asynccontextmanager
async def serve2(handler: Handler = answer_all, *, tls: ssl.TLSVersion | None = None, **how) -> AsyncGenerator[Server2]:
    """Run a server; `handler` has one request each, all of them at the same time."""
    server = Server2(handler, **how)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if tls:
        context.maximum_version = tls
    lines: list[Line] = []

    def made() -> Line:
        lines.append(Line(server))
        return lines[-1]

    listening = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=context, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for line in lines:
            if hasattr(line, "transport"):
                line.transport.abort()
        await asyncio.sleep(0)
