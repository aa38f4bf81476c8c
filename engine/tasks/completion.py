"""What a chat completion says, come whole or in pieces. Pure.

A streamed answer is a list of server-sent events: each has a piece of the text, the last ones the reason for its end
and what it was billed for, and `[DONE]` closes it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from ..transports import Response
from .endpoint import UsageBlock

_DONE: Final = b"[DONE]"
_BOM: Final = b"\xef\xbb\xbf"


class Part(Struct, gc=False):
    """A piece of a message that comes in several."""

    text: str | None = None


class Message(Struct, gc=False):
    """What was answered."""

    content: str | list[Part] | None = None
    refusal: str | None = None

    def text(self) -> str | None:
        """Return all that is said in it, None where it says nothing."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content


class Choice(Struct, gc=False):
    """One answer, and why it ends where it does."""

    message: Message
    finish_reason: str | None = None


class Completion(Struct, gc=False):
    """A body of /v1/chat/completions."""

    choices: list[Choice]
    usage: UsageBlock | None = None


class _PieceChoice(Struct):
    delta: Message | None = None
    finish_reason: str | None = None
    index: int = 0


class _Piece(Struct):
    choices: list[_PieceChoice] | None = None
    usage: UsageBlock | None = None
    error: Raw = Raw()


class Streamed(NamedTuple):
    """What a stream came to."""

    completion: Completion
    whole: bool
    """Whether it came to its end."""
    fault: bytes = b""
    """The event that tells of an error, if one does."""


def is_stream(response: Response) -> bool:
    """Return whether an answer came as server-sent events; a server may not know how."""
    return "event-stream" in response.headers.get("content-type", "") or response.body.startswith(b"data:")


def decode(body: bytes) -> Completion:
    """Return the completion in a body that came whole; raises ValueError or RecursionError where there is none."""
    return _decode(body)


def assembled(body: bytes) -> Streamed:
    """Return what the pieces of a stream say together; what can't be read of it ends it."""
    said, refused, reason = list[str](), list[str](), None
    usage, begun, done = None, False, False
    for event in _events(body):
        if event == _DONE:
            done = True
            break
        try:
            piece = _decode_piece(event)
        except (ValueError, RecursionError):
            break
        if piece.error and bytes(piece.error) != b"null":
            return Streamed(Completion([]), whole=False, fault=event)
        usage = piece.usage or usage
        for choice in piece.choices or ():
            if choice.index == 0:
                begun = True
                delta = choice.delta or Message()
                said.append(delta.text() or "")
                refused.append(delta.refusal or "")
                reason = choice.finish_reason or reason
    message = Message("".join(said), "".join(refused) or None)
    choices = [Choice(message, reason)] if begun else []
    return Streamed(Completion(choices, usage), whole=done or reason is not None)


def _events(body: bytes) -> Iterator[bytes]:
    """Yield the data of each event; one that the end of the stream cuts off is none."""
    data: list[bytes] = []
    for line in body.removeprefix(_BOM).splitlines(keepends=True):
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif not text and data:
            yield b"\n".join(data)
            data = []
    if data and body.endswith((b"\n", b"\r", _DONE)):
        yield b"\n".join(data)


_decode = msgspec.json.Decoder(Completion).decode
_decode_piece = msgspec.json.Decoder(_Piece).decode
