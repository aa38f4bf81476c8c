"""The protocol of all that a call can go to: a request goes out, a response or a TransportError comes back."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from ..outcome import Outcome


class Request(Struct, frozen=True, gc=False):
    """One call; the body is sent as it is. Where no HTTP is spoken, the URL says what is asked in another scheme."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    method: str = "POST"

    def __repr__(self) -> str:
        """Leave the headers out, which hold the key."""
        return f"Request({self.method} {self.url}, {len(self.body):,} bytes)"


class Response(Struct, frozen=True, gc=False):
    """A whole answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_ms: float | None = None
    """How long after the request was sent the first of the body came, where that is known."""


class TransportError(Exception):
    """No whole answer came; the text says what happened to which host.

    `outcome` is `connection`, `timeout`, or `short_reply` for an answer too large to be taken: fewer items may fit.
    Work on this machine may fail as `bad_item` too: one of the items is the matter. What went to a provider in an
    earlier run, and is unknown there now, fails as `auth`.
    """

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Transport(Protocol):
    """What everything behind the engine can do that answers calls."""

    @property
    def connections(self) -> int:
        """Connections that are open now, 0 where that is not known."""
        ...

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """Send one request and return its whole answer; raises TransportError and nothing else."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


@runtime_checkable
class Warming(Protocol):
    """A transport whose connections can be opened before there is a request for them."""

    async def warm(self, url: str, count: int) -> None:
        """Open so many to the server of a URL, and tell nobody where that fails.

        Cancelled, it begins no more; what has begun is there for requests, until it has been idle for too long.
        """
        ...


@runtime_checkable
class Telling(Protocol):
    """A transport that has something to say to people now and then."""

    told: list[str]
    """What it has to say, oldest first; who tells it takes it out."""
