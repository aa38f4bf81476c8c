"""What a URL says about where a request goes: to which host, and through which proxy of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import proxy_bypass

from yarl import URL

from ..outcome import Outcome
from .transport import TransportError


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a URL's text means, worked out once, so that what follows from it can be kept by what it is."""

    url: URL
    origin: str
    """The host and its port, as they are told to people."""
    proxy: URL | None
    where: tuple[str, str]
    """What requests must have in common to go by the same connection."""


def read_target(proxies: Mapping[str, str], text: str) -> Target:
    """Return what a URL means where these are the proxies by scheme; raises TransportError."""
    try:
        url = URL(text)
        host, port = url.host_subcomponent, url.port
    except ValueError:
        host = port = url = None
    if url is None or not host or url.scheme not in {"http", "https"}:
        raise TransportError(Outcome.CONNECTION, "the URL of a request must be of the form http(s)://host/path")
    origin = f"{host}:{port}"
    return Target(url, origin, _proxy(proxies, url), (url.scheme, origin))


def _proxy(proxies: Mapping[str, str], url: URL) -> URL | None:
    """Return the proxy for a URL; aiohttp's own look-up costs two thread hops and a file read each request."""
    text = proxies.get(url.scheme)
    if not text or proxy_bypass(f"{url.host}:{url.port}"):
        return None
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
        usable = proxy.scheme in {"http", "https"} and bool(proxy.host)
    except ValueError:
        proxy, usable = None, False
    if not usable:
        name = f"{url.scheme}_proxy"
        raise TransportError(Outcome.CONNECTION, f"the environment's {name} must be of the form http://host:port")
    return proxy
