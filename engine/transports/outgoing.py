"""HTTP/1.1 as the HTTP client says it: the bytes of a request; and what HTTP/2 says in their place."""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from yarl import URL

from .target import Target
from .transport import Request

_OURS: Final = {"accept-encoding": "gzip, deflate", "user-agent": f"batchtop/{version('batchtop')}"}
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
"""How long a request is, is told by the transport alone."""
_HOP: Final = frozenset({"connection", "keep-alive", "proxy-connection", "te", "upgrade"})
"""What is about one connection of HTTP/1.1, and has no place in HTTP/2."""
_BREAK: Final = re.compile("[\r\n\0]")
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Heads:
    """What goes out before the bodies of requests: mostly a job has the same all along, but for one line."""

    def __init__(self) -> None:
        self._lines = lru_cache(maxsize=256)(_lines)

    def of(self, request: Request, target: Target) -> bytes:
        """Return the head of a request; raises ValueError when a line break in it would make it another request."""
        lines = self._lines(request.method, target, tuple(request.headers.items()))
        if _is_measured(request):
            return lines + b"content-length: %d\r\n\r\n" % len(request.body)
        return lines + b"\r\n"


def _lines(method: str, target: Target, headers: tuple[tuple[str, str], ...]) -> bytes:
    """Return all lines but that of the length, and the empty one."""
    lines = [f"{method.upper()} {_where(target)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in _headers(dict(headers), target).items()]
    text = "\r\n".join([*lines, ""])
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise _unsendable()
    return text.encode()


def fields(request: Request, target: Target) -> list[tuple[str, str]]:
    """Return the head of a request as HTTP/2 says it; raises ValueError as `Heads` does."""
    headers = _headers(request.headers, target)
    if _is_measured(request):
        headers["content-length"] = str(len(request.body))
    found = [
        (":method", request.method.upper()),
        (":scheme", target.url.scheme),
        (":authority", headers.pop("host")),
        (":path", _where(target)),
        *((name, value.strip(" \t")) for name, value in headers.items() if name not in _HOP),
    ]
    if _BREAK.search("".join(map("".join, found))):
        raise _unsendable()
    return found


def _headers(own: Mapping[str, str], target: Target) -> dict[str, str]:
    headers = {**_always(target), **{name.lower(): value for name, value in own.items()}}
    return {name: value for name, value in headers.items() if name not in _FRAMING}


def _is_measured(request: Request) -> bool:
    return bool(request.body) or request.method.upper() not in _BODILESS


def _unsendable() -> ValueError:
    return ValueError("a line break in the head of a request")


@lru_cache(maxsize=256)
def _where(target: Target) -> str:
    """Return the path as the next on the way wants it; a proxy wants the whole URL, unless it only tunnels."""
    url = target.url.with_fragment(None).with_user(None)
    return str(url) if _relayed(target) else url.raw_path_qs


@lru_cache(maxsize=256)
def _always(target: Target) -> dict[str, str]:
    """Return the headers that every request to a URL has, unless it says otherwise."""
    headers = {"host": target.url.host_port_subcomponent or "", **_OURS}
    if target.url.user or target.url.password:
        headers["authorization"] = _basic(target.url)
    if target.proxy and _relayed(target) and (target.proxy.user or target.proxy.password):
        headers["proxy-authorization"] = _basic(target.proxy)
    return headers


def _relayed(target: Target) -> bool:
    return target.proxy is not None and target.url.scheme == "http"


def _basic(url: URL) -> str:
    return "Basic " + b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
