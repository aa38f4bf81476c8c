"""A provider that costs next to nothing, in a process of its own: it answers each request alike after its latency.

It tells what arrived when, so that the speed of every client is read off the same clock, at the same place. A request
for embeddings is answered with as many short vectors as it has texts of `scale_made.py`.
"""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

REPLY = (
    b'{"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,'
    b' "finish_reason": "stop", "message": {"role": "assistant", "content": "%s"}}],'
    b' "usage": {"prompt_tokens": 60, "completion_tokens": 60, "total_tokens": 120}}' % (b"y" * 350)
)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: 0123456789abcdef\r\n"
    b"Date: Sat, 01 Jan 2000 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n"
)
ANSWER = HEAD % len(REPLY) + REPLY
MARK = b"item "
VECTOR = b'{"index": %d, "embedding": [0.1, 0.2, 0.3, 0.4]}'


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came in since it was asked last."""

    requests: int
    first_at: float
    last_at: float
    answered_at: float
    """When the first answer was sent."""

    @property
    def per_s(self) -> float:
        """Requests a second between the first and the last."""
        return (self.requests - 1) / (self.last_at - self.first_at) if self.requests > 1 else 0.0


@dataclass(slots=True)
class Provider:
    """The other end of the process."""

    url: str
    _pipe: Connection

    def begin(self, latency_s: float, jitter: float = 0.0) -> None:
        """Answer so late from now on, give or take a share of it, and count from nought."""
        self._pipe.send((latency_s, jitter))
        self._pipe.recv()

    def arrivals(self) -> Arrivals:
        """Return what came in since `begin`."""
        self._pipe.send(None)
        return self._pipe.recv()


class _Answering(asyncio.Protocol):
    latency_s = jitter = 0.0
    count = 0
    first_at = last_at = answered_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        self.received = b""
        self.answer = vectors(body.count(MARK)) if b"/embeddings " in head else ANSWER
        kind = type(self)
        kind.last_at = time.perf_counter()
        kind.first_at = kind.first_at or kind.last_at
        kind.count += 1
        if kind.latency_s:
            late = kind.latency_s * (1 + kind.jitter * random.uniform(-1, 1))
            asyncio.get_running_loop().call_later(late, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        if not self.transport.is_closing():
            kind = type(self)
            kind.answered_at = kind.answered_at or time.perf_counter()
            self.transport.write(self.answer)


def vectors(count: int) -> bytes:
    """Return an answer with so many vectors."""
    data = b", ".join(VECTOR % index for index in range(count))
    body = b'{"data": [%s], "usage": {"prompt_tokens": %d}}' % (data, 20 * count)
    return HEAD % len(body) + body


def _length(head: bytes) -> int:
    found = head.lower().partition(b"content-length:")[2]
    return int(found.split(b"\r\n", 1)[0]) if found else 0


async def _answer_forever(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", 0, backlog=4096)
    pipe.send(server.sockets[0].getsockname()[1])

    def asked() -> None:
        wish = pipe.recv()
        if wish is None:
            kind = _Answering
            pipe.send(Arrivals(kind.count, kind.first_at, kind.last_at, kind.answered_at))
        else:
            _Answering.latency_s, _Answering.jitter = wish
            _Answering.count, _Answering.first_at, _Answering.answered_at = 0, 0.0, 0.0
            pipe.send(None)

    loop.add_reader(pipe.fileno(), asked)
    await server.serve_forever()


def _serve(pipe: Connection) -> None:
    uvloop.run(_answer_forever(pipe))


@contextmanager
def loopback() -> Iterator[Provider]:
    """Run the provider for so long."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    yield Provider(f"http://127.0.0.1:{here.recv()}/v1", here)
    process.terminate()
    process.join()
