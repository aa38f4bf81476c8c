"""What a failed exchange is called: aiohttp's errors put into the words of the person who reads them.

No text here is taken from the error's own: those hold URLs with their queries, and headers with their keys.
"""

import errno
import os
import ssl
from typing import Final

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponseError,
    ConnectionTimeoutError,
    InvalidURL,
)
from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError

from ..outcome import Outcome
from .transport import TransportError

CONNECT_S: Final = 10.0


class HungUpError(ClientConnectionError):
    """The exchange ended before an answer's head; `stale` when the server can't have worked on the request."""

    def __init__(self, *, stale: bool, told: str = "connection dropped before an answer came") -> None:
        super().__init__(told)
        self.stale = stale


class NotTakenError(HungUpError):
    """The server has said that it did no work on a request."""

    def __init__(self) -> None:
        super().__init__(stale=True, told="the server did not take the request on (HTTP/2)")


class AnswerTooLargeError(ClientPayloadError):
    """An answer passed the limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"answer too large: more than {limit_bytes / 1024 / 1024:g} MiB")


def connect_limit_s(timeout_s: float) -> float:
    """Return how long connecting may take: a hair less than the whole, so that what runs out tells the phase."""
    return min(CONNECT_S, timeout_s * 0.95)


def explain(error: Exception, origin: str, timeout_s: float) -> TransportError:
    """Return the TransportError for what aiohttp raised in an exchange with `origin` (host:port)."""
    match error:
        case AnswerTooLargeError():
            return TransportError(Outcome.SHORT_REPLY, f"{origin}: {error}")
        case ConnectionTimeoutError():
            limit_s = min(CONNECT_S, timeout_s)
            return TransportError(Outcome.TIMEOUT, f"{origin}: timed out after {limit_s:g} s, connecting")
        case ClientConnectorError():
            return _not_connected(error)
        case TimeoutError():
            return TransportError(Outcome.TIMEOUT, f"{origin}: timed out after {timeout_s:g} s, waiting for the answer")
        case _:
            return TransportError(Outcome.CONNECTION, f"{origin}: {_broken_off(error)}")


def _not_connected(error: ClientConnectorError) -> TransportError:
    who = "proxy " if isinstance(error, ClientProxyConnectionError) else ""
    outcome = Outcome.TIMEOUT if error.errno == errno.ETIMEDOUT else Outcome.CONNECTION
    return TransportError(outcome, f"{who}{error.host}:{error.port}: {_obstacle(error)}")


def _obstacle(error: ClientConnectorError) -> str:
    """Say why there is no connection."""
    cause = error.os_error
    match error:
        case ClientConnectorDNSError():
            return "cannot resolve the host name"
        case ClientConnectorCertificateError():
            reason = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "it is not valid"
            return f"its TLS certificate is refused: {reason} (SSL_CERT_FILE can name a file of those to trust)"
        case ClientConnectorSSLError():
            return "the TLS handshake failed; is it an https port?"
        case _ if error.errno:
            return os.strerror(error.errno).lower()
        case _:
            return "cannot connect"


def _broken_off(error: Exception) -> str:
    """Say what went wrong once there was a connection."""
    if isinstance(error, HungUpError):
        return str(error)
    if isinstance(error, ClientHttpProxyError):
        return f"the proxy refused to connect to it (status {error.status})"
    if isinstance(error, ClientPayloadError) and isinstance(
        error.__cause__, ContentLengthError | TransferEncodingError
    ):
        return "connection dropped in the middle of the answer"
    return next((text for kind, text in _TEXTS if isinstance(error, kind)), "connection dropped")


_TEXTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ClientPayloadError, "malformed HTTP: the body of the answer can't be decoded"),
    (ClientResponseError, "malformed HTTP: the answer can't be read"),
    (InvalidURL, "the request's URL is not valid"),
    (ValueError, "the request can't be sent: is there a line break in a header or a key?"),
)
