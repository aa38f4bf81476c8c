"""What an engine and a worker process say to each other, over one socket: frames with their length before them."""

import struct
from dataclasses import dataclass
from socket import socket
from typing import Final

from msgspec import Struct

from ...taskspec import PythonSpec

HEAD: Final = struct.Struct("!BdQ")
"""What follows, a time, its bytes."""

CALL: Final = 1
GOOD: Final = 2
BAD: Final = 3


class Setup(Struct):
    """The first thing that a worker is told."""

    task: PythonSpec
    path: list[str]
    """Where the engine looks for modules."""


class Failure(Struct):
    """What a worker answers for a call that failed as one."""

    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing said."""

    kind: int
    body: bytes = b""
    timeout_s: float = 0.0
    """How long a call may take."""

    def packed(self) -> bytes:
        """Return it as it is sent."""
        return HEAD.pack(self.kind, self.timeout_s, len(self.body)) + self.body


def receive(line: socket) -> Frame:
    """Wait for a frame; raises ConnectionError when the other end is gone."""
    kind, timeout_s, length = HEAD.unpack(_exactly(line, HEAD.size))
    return Frame(kind, _exactly(line, length), timeout_s)


def _exactly(line: socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = line.recv(min(count - len(data), 1 << 20))
        if not piece:
            raise ConnectionError("the other end is gone")
        data += piece
    return bytes(data)
