"""The frames of HTTP/2 as they come by a connection, in whole ones, with those that say goodbye taken out."""

from collections.abc import Callable
from typing import Final

_HEAD: Final = 9
_GOAWAY: Final = 7
_SETTINGS: Final = 4
_MOST_BYTES: Final = 16_384
"""What a frame may hold where nobody has allowed more."""


class Frames:
    """What came and is not whole yet.

    h2 takes a GOAWAY for the end of everything, though what the server has begun to work on goes on after it, and is
    paid for. So h2 does not get to see it.
    """

    def __init__(self) -> None:
        self._rest: bytes = b""
        self.settled: bool = False
        """Whether the server has said what it allows, as it has to before anything else."""

    def feed(self, data: bytes) -> tuple[bytes, int | None]:
        """Return the whole frames, and of a goodbye the last stream that the server may have worked on.

        Raises ValueError for a frame that is larger than any may be.
        """
        data = self._rest + data if self._rest else data
        begin, kept, last = 0, list[bytes](), None
        while len(data) - begin >= _HEAD:
            length = int.from_bytes(data[begin : begin + 3])
            end = begin + _HEAD + length
            if length > _MOST_BYTES:
                raise ValueError("a frame that nobody has allowed")
            if len(data) < end:
                break
            if data[begin + 3] == _GOAWAY and length >= 8:
                said = int.from_bytes(data[begin + _HEAD : begin + _HEAD + 4]) & 0x7FFFFFFF
                last = said if last is None else min(last, said)
            else:
                # With the flag set it only says that ours were heard.
                self.settled = self.settled or (data[begin + 3] == _SETTINGS and not data[begin + 4] & 1)
                kept.append(data[begin:end])
            begin = end
        self._rest = data[begin:]
        return b"".join(kept), last


class Early:
    """What aiohttp gives the bytes to that came before the connection was taken over."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Hand them on."""
        if data:
            self._receive(data)
        return False, b""
