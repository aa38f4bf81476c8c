"""Who may see the dashboard in a browser: whoever has the address that was printed, and no page of somebody else.

A random token stands in that address. The first visit changes it for a cookie, and every request without it is refused.
"""

import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

TOKEN: Final = "token"  # noqa: S105 (the name of a parameter)
TOKEN_BYTES: Final = 32
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self';"
        " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The page loads nothing from elsewhere, stands in no other page, and tells nobody its address."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuses every request that does not come from the person at this dashboard."""

    host: str
    """The address that the server listens on."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES), repr=False)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host.lower() == "localhost" or _is_loopback(self.host)

    @property
    def everywhere(self) -> bool:
        """Whether the address stands for all that this machine has; no browser can open it then."""
        return _is_address(self.host, unspecified=True)

    @property
    def name(self) -> str:
        """What a browser calls the server by: the machine's name where it listens everywhere, else its address."""
        if self.everywhere:
            return socket.gethostname()
        return f"[{self.host}]" if ":" in self.host else self.host

    @web.middleware
    async def __call__(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Pass a request on, or refuse it."""
        if why := self._wrong(request):
            return web.Response(status=HTTPStatus.FORBIDDEN, text=f"{why}\n", headers=_HEADERS)
        if request.path == "/" and TOKEN in request.query:
            return self._let_in(request)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _wrong(self, request: web.Request) -> str:
        """Return why a request is refused, if it is."""
        if not self._is_our_name(request.host):
            return "this server does not answer to that name"
        upgrade = "websocket" in request.headers.get("Upgrade", "").lower()
        origin = request.headers.get("Origin", "" if upgrade else f"//{request.host}")
        if origin.partition("//")[2] != request.host:
            return "this comes from another page"
        given = [request.cookies.get(_cookie(request)), request.query.get(TOKEN) if request.path == "/" else None]
        if not any(secrets.compare_digest((each or "").encode(), self.token.encode()) for each in given):
            return "open the address that `batchtop web` has printed"
        return ""

    def _is_our_name(self, host: str) -> bool:
        """Return whether a request was meant for us; a foreign name may have been pointed at this machine."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if self.loopback:
            return name == "localhost" or _is_loopback(name)
        return name == self.host.lower() or self.everywhere

    def _let_in(self, request: web.Request) -> web.Response:
        """Give the cookie for the token, and take the token out of the address.

        Strict would refuse who followed the address from another page, such as a terminal in a browser; `_wrong` looks
        after the rest.
        """
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={**_HEADERS, "Location": "/"})
        response.set_cookie(_cookie(request), self.token, httponly=True, samesite="Lax", path="/")
        return response


def _cookie(request: web.Request) -> str:
    """Return the name of our cookie: cookies know no ports, so that two servers on a machine would share one."""
    local = request.transport and request.transport.get_extra_info("sockname")
    return f"batchtop-{local[1] if local else 0}"


def _is_loopback(name: str) -> bool:
    return _is_address(name, unspecified=False) and ip_address(name).is_loopback


def _is_address(name: str, *, unspecified: bool) -> bool:
    try:
        return ip_address(name).is_unspecified or not unspecified
    except ValueError:
        return False
