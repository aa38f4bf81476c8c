"""The only place that knows HTTP: a request goes out, a response or a TransportError comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .outcome import Outcome


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call; the body is sent as it is."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No whole answer came; the text says what happened to which host.

    `outcome` is `connection`, `timeout`, or `short_reply` for an answer too large to be taken: fewer items may fit.
    """

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Transport(Protocol):
    """What every HTTP client behind the engine can do."""

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
