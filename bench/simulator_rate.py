"""How many requests a second the built-in provider answers on one core, next to a handler that does nothing.

    python bench/simulator_rate.py [--seconds 5] [--connections 100] [--quick]

The load comes from this process, over raw protocols that write one prepared request and look for the end of each
answer (about 25 us of CPU a request), so it needs a second core. The bare row is aiohttp's server with a constant
answer: what stays under it is ours.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import psutil
import uvloop
from aiohttp import web
from batchtop.engine.simulator import Behaviour, Simulator, serve
from ratios import Row, arguments, keep, row, tell

MODEL = "gpt-4o-mini"
LIMITED = Behaviour(rpm=100_000_000, tpm=1_000_000_000_000, latency_sigma=0.5, keys=("sk-bench",))
PROMPT = "Classify the sentiment of: " + "some words to be judged, " * 20


def ask() -> bytes:
    body = msgspec.json.encode({"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "temperature": 0})
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-bench\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Asker(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is whole."""

    def __init__(self, request: bytes, counted: list[int]) -> None:
        self.request, self.counted, self.received = request, counted, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and ask again."""
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self.received.decode())
        self.received = b""
        self.counted[0] += 1
        self.transport.write(self.request)


async def load(port: int, pid: int, connections: int, seconds: float) -> tuple[float, float]:
    """Return requests a second, and microseconds of the server's CPU a request."""
    counted = [0]
    loop, request, server = asyncio.get_running_loop(), ask(), psutil.Process(pid)
    made = [
        await loop.create_connection(lambda: Asker(request, counted), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(0.5)
    counted[0], started, used = 0, time.perf_counter(), sum(server.cpu_times()[:2])
    await asyncio.sleep(seconds)
    span, cpu, number = time.perf_counter() - started, sum(server.cpu_times()[:2]) - used, counted[0]
    for transport, _ in made:
        transport.abort()
    return number / span, cpu / number * 1e6


async def bare(ready: Connection) -> None:
    """Answer every request with the same bytes."""
    body = b'{"choices": [{"message": {"content": "Neutral: nothing in it stands out."}}]}'

    async def answer(request: web.BaseRequest) -> web.Response:
        await request.content.read()
        return web.Response(body=body, headers={"content-type": "application/json"})

    server = web.Server(answer, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    ready.send(listener.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


async def remembering(ready: Connection) -> None:
    """Keep every arrival in memory."""
    async with Simulator(LIMITED) as provider:
        ready.send(port_of(provider.base_url))
        await asyncio.Event().wait()


def port_of(url: str) -> int:
    return int(url.removesuffix("/v1").rsplit(":", 1)[1])


def run(kind: str, ready: Connection, folder: str) -> None:
    def tell(url: str) -> None:
        ready.send(port_of(url))

    match kind:
        case "bare aiohttp handler":
            uvloop.run(bare(ready))
        case "simulator":
            uvloop.run(serve(Behaviour(), port=0, on_ready=tell))
        case "+ key, rpm, tpm":
            uvloop.run(serve(LIMITED, port=0, on_ready=tell))
        case "+ arrivals in memory":
            uvloop.run(remembering(ready))
        case "+ arrivals in a file":
            uvloop.run(serve(LIMITED, port=0, log=Path(folder) / "arrivals.jsonl", on_ready=tell))


KINDS = ("bare aiohttp handler", "simulator", "+ key, rpm, tpm", "+ arrivals in memory", "+ arrivals in a file")


def measure(kind: str, connections: int, seconds: float) -> tuple[float, float]:
    context = get_context("spawn")
    ready, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=run, args=(kind, theirs, folder))
        process.start()
        try:
            return uvloop.run(load(ready.recv(), process.pid, connections, seconds))
        finally:
            process.terminate()
            process.join()


def rows_of(connections: int, seconds: float) -> Iterator[Row]:
    base = 0.0
    for kind in KINDS:
        rate, cpu_us = measure(kind, connections, seconds)
        base = base or rate
        beside = ("bare aiohttp handler", base) if kind != KINDS[0] else None
        yield row(f"provider, {kind}: {cpu_us:.0f} us CPU a request", rate, "/s", beside=beside)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=100)
    options = parser.parse_args()
    seconds = 0.5 if options.quick else options.seconds
    rows = tell(rows_of(options.connections, seconds))
    keep("simulator_rate", {"seconds": seconds, "bytes": len(ask())}, rows, quick=options.quick)


if __name__ == "__main__":
    main()
