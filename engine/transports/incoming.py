"""HTTP/1.1 as the HTTP client hears it: answers from the bytes of a connection, as they come."""

import zlib
from functools import lru_cache
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from .failures import AnswerTooLargeError
from .transport import Response

MAX_IDLE_BYTES: Final = 1024 * 1024
"""More than this without an end of the head, or a piece of the body, is no answer."""

_PACKINGS: Final = frozenset({"br", "compress", "deflate", "gzip", "x-compress", "x-gzip", "zstd"})


class UnsoundError(Exception):
    """An answer did not come whole, or makes no sense; the text says which."""


class Incoming:
    """The answers that one connection brings, one after the other."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parser = HttpResponseParser(self)
        # What servers do that are none too exact, and what aiohttp bears with too; none of it makes two answers of one.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._begin()
        self.expect(bodiless=False)

    def expect(self, *, bodiless: bool) -> None:
        """Begin with the next answer, which has no body where that is known beforehand."""
        self.begun = self.whole = self.keep = False
        self._bodiless = bodiless
        self._idle_bytes = 0

    def _begin(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()  # one thing to grow: an object for each piece could be many times what it holds
        self._lengthless = False

    def forget(self) -> None:
        """Let go of an answer that nobody waits for any more."""
        self._begin()

    @property
    def headed(self) -> bool:
        """Whether the head is there."""
        return self._status > 0

    @property
    def bodied(self) -> bool:
        """Whether part of the body is there."""
        return bool(self._body)

    def feed(self, data: bytes) -> None:
        """Take what came; raises UnsoundError when it can't be read, AnswerTooLargeError when it is too much."""
        self.begun = True
        self._idle_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.keep = False
            if not self.whole:
                raise unreadable() from None
        if len(self._body) > self._max_bytes:
            raise AnswerTooLargeError(self._max_bytes)
        if self._idle_bytes > MAX_IDLE_BYTES and not self.whole:
            raise unreadable()

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection makes the answer whole."""
        return self._lengthless

    def answer(self, first_ms: float) -> Response:
        """Return the answer, which is whole; raises as `feed` does."""
        body = unpack(bytes(self._body), self._headers.get("content-encoding", ""), self._max_bytes)
        response = Response(self._status, self._headers, body, first_ms)
        self._begin()
        return response

    # ── what the parser tells; whatever follows a whole answer was not asked for ──

    def on_message_begin(self) -> None:
        """Mistrust a connection that brings more than was asked for."""
        if self.whole:
            self.keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head; of a repeated one the last."""
        if b"\0" in value:
            raise unreadable()
        if not (self.whole or self._status):
            self._headers[lower_case(name)] = value.decode("utf-8", "surrogateescape").rstrip(" \t")

    def on_headers_complete(self) -> None:
        """Learn from the head where the answer ends."""
        if self.whole:
            return
        self._idle_bytes = 0
        self._status = self._parser.get_status_code()
        coding = self._headers.get("transfer-encoding")
        lengthless = "content-length" not in self._headers if coding is None else not coding.lower().endswith("chunked")
        self._lengthless = lengthless and self._status >= 200
        if self._bodiless and self._status >= 200:
            self.whole = True

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body, none once it is over the limit."""
        if self.whole:
            return
        self._idle_bytes = 0
        if len(self._body) <= self._max_bytes:
            self._body += piece

    def on_message_complete(self) -> None:
        """Know the answer whole, unless it was one that announces the next."""
        if self.whole:
            return
        if self._status < 200:
            self._begin()
        else:
            self.whole, self.keep = True, self._parser.should_keep_alive()


@lru_cache(maxsize=1024)
def lower_case(name: bytes) -> str:
    """Return the name of a header as it is looked up."""
    return name.decode("latin-1").lower()


def unpack(body: bytes, coding: str, max_bytes: int) -> bytes:
    """Return a body without its coding; raises UnsoundError, and AnswerTooLargeError before memory is full of it."""
    if not body or not coding:
        return body
    match [each for each in map(str.strip, coding.lower().split(",")) if each not in {"", "identity"}]:
        case ["gzip" | "x-gzip" | "deflate" as packing]:
            return _unpacked(body, packing, max_bytes)
        case named if _PACKINGS.isdisjoint(named):
            return body  # some servers tell the character set here
        case _:
            raise _undecodable()


def _unpacked(body: bytes, packing: str, max_bytes: int) -> bytes:
    # A bare deflate stream, without zlib's head, is what some servers mean by the name.
    bare = packing == "deflate" and body[0] & 15 != 8
    wbits = -zlib.MAX_WBITS if bare else 32 + zlib.MAX_WBITS
    pieces: list[bytes] = []
    left = max_bytes
    while body:
        unpacker = zlib.decompressobj(wbits)
        try:
            piece = unpacker.decompress(body, left + 1)
        except zlib.error:
            raise _undecodable() from None
        left -= len(piece)
        if left < 0:
            raise AnswerTooLargeError(max_bytes)
        if not unpacker.eof:
            raise _undecodable()
        pieces.append(piece)
        # Gzip may go on with another member; what else follows is padding.
        body = unpacker.unused_data if unpacker.unused_data.startswith(b"\x1f\x8b") else b""
    return b"".join(pieces)


def unreadable() -> UnsoundError:
    """Return what to say of an answer that is no HTTP."""
    return UnsoundError("malformed HTTP: the answer can't be read")


def _undecodable() -> UnsoundError:
    return UnsoundError("malformed HTTP: the body of the answer can't be decoded")
