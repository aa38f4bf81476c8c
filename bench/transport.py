"""CPU and rate of AiohttpTransport.send beside a bare aiohttp loop: the same requests, turn by turn, in one run.

    python bench/transport.py [--requests 5000] [--in-flight 100] [--rounds 10] [--uvloop]

The server is a process of its own that answers every request with the same 600 bytes, so that what is measured is the
client.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from multiprocessing.connection import Connection

import aiohttp
import uvloop
from batchtop.engine.transport import Request
from batchtop.engine.transport_aiohttp import AiohttpTransport

HEADERS = {"Authorization": "Bearer key", "Content-Type": "application/json"}
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}' % (b"x" * 200)
REPLY = b'{"choices": [{"message": {"content": "%s"}}]}' % (b"y" * 550)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
    b"x-request-id: 0123456789abcdef\r\nx-ratelimit-remaining-requests: 100\r\nContent-Length: %d\r\n\r\n" % len(REPLY)
) + REPLY

Send = Callable[[], Awaitable[bytes]]


class Answering(asyncio.Protocol):
    """Answers as soon as a request is whole; all requests here are of one length."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self.transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.received += data
        _, blank, body = self.received.partition(b"\r\n\r\n")
        if blank and len(body) >= len(BODY):
            self.received = b""
            self.transport.write(ANSWER)


async def answer_forever(ready: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=4096)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def serve(ready: Connection) -> None:
    uvloop.run(answer_forever(ready))


@contextmanager
def server() -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{here.recv()}/v1/chat/completions"
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


async def compare(url: str, options: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        transport = AiohttpTransport()
        stack.push_async_callback(transport.aclose)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        limit = aiohttp.ClientTimeout(total=60)

        async def ours() -> bytes:
            return (await transport.send(Request(url, BODY, HEADERS), timeout_s=60)).body

        async def bare() -> bytes:
            async with session.post(url, data=BODY, headers=HEADERS, timeout=limit) as response:
                return await response.read()

        found = {"ours": [], "bare": []}
        for turn in range(options.rounds):
            for name, send in (("ours", ours), ("bare", bare))[:: 1 if turn % 2 else -1]:
                found[name].append(await measure(send, options.requests, options.in_flight))
    report(found)


def report(found: dict[str, list[tuple[float, float]]]) -> None:
    """Print the best round of each: what else runs on the machine only ever adds."""
    best = {name: (max(rate for rate, _ in rounds), min(cpu for _, cpu in rounds)) for name, rounds in found.items()}
    for name, (rate, cpu) in best.items():
        print(f"{name}: {rate:,.0f} requests/s, {cpu:.0f} us CPU a request")
    print(
        f"ours against bare: rate {best['ours'][0] / best['bare'][0]:.2f}, CPU {best['ours'][1] / best['bare'][1]:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    with server() as url:
        (uvloop.run if options.uvloop else asyncio.run)(compare(url, options))


if __name__ == "__main__":
    main()
