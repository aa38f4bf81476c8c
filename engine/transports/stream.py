"""One exchange on a connection of HTTP/2: what of its request has to go out yet, what of its answer has come."""

import asyncio
from collections.abc import Iterable

from .incoming import lower_case, unpack
from .transport import Response


class Stream:
    """An exchange that is under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, body: bytes) -> None:
        self._loop = loop
        self.waiting: asyncio.Future[Response] = loop.create_future()
        self.unsent = memoryview(body)
        self.sent = loop.time()
        self._first: float | None = None
        self._status = self._size = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []

    @property
    def headed(self) -> bool:
        """Whether the head is there."""
        return self._status > 0

    def head(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the head of the answer; of a repeated header the last."""
        self._headers = {lower_case(name): value.decode("utf-8", "surrogateescape") for name, value in headers}
        self._status = int(self._headers.pop(":status"))

    def body(self, piece: bytes) -> int:
        """Take a piece of the body, and return how large it is by now."""
        if self._first is None:
            self._first = self._loop.time()
        self._size += len(piece)
        self._pieces.append(piece)
        return self._size

    def answer(self, max_bytes: int) -> Response:
        """Return the answer, which is whole; raises UnsoundError, AnswerTooLargeError."""
        first = self._loop.time() if self._first is None else self._first
        body = unpack(b"".join(self._pieces), self._headers.get("content-encoding", ""), max_bytes)
        return Response(self._status, self._headers, body, (first - self.sent) * 1000)
