"""The web server: one page, the files of textual-serve that draw a terminal in it, and a websocket for each visit."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from aiohttp import WSCloseCode, web

from ...engine.errors import UsageError
from ...engine.text import clean, redact
from ..say import say
from .guard import TOKEN, Guard
from .page import SCRIPT, STYLE
from .visit import GRACE_S, visit

MOST_VISITS: Final = 16
"""Pages open at a time; each is a process of its own."""
_LETTER_BYTES: Final = 256 * 1024
_PACKAGE: Final = "textual_serve"


class Server:
    """Serves dashboards: `async with Server(...) as server`; leaving closes all of them.

    `words` start one, and `page` makes the page for the websocket at an address.
    """

    def __init__(self, words: Sequence[str], page: Callable[[str], str], guard: Guard, port: int) -> None:
        self._words, self._page, self._guard, self._port = words, page, guard, port
        self._visits = set[web.WebSocketResponse]()

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=GRACE_S + 2)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._guard.host, self._port).start()
        except (OSError, UnicodeError) as error:
            await self._runner.cleanup()
            raise UsageError(f"{self._guard.host}:{self._port}: can't listen there{_told(error)}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._runner.addresses[0][1]

    @property
    def address(self) -> str:
        """The address that lets a person in."""
        return f"http://{self._guard.name}:{self.port}/?{TOKEN}={self._guard.token}"

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard.__call__])
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/page.css", _file(STYLE, "text/css")),
                web.get("/page.js", _file(SCRIPT, "text/javascript")),
                web.get("/ws", self._visit),
                web.static("/static", assets()),
            ]
        )
        app.on_shutdown.append(self._close_all)
        return app

    async def _index(self, request: web.Request) -> web.Response:
        return web.Response(text=self._page(f"ws://{request.host}/ws"), content_type="text/html")

    async def _visit(self, request: web.Request) -> web.StreamResponse:
        """Run a dashboard for a page as long as both are there."""
        if len(self._visits) >= MOST_VISITS:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="too many dashboards are open\n")
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=_LETTER_BYTES)
        await socket.prepare(request)
        self._visits.add(socket)
        try:
            said = await visit(self._words, socket, request.query.get("width", ""), request.query.get("height", ""))
        finally:
            self._visits.discard(socket)
        if said:
            say(f"a dashboard ended: {redact(clean(said))}")
        await socket.close()
        return socket

    async def _close_all(self, _: web.Application) -> None:
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in tuple(self._visits)))


def _told(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return ": that is no name of a machine"
    if error.errno == errno.EADDRINUSE:
        return ": it is taken; --port=0 takes a free port"
    return f" ({error.strerror})"


def _file(text: str, kind: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def served(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=kind)

    return served


def assets() -> Path:
    """Return where the files of textual-serve are; raises UsageError when it is not installed."""
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UsageError("the dashboard in a browser needs textual-serve: pip install 'batchtop[web]'")
    return Path(found.submodule_search_locations[0]) / "static"
