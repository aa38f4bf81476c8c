"""HTTP/1.1 as the fast transport says it: the bytes of a request."""

from base64 import b64encode
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from yarl import URL

from .target import Target
from .transport import Request

_OURS: Final = {"accept-encoding": "gzip, deflate", "user-agent": f"batchtop/{version('batchtop')}"}
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
"""How long a request is, is told by the transport alone."""
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def message(request: Request, target: Target) -> bytes:
    """Return what goes out for a request; raises ValueError when a line break in it would make it another one."""
    headers = {**_always(target), **{name.lower(): value for name, value in request.headers.items()}}
    method = request.method.upper()
    lines = [f"{method} {_where(target)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name not in _FRAMING]
    if request.body or method not in _BODILESS:
        lines.append(f"content-length: {len(request.body)}")
    head = "\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise ValueError("a line break in the head of a request")
    return b"".join((head.encode(), b"\r\n\r\n", request.body))


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
