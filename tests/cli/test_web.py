"""`batchtop web` over real HTTP: who gets in, what is served, and that nothing is left behind."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from batchtop.cli.web.guard import Guard
from batchtop.cli.web.page import SCRIPT, STYLE, page
from batchtop.cli.web.server import assets
from batchtop.engine.simulator import Simulator
from yarl import URL

from .shell import Process, Shell, until

PATHS = ("/", "/page.css", "/page.js", "/static/js/textual.js", "/static/css/xterm.css")


class Site:
    """A running `batchtop web`, and a browser of sorts."""

    def __init__(self, process: Process, client: aiohttp.ClientSession) -> None:
        self.process, self.client = process, client

    @property
    def letting_in(self) -> URL:
        return URL(self.process.out.strip(), encoded=True)

    @property
    def origin(self) -> str:
        return str(self.letting_in.origin())

    async def status(self, path: str, **options: object) -> int:
        async with self.client.get(f"{self.origin}{path}", **options) as response:  # type: ignore[arg-type]
            return response.status

    async def enter(self) -> str:
        """Go in as a person does and return the page."""
        async with self.client.get(self.letting_in) as response:
            assert response.status == 200
            assert response.url.query_string == ""
            return await response.text()

    async def visit(self, **headers: str) -> aiohttp.ClientWebSocketResponse:
        wanted = {"Origin": self.origin, **headers}
        return await self.client.ws_connect(f"{self.origin}/ws?width=80&height=24", headers=wanted)

    def dashboards(self) -> list[psutil.Process]:
        return [each for each in psutil.Process(self.process.pid).children() if "attach" in each.cmdline()]


@pytest.fixture
async def site(shell: Shell, provider: Simulator) -> AsyncIterator[Site]:
    """Serve the dashboards of a workspace with one finished job."""
    shell.job(provider.base_url, name="reviews", rows=5)
    assert (await shell.headless("reviews.toml")).code == 0
    process = shell.start("web", "reviews", "--port=0", "--read-only")
    await process.says("whoever has that address can look on; Ctrl-C ends it")
    # Cookies of a bare address are kept by this jar as a browser keeps them.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        yield Site(process, client)


async def drawn(socket: aiohttp.ClientWebSocketResponse, text: str) -> str:
    """Return what was drawn until a text is among it."""
    seen = ""
    async with asyncio.timeout(20):
        while text not in re.sub(r"\x1b\[[0-9;?$]*[a-zA-Z]", "", seen):
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.BINARY, f"{message} after {seen[-500:]!r}"
            seen += message.data.decode(errors="replace")
    return seen


async def test_only_who_has_the_address_gets_in(site: Site) -> None:
    assert [await site.status(path) for path in PATHS] == [403] * len(PATHS)
    assert await site.status("/?token=wrong") == 403
    assert await site.status("/static/js/textual.js", params=site.letting_in.query) == 403
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await site.visit()
    assert 'data-session-websocket-url="ws://127.0.0.1' in await site.enter()
    assert [await site.status(path) for path in PATHS] == [200] * len(PATHS)
    assert await site.status("/?token=wrong", allow_redirects=False) == 303, "the address is made clean"
    assert await site.status("/download/x") == 404


async def test_a_cookie_of_a_server_before_is_no_hindrance(site: Site) -> None:
    async with site.client.get(site.letting_in, allow_redirects=False) as response:
        (name,) = response.cookies
    site.client.cookie_jar.clear()
    site.client.cookie_jar.update_cookies({name: "old"}, URL(site.origin))
    assert await site.status("/") == 403
    await site.enter()


async def test_the_cookie_is_for_this_page_alone(site: Site) -> None:
    async with site.client.get(site.letting_in, allow_redirects=False) as response:
        (cookie,) = response.cookies.values()
        assert (response.status, response.headers["Location"]) == (303, "/")
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
        assert cookie.key.endswith(str(site.letting_in.port))
    async with site.client.get(site.origin) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "[bad"},
    ],
    ids=str,
)
async def test_another_page_gets_nothing_though_the_browser_sends_the_cookie(
    site: Site, headers: dict[str, str]
) -> None:
    await site.enter()
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await site.visit(**headers)
    assert await site.status("/", headers=headers) == 403
    assert site.dashboards() == []


async def test_the_dashboard_is_drawn_hears_keys_and_goes_with_its_page(site: Site) -> None:
    await site.enter()
    async with await site.visit() as socket:
        await drawn(socket, "reviews")
        (dashboard,) = site.dashboards()
        token = site.letting_in.query["token"]
        assert "--read-only" in dashboard.cmdline()
        assert not any(token in word for word in (*dashboard.cmdline(), *dashboard.environ().values()))
        assert not any(token in word for word in psutil.Process(site.process.pid).cmdline())
        await socket.send_str(json.dumps(["resize", {"width": 120, "height": 36}]))
        for nonsense in (
            "[" * 50_000,
            "",
            "{}",
            "[]",
            '["stdin"]',
            '["resize", {"width": "x"}]',
            '["resize", 3]',
            f'["resize", {{"width": "{"9" * 5_000}", "height": 24}}]',
            '["stdin", 3]',
        ):
            await socket.send_str(nonsense)
        await socket.send_str(json.dumps(["stdin", "?"]))
        await drawn(socket, "The job")
    await until(lambda: not site.dashboards())


async def test_leaving_the_dashboard_closes_its_page(site: Site) -> None:
    await site.enter()
    async with await site.visit() as socket:
        await drawn(socket, "reviews")
        await socket.send_str(json.dumps(["stdin", "q"]))
        async with asyncio.timeout(10):
            async for _ in socket:
                pass
        assert socket.close_code == 1000
    assert "ended" not in site.process.err


async def test_ctrl_c_ends_the_server_and_its_dashboards(site: Site) -> None:
    await site.enter()
    async with await site.visit() as socket:
        await drawn(socket, "reviews")
        dashboards = site.dashboards()
        assert dashboards
        site.process.signal(signal.SIGINT)
        ended = await site.process.end(10)
        assert ended.code == 0
        assert site.letting_in.query["token"] not in ended.err
        await until(lambda: not any(each.is_running() for each in dashboards))


async def test_a_dashboard_does_not_outlive_a_server_that_was_killed(site: Site) -> None:
    await site.enter()
    async with await site.visit() as socket:
        await drawn(socket, "reviews")
        dashboards = site.dashboards()
        site.process.signal(signal.SIGKILL)
        await until(lambda: not any(each.is_running() for each in dashboards))


async def test_what_keeps_a_server_from_starting(shell: Shell, site: Site) -> None:
    port = site.letting_in.port
    taken = await shell.run("web", f"--port={port}")
    assert taken.code == 2
    assert f"127.0.0.1:{port}: can't listen there" in taken.err
    for host, why in (("", "--host: an address is wanted"), ("é" * 90, "that is no name of a machine")):
        wrong = await shell.run("web", f"--host={host}", "--port=0")
        assert (wrong.code, wrong.out) == (2, "")
        assert why in wrong.err
    unknown = await shell.run("web", "nonesuch", "--port=0")
    assert unknown.code == 2
    assert "there is no job named 'nonesuch'" in unknown.err


async def test_one_that_only_reads_stays_so(shell: Shell) -> None:
    path = shell.write("my.toml", "read_only = true")
    process = shell.start("web", "--port=0", env={"BATCHTOP_CONFIG": str(path)})
    await process.says("whoever has that address can look on;")
    path.write_text("")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        site = Site(process, client)
        await site.enter()
        async with await site.visit():
            await until(lambda: bool(site.dashboards()))
            assert "--read-only" in site.dashboards()[0].cmdline()


async def test_an_address_for_others_is_warned_of(shell: Shell) -> None:
    process = shell.start("web", "--host=0.0.0.0", "--port=0")
    await process.says("nothing on the way is encrypted")
    assert urlsplit(process.out).hostname == socket.gethostname().lower(), "nobody can open 0.0.0.0"
    assert f"put one in where {socket.gethostname()} is not known" in process.err
    process.signal(signal.SIGTERM)
    assert (await process.end()).code == 0


def test_without_the_extra_it_says_what_to_install(shell: Shell) -> None:
    hidden = (
        "import sys; sys.modules['textual_serve'] = None; from batchtop.cli.main import main; sys.exit(main(['web']))"
    )
    said = subprocess.run(
        [sys.executable, "-c", hidden], capture_output=True, text=True, env=shell.environment, check=False
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert "pip install 'batchtop[web]'" in said.stderr


def test_the_page_loads_nothing_from_elsewhere() -> None:
    text = page("<b>", "ws://127.0.0.1:1/ws") + STYLE + SCRIPT
    assert re.findall(r"(?:https?:)?//[\w.-]+", text.replace("ws://127.0.0.1:1/ws", "")) == []
    assert "<b>" not in text
    named = re.findall(r'(?:href|src)="(static/[^"]+)"|url\("(static/[^"]+)"\)', text)
    files = [one or other for one, other in named]
    assert files
    assert [name for name in files if not (assets().parent / name).is_file()] == []


@pytest.mark.parametrize(
    ("host", "name", "ours"),
    [
        ("127.0.0.1", "localhost:8810", True),
        ("127.0.0.1", "127.0.0.1:9", True),
        ("::1", "[::1]:8810", True),
        ("127.0.0.1", "10.0.0.1:8810", False),
        ("127.0.0.1", "evil.example:8810", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "127.0.0.1@evil.example", False),
        ("127.0.0.1", "0.0.0.0", False),
        ("10.0.0.1", "10.0.0.1:8810", True),
        ("10.0.0.1", "evil.example:8810", False),
        ("LOCALHOST", "localhost:8810", True),
        ("My-Server", "my-server:8810", True),
        ("0.0.0.0", "my-server:8810", True),
    ],
)
def test_whom_a_server_answers_to(host: str, name: str, *, ours: bool) -> None:
    assert Guard(host)._is_our_name(name) is ours


def test_tokens_are_long_differ_and_are_not_shown() -> None:
    one, other = Guard("127.0.0.1"), Guard("127.0.0.1")
    assert one.token != other.token
    assert len(one.token) >= 43
    assert one.token not in repr(one)
