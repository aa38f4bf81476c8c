"""CPU and rate of the HTTP transports beside a bare aiohttp loop: the same requests, turn by turn, in one run.

    python bench/transport.py [--requests 5000] [--in-flight 100] [--rounds 10]

The server is a process of its own that answers every request with the same 600 bytes, so that what is measured is the
client, on uvloop, first without TLS and then with it, where it speaks HTTP/2 with who asks for it.
"""

import argparse
import asyncio
import multiprocessing
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

import aiohttp
import uvloop
from batchtop.engine.transports import Request, Transport
from batchtop.engine.transports.aiohttp import AiohttpTransport
from batchtop.engine.transports.fast import FastTransport
from batchtop.engine.transports.http2 import Http2Transport
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from ratios import Row, arguments, keep, row, tell

PEM = Path(__file__).parents[1] / "tests" / "engine" / "localhost.pem"

HEADERS = {"Authorization": "Bearer key", "Content-Type": "application/json"}
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}' % (b"x" * 200)
REPLY = b'{"choices": [{"message": {"content": "%s"}}]}' % (b"y" * 550)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
    b"x-request-id: 0123456789abcdef\r\nx-ratelimit-remaining-requests: 100\r\nContent-Length: %d\r\n\r\n" % len(REPLY)
) + REPLY
HEAD_2 = [
    (":status", "200"),
    *(tuple(line.lower().split(": ", 1)) for line in ANSWER.decode().partition("\r\n\r\n")[0].split("\r\n")[1:]),
]

Send = Callable[[], Awaitable[bytes]]


class Answering(asyncio.Protocol):
    """Answers as soon as a request is whole; all requests here are of one length."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # noqa: D102
        self.transport = transport
        shaken = transport.get_extra_info("ssl_object")
        if shaken and shaken.selected_alpn_protocol() == "h2":
            transport.set_protocol(Answering2(transport))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.received += data
        _, blank, body = self.received.partition(b"\r\n\r\n")
        if blank and len(body) >= len(BODY):
            self.received = b""
            self.transport.write(ANSWER)


class Answering2(asyncio.Protocol):
    """The same in HTTP/2."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.h2 = H2Connection(H2Configuration(client_side=False))
        self.h2.initiate_connection()
        self.transport.write(self.h2.data_to_send())

    def data_received(self, data: bytes) -> None:  # noqa: D102
        for event in self.h2.receive_data(data):
            if isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.h2.send_headers(event.stream_id, HEAD_2)
                self.h2.send_data(event.stream_id, REPLY, end_stream=True)
        self.transport.write(self.h2.data_to_send())


def certified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def answer_forever(ready: Connection, context: ssl.SSLContext | None) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=4096, ssl=context)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def serve(ready: Connection) -> None:
    uvloop.run(answer_forever(ready, None))


def serve_tls(ready: Connection) -> None:
    uvloop.run(answer_forever(ready, certified()))


@contextmanager
def server(*, tls: bool) -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve_tls if tls else serve, args=(there,), daemon=True
    )
    process.start()
    yield f"http{'s' if tls else ''}://127.0.0.1:{here.recv()}/v1/chat/completions"
    process.terminate()
    process.join()


async def measure(send: Send, requests: int, in_flight: int) -> tuple[float, float]:
    """Return requests a second and CPU microseconds a request."""

    async def work() -> None:
        for _ in range(requests // in_flight):
            await send()

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    done = requests // in_flight * in_flight
    return done / (time.perf_counter() - began), (time.process_time() - cpu) / done * 1e6


Rounds: TypeAlias = dict[str, list[tuple[float, float]]]
"""Requests a second and CPU of each round, by client."""


async def compare(url: str, options: argparse.Namespace) -> Rounds:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        limit = aiohttp.ClientTimeout(total=60)

        def through(transport: Transport) -> Send:
            async def send() -> bytes:
                return (await transport.send(Request(url, BODY, HEADERS), timeout_s=60)).body

            stack.push_async_callback(transport.aclose)
            return send

        async def bare() -> bytes:
            async with session.post(url, data=BODY, headers=HEADERS, timeout=limit) as response:
                return await response.read()

        sends = {"bare": bare, "aiohttp": through(AiohttpTransport()), "fast": through(FastTransport())}
        if url.startswith("https"):
            sends["http2"] = through(Http2Transport())
        found: Rounds = {name: [] for name in sends}
        for turn in range(options.rounds):
            for name, send in list(sends.items())[:: 1 if turn % 2 else -1]:
                found[name].append(await measure(send, options.requests, options.in_flight))
    return found


def rows_of(found: Rounds, load: str) -> Iterator[Row]:
    """Yield the best round of each: what else runs on the machine only ever adds."""
    best = {name: (max(rate for rate, _ in rounds), min(cpu for _, cpu in rounds)) for name, rounds in found.items()}
    bare_rate, bare_cpu = best.pop("bare")
    for name, (rate, cpu) in best.items():
        bar = 1 / 3 if name == "fast" and "TLS" in load else None
        yield row(f"transport, {load}: {name}", rate, "/s", beside=("bare aiohttp", bare_rate))
        yield row(f"transport, {load}: CPU, {name}", cpu, "us", beside=("bare aiohttp", bare_cpu), most=bar)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    if options.quick:
        options.requests, options.rounds = 500, 1
    if os.environ.get("SSL_CERT_FILE") != str(PEM):  # which is read when aiohttp is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "SSL_CERT_FILE": str(PEM)})
    found: dict[str, Rounds] = {}
    rows: list[Row] = []
    for name in ("plain", "TLS"):
        load = f"{name}, {options.in_flight} in flight"
        with server(tls=name == "TLS") as url:
            found[load] = uvloop.run(compare(url, options))
        rows += tell(rows_of(found[load], load))
    keep("transport", found, rows, quick=options.quick)


if __name__ == "__main__":
    main()
