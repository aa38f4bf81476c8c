"""What it saves to open connections while a job's input is loaded: time to the first answers, with and without.

    python bench/warm.py [--rounds 5] [--delay-ms 150] [--rows 20000] [--in-flight 100]

The server, in a process of its own, begins the TLS handshake of each connection only after the delay, as one far away
does, and answers at once. Each round runs the same fresh job twice, turn by turn: with a transport that opens
connections beforehand, and with the same one that does not. Figures are medians of the rounds.
"""

import asyncio
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from batchtop.engine import Engine
from batchtop.engine.jobfile import load_job
from batchtop.engine.transports import Request, Response, Transport
from batchtop.engine.transports.aiohttp import AiohttpTransport
from batchtop.engine.transports.fast import FastTransport
from batchtop.engine.transports.http2 import Http2Transport
from floor import write_job
from ratios import Row, arguments, keep, row, tell
from scale_made import write_input
from transport import ANSWER, PEM, Answering2, certified

FIRST = 100
KINDS = {"aiohttp": AiohttpTransport, "fast": FastTransport, "http2": Http2Transport}


class Cold:
    """A transport that opens no connection before it is asked to send, and notes when it was answered."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.enough = asyncio.Event()
        self.answered: list[float] = []
        self.took: list[float] = []

    @property
    def connections(self) -> int:  # noqa: D102
        return self.inner.connections

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: D102
        sent = time.perf_counter()
        response = await self.inner.send(request, timeout_s=timeout_s)
        self.answered.append(time.perf_counter())
        self.took.append(self.answered[-1] - sent)
        if len(self.took) == FIRST:
            self.enough.set()
        return response

    async def aclose(self) -> None:  # noqa: D102
        await self.inner.aclose()


class Warm(Cold):
    """The same that does."""

    async def warm(self, url: str, count: int) -> None:  # noqa: D102
        await self.inner.warm(url, count)


class Answering(asyncio.Protocol):
    """Answers each request as soon as it is whole, in HTTP/1.1 or in HTTP/2."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # noqa: D102
        self.transport, self.received = transport, b""
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            transport.set_protocol(Answering2(transport))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if blank and len(body) >= int(length or 0):
            self.received = b""
            self.transport.write(ANSWER)


async def answer_forever(ready: Connection, delay_s: float) -> None:
    loop, context, tasks = asyncio.get_running_loop(), certified(), set[asyncio.Task[None]]()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)  # noqa: FBT003

    async def begin(accepted: socket.socket) -> None:
        await asyncio.sleep(delay_s)
        try:
            await loop.connect_accepted_socket(Answering, accepted, ssl=context)
        except OSError:
            accepted.close()

    ready.send(listener.getsockname()[1])
    while True:
        accepted, _ = await loop.sock_accept(listener)
        task = asyncio.create_task(begin(accepted))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def serve(ready: Connection, delay_s: float) -> None:
    uvloop.run(answer_forever(ready, delay_s))


@contextmanager
def server(delay_s: float) -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, delay_s), daemon=True)
    process.start()
    yield f"https://127.0.0.1:{here.recv()}/v1"
    process.terminate()
    process.join()


async def once(url: str, transport: Cold, rows: int, in_flight: int) -> tuple[float, float, float]:
    """Return seconds from the start to the first answer and to the hundredth, and the p99 of the first hundred."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", rows, shuffled=False)
        write_job(folder, url, in_flight)
        job = load_job(folder / "job.toml")
        async with Engine(folder / "work.db", transport=lambda: transport) as engine:
            began = time.perf_counter()
            run = asyncio.create_task(engine.run(job))
            await transport.enough.wait()
            engine.drain("enough was seen")
            await run
    return transport.answered[0] - began, transport.answered[FIRST - 1] - began, sorted(transport.took[:FIRST])[-2]


def rows_of(found: dict[tuple[str, str], list[tuple[float, float, float]]]) -> Iterator[Row]:
    """Yield medians of the rounds, with and without."""
    median = {
        key: [statistics.median(each) * 1000 for each in zip(*rounds, strict=True)] for key, rounds in found.items()
    }
    for name in KINDS:
        for number, what in enumerate(("first answer", f"answer {FIRST}", f"p99 of the first {FIRST}")):
            warm, cold = median[name, "warm"][number], median[name, "cold"][number]
            yield row(f"connections beforehand, {name}: {what}", warm, "ms", beside=("without", cold))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=150)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=100)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.rows = 1, 2000
    if os.environ.get("SSL_CERT_FILE") != str(PEM):  # which is read when aiohttp is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "SSL_CERT_FILE": str(PEM)})
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    with server(options.delay_ms / 1000) as url:
        for turn in range(options.rounds):
            for name, kind in KINDS.items():
                for way in (Cold, Warm)[:: 1 if turn % 2 else -1]:
                    seen = uvloop.run(once(url, way(kind()), options.rows, options.in_flight))
                    found.setdefault((name, way.__name__.lower()), []).append(seen)
    told = {" ".join(key): rounds for key, rounds in found.items()}
    keep("warm", told, tell(rows_of(found)), quick=options.quick)


if __name__ == "__main__":
    main()
