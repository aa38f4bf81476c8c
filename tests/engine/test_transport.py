"""What every transport must do, over real sockets; a new one joins by a line in TRANSPORTS."""

import asyncio
import gc
import gzip
import os
import resource
import socket
import sys
import threading
import time
import traceback
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, suppress
from importlib import import_module

import pytest
from batchtop.engine.outcome import Outcome
from batchtop.engine.transports import Request, Response, Transport, TransportError, failures
from batchtop.engine.transports.opening import AT_ONCE
from msgspec.structs import replace

from .http_server import PEM, Handler, Peer, at_first, serve
from .workshop import until

TRANSPORTS = {"FastTransport": "fast", "AiohttpTransport": "aiohttp", "Http2Transport": "http2"}
"""Each by the module that it is in."""
NEEDED = {"Http2Transport": "h2"}
"""What an extra has to bring."""

SECRET = "sk-secret"
HEADERS = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=TRANSPORTS)
def make(request: pytest.FixtureRequest):
    if needed := NEEDED.get(request.param):
        pytest.importorskip(needed, reason="needs `pip install 'batchtop[http2]'`")
    module = import_module(f"batchtop.engine.transports.{TRANSPORTS[request.param]}")
    return getattr(module, request.param)


@pytest.fixture
async def transport(make) -> AsyncGenerator[Transport]:
    made = make()
    yield made
    await made.aclose()


async def send(transport: Transport, url: str, body: bytes = b"{}", *, method="POST", timeout_s=5.0) -> Response:
    return await transport.send(Request(f"{url}?key={SECRET}", body, HEADERS, method), timeout_s=timeout_s)


async def failure(transport: Transport, url: str, body: bytes = b"{}", **how) -> TransportError:
    """Send what must fail, and see that neither the error nor its traceback tells a secret."""
    with pytest.raises(TransportError) as caught:
        await send(transport, url, body, **how)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


# --- what goes out, what comes back


async def test_a_request_goes_out_as_it_is_and_lean(transport):
    async with serve() as server:
        response = await send(transport, server.url, b'{"a": 1}')
    assert replace(response, first_ms=None) == Response(200, {"content-length": "2"}, b"ok")
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("POST", f"/v1/chat?key={SECRET}", b'{"a": 1}')
    assert seen.headers.pop("user-agent").startswith("batchtop/")
    assert seen.headers == {
        "host": server.origin,
        "authorization": f"Bearer {SECRET}",
        "content-type": "application/json",
        "accept-encoding": "gzip, deflate",
        "content-length": "8",
    }


async def test_it_is_told_when_the_first_of_the_body_came(transport):
    now, times = asyncio.get_running_loop().time, list[float]()

    async def drip(peer: Peer) -> None:
        await peer.request()
        times.append(now())
        for piece in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n"):
            await asyncio.sleep(0.1)
            times.append(now())
            await peer.write(piece)

    async with serve(drip) as server:
        began = now()
        response = await send(transport, server.url)
    assert response.body == b"abc"
    came, _, first, rest = times
    assert 1000 * (first - came) <= response.first_ms < 1000 * (rest - began), "the head came before, the rest after"


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_048_577, 5_000_000])
async def test_bodies_of_any_size_arrive_whole_both_ways(transport, size):
    async def echo(peer: Peer) -> None:
        while seen := await peer.request():
            await peer.answer(seen.body)

    body = os.urandom(size)
    async with serve(echo) as server:
        assert (await send(transport, server.url, body)).body == body
        assert (await send(transport, server.url, body)).body == body
    assert server.connections == 1


@pytest.mark.parametrize("status", ["204 No Content", "302 Found", "400 Bad Request", "429 Slow", "503 Busy"])
async def test_any_status_is_an_answer(transport, status):
    async def refuse(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(b"", status=status, head="Location: /elsewhere\r\nRetry-After: 7\r\n")

    async with serve(refuse) as server:
        response = await send(transport, server.url)
    assert response.status == int(status[:3])
    assert response.headers["retry-after"] == "7"
    assert len(server.requests) == 1


async def test_it_counts_the_connections_that_are_open(transport):
    gate = asyncio.Event()

    async def patient(peer: Peer) -> None:
        while await peer.request():
            await gate.wait()
            await peer.answer()

    assert transport.connections == 0
    async with serve(patient) as server:
        sending = [asyncio.create_task(send(transport, server.url)) for _ in range(5)]
        await until(lambda: len(server.requests) == 5)
        assert transport.connections == 5
        gate.set()
        await asyncio.gather(*sending)
        assert transport.connections == 5, "they are kept for the next requests"
    await until(lambda: transport.connections == 0)
    await transport.aclose()
    assert transport.connections == 0


async def test_the_answer_to_head_has_no_body_whatever_its_length_says(transport):
    async def head_only(peer: Peer) -> None:
        while await peer.request():
            await peer.write(OK + b"Content-Length: 500\r\n\r\n")

    async with serve(head_only) as server:
        for _ in range(2):
            response = await send(transport, server.url, b"", method="HEAD")
            assert (response.status, response.headers["content-length"], response.body) == (200, "500", b"")


async def test_a_name_and_password_in_the_url_go_out_as_a_header(transport):
    async with serve() as server:
        url = server.url.replace("//", f"//user:{SECRET}@")
        await transport.send(Request(url + "#there", b"{}"), timeout_s=5)
    (seen,) = server.requests
    assert seen.headers["authorization"] == "Basic " + b64encode(f"user:{SECRET}".encode()).decode()
    assert seen.target == "/v1/chat"


async def test_a_header_of_the_caller_wins_in_any_case(transport):
    async with serve() as server:
        await transport.send(Request(server.url, b"{}", {"user-AGENT": "mine", "X-Name": "Zoë"}), timeout_s=5)
    (seen,) = server.requests
    assert (seen.headers["user-agent"], seen.headers["x-name"]) == ("mine", "Zo\xc3\xab")


async def test_cookies_are_not_kept(transport):
    async def with_cookie(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(head="Set-Cookie: session=1; Path=/\r\n")

    async with serve(with_cookie) as server:
        await send(transport, server.url)
        await send(transport, server.url)
    assert "cookie" not in server.requests[1].headers


BODY = b'{"answer": 42}' * 500


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        OK
        + b"Transfer-Encoding: chunked\r\n\r\n5\r\n"
        + BODY[:5]
        + b"\r\n%x\r\n" % len(BODY[5:])
        + BODY[5:]
        + b"\r\n0\r\n\r\n",
        OK + b"Connection: close\r\n\r\n" + BODY,
        OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(BODY, mtime=0),
        OK + b"Content-Encoding: deflate\r\nConnection: close\r\n\r\n" + zlib.compress(BODY),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        OK + b"Upgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
        OK + b"Transfer-Encoding: chunked\r\n\r\n%x  \r\n" % len(BODY) + BODY + b"\r\n0  \r\n\r\n",
        OK + b"X-A: one\r\n two\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
        OK.replace(b"\r", b"") + b"Content-Length: %d\n\n" % len(BODY) + BODY,
        OK + b"Content-Encoding: UTF-8\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    ],
    ids=[
        *("content-length", "chunked", "until-close", "gzip", "deflate", "after-103", "http/1.0", "offers-an-upgrade"),
        *("spaces-after-sizes", "folded-header", "bare-line-feeds", "a-charset-for-a-coding"),
    ],
)
async def test_every_framing_gives_the_same_body(transport, answer):
    async def in_pieces(peer: Peer) -> None:
        await peer.request()
        for start in range(0, len(answer), 1500):
            await peer.write(answer[start : start + 1500])
            await asyncio.sleep(0)

    async with serve(in_pieces) as server:
        response = await send(transport, server.url)
    assert (response.status, response.body) == (200, BODY)


async def test_headers_come_without_the_spaces_around_them(transport):
    async def spacious(peer: Peer) -> None:
        await peer.request()
        await peer.answer(head="Retry-After:  7 \t\r\nX-Empty:\r\nX-Name: Zo\xeb\r\n")

    async with serve(spacious) as server:
        headers = (await send(transport, server.url)).headers
    assert (headers["retry-after"], headers["x-empty"], headers["x-name"]) == ("7", "", "Zo\xeb")


# --- connections


async def test_sequential_sends_use_one_connection(transport):
    async with serve() as server:
        for _ in range(20):
            await send(transport, server.url)
    assert (server.connections, len(server.requests)) == (1, 20)


@pytest.mark.parametrize("wait_s", [0.0, 0.05], ids=["at once", "later"])
async def test_what_nobody_asked_for_is_no_answer_to_the_next(transport, wait_s):
    async def chatter(peer: Peer) -> None:
        await peer.request()
        extra = OK + b"Content-Length: 5\r\n\r\nextra"
        answer = OK + b"Content-Length: 2\r\n\r\nok"
        await peer.write(answer if wait_s else answer + extra)
        await asyncio.sleep(wait_s)
        await peer.write(extra if wait_s else b"")
        await peer.gone()

    async with serve(at_first(chatter)) as server:
        assert (await send(transport, server.url)).body == b"ok"
        await asyncio.sleep(wait_s * 2)
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 2


async def test_a_server_that_says_it_closes_is_taken_at_its_word(transport):
    async def closing(peer: Peer) -> None:
        await peer.request()
        await peer.answer(head="Connection: close\r\n")
        await peer.gone()

    async with serve(closing) as server:
        for _ in range(3):
            await send(transport, server.url)
    assert server.connections == 3


async def test_an_early_answer_ends_a_connection_that_has_not_taken_the_request(transport):
    async def refuse(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(status="413 Too Large")
        await asyncio.sleep(0.1)

    async with serve(at_first(refuse)) as server:
        assert (await send(transport, server.url, bytes(20_000_000))).status == 413
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 2


async def test_a_large_body_goes_out_as_the_server_takes_it_and_stands_in_memory_once(transport):
    async def swallow(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.01)
            left = len(body) // 10
            while left:
                left -= len(await peer.reader.read(min(left, 65536)))
        await peer.answer()
        await peer.gone()

    body = bytes(20_000_000)
    async with serve(swallow) as server:
        tracemalloc.start()
        try:
            assert (await send(transport, server.url, body)).body == b"ok"
            assert tracemalloc.get_traced_memory()[1] < 1.2 * len(body), "what it takes beside the body"
        finally:
            tracemalloc.stop()
        gc.collect()
        assert sys.getrefcount(body) == 2, "an idle connection has let go of it"


async def test_a_time_limit_that_passes_while_a_large_body_goes_out_ends_that_too(transport):
    async def take_nothing(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        await peer.gone()

    async with serve(at_first(take_nothing)) as server:
        error = await failure(transport, server.url, bytes(20_000_000), timeout_s=0.2)
        assert (error.outcome, transport.connections) == (Outcome.TIMEOUT, 0)
        assert (await send(transport, server.url)).body == b"ok"


async def test_connections_that_nobody_uses_are_closed_in_time_wherever_they_lead(make, monkeypatch):
    for name in ("aiohttp", "idle"):
        monkeypatch.setattr(import_module(f"batchtop.engine.transports.{name}"), "KEEP_ALIVE_S", 0.2)
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serve()) for _ in range(3)]
        transport = make()
        stack.push_async_callback(transport.aclose)
        for server in servers:
            await send(transport, server.url)
        assert transport.connections == 3
        await until(lambda: transport.connections == 0)


@pytest.fixture
def _many_files() -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
async def test_five_hundred_sends_at_once(transport):
    async def wait_for_the_rest(peer: Peer) -> None:
        while await peer.request():
            if len(peer.server.requests) == 500:
                everyone.set()
            await everyone.wait()
            await peer.answer()

    everyone = asyncio.Event()
    async with serve(wait_for_the_rest) as server:
        responses = await asyncio.gather(*(send(transport, server.url, timeout_s=30) for _ in range(500)))
    assert {response.body for response in responses} == {b"ok"}
    assert server.connections == 500


async def test_a_cancelled_send_leaves_the_pool_healthy(transport):
    for half in (b"", OK + b"Content-Length: 100\r\n\r\nhalf"):
        arrived = asyncio.Event()

        async def hang(peer: Peer, half: bytes = half, arrived: asyncio.Event = arrived) -> None:
            await peer.request()
            await peer.write(half)
            arrived.set()
            await peer.gone()

        async with serve(at_first(hang)) as server:
            task = asyncio.create_task(send(transport, server.url))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await send(transport, server.url)).body == b"ok"
            assert (await send(transport, server.url)).body == b"ok"
        assert (server.connections, len(server.requests)) == (2, 3)


async def test_closing_ends_what_is_in_flight(transport):
    halves = [b"", OK + b"Content-Length: 100\r\n\r\nhalf"]
    arrived = asyncio.Semaphore(0)

    async def hang(peer: Peer) -> None:
        await peer.request()
        await peer.write(halves[peer.number - 1])
        arrived.release()
        await peer.gone()

    async with serve(hang) as server:
        sends = [asyncio.create_task(failure(transport, server.url)) for _ in halves]
        for _ in halves:
            await arrived.acquire()
        await asyncio.sleep(0.05)
        await transport.aclose()
        assert {(await send).outcome for send in sends} == {Outcome.CONNECTION}


async def test_after_close_a_send_fails_and_closing_again_does_nothing(transport):
    async with serve() as server:
        await send(transport, server.url)
        await transport.aclose()
        await transport.aclose()
        assert (await failure(transport, server.url)).outcome is Outcome.CONNECTION


# --- connections opened beforehand


async def test_connections_opened_beforehand_are_used_by_the_first_requests(transport):
    async def wait_for_the_rest(peer: Peer) -> None:
        while await peer.request():
            if len(peer.server.requests) == 30:
                everyone.set()
            await everyone.wait()
            await peer.answer()

    everyone = asyncio.Event()
    async with serve(wait_for_the_rest) as server:
        await transport.warm(server.url, 30)
        await until(lambda: server.connections == 30)
        assert (transport.connections, server.requests) == (30, [])
        await asyncio.gather(*(send(transport, server.url) for _ in range(30)))
        await transport.warm(server.url, 30)
        assert (server.connections, transport.connections) == (30, 30)
        await transport.aclose()
        assert transport.connections == 0


async def test_those_opened_beforehand_that_a_server_closes_cost_nothing(transport):
    gate = asyncio.Event()

    async def leave(peer: Peer) -> None:
        await gate.wait()

    async with serve(at_first(leave, connections=5)) as server:
        await transport.warm(server.url, 5)
        gate.set()
        await until(lambda: transport.connections == 0)
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 6


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "http://nowhere.invalid/", "ftp://x/"])
async def test_a_server_that_is_not_there_is_met_in_silence_and_no_more_than_once(transport, url, monkeypatch):
    await transport.warm(url, 100)
    assert transport.connections == 0
    await transport.aclose()
    await transport.warm(url, 100)


async def test_a_slow_server_has_few_to_deal_with_and_none_once_they_are_not_wanted(transport):
    async with serve(Peer.gone) as server:
        url = server.url.replace("http:", "https:")  # the handshake never ends
        warming = asyncio.create_task(transport.warm(url, 100))
        await until(lambda: server.connections)
        await asyncio.sleep(0.1)
        assert server.connections <= AT_ONCE
        warming.cancel()
        await asyncio.wait({warming})
        await transport.aclose()
        assert (server.connections <= AT_ONCE, transport.connections) == (True, 0)


async def test_requests_do_not_wait_for_what_is_opened_beforehand(transport):
    async def accept_late(peer: Peer) -> None:
        await peer.gone()

    async with serve(accept_late) as slow, serve() as server:
        warming = asyncio.create_task(transport.warm(slow.url.replace("http:", "https:"), 5))
        also = asyncio.create_task(transport.warm(server.url, 50))
        await asyncio.sleep(0)
        assert (await send(transport, server.url, timeout_s=2)).body == b"ok"
        for task in (warming, also):
            task.cancel()
        await asyncio.wait({warming, also})
        await transport.aclose()


async def test_who_waits_for_what_is_opened_beforehand_has_no_more_time_to_connect(transport, monkeypatch):
    for name in ("failures", "connector", "fast", "http2"):
        with suppress(ImportError):
            monkeypatch.setattr(import_module(f"batchtop.engine.transports.{name}"), "CONNECT_S", 0.4)
    async with serve(Peer.gone) as server:
        url = server.url.replace("http:", "https:")  # the handshake never ends
        warming = asyncio.create_task(transport.warm(url, 1))
        await until(lambda: server.connections)
        begun = time.monotonic()
        with pytest.raises(TransportError, match=r"timed out after 0\.4 s, connecting"):
            await send(transport, url, timeout_s=4.9)
        assert time.monotonic() - begun < 0.7
        await asyncio.wait({warming})
        await transport.aclose()


# --- connections that have gone stale


def _hang_up_on_second(*, reset: bool = False, wait_s: float = 0.0, half: bytes = b"", connections: int = 1) -> Handler:
    async def hang_up(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        await peer.request()
        await asyncio.sleep(wait_s)
        await peer.write(half)
        if reset:
            peer.reset()

    return at_first(hang_up, connections=connections)


async def test_an_idle_connection_closed_by_the_server_costs_nothing(transport):
    async def one_each(peer: Peer) -> None:
        await peer.request()
        await peer.answer()

    async with serve(one_each) as server:
        for _ in range(3):
            await send(transport, server.url)
            await asyncio.sleep(0.01)
    assert (server.connections, len(server.requests)) == (3, 3)


async def test_a_close_that_the_loop_has_not_seen_yet_is_survived(transport):
    """The server closes while the event loop is busy, so the request goes out on a connection already dead."""
    answered, closed = threading.Event(), threading.Event()
    received = []

    def server(listener: socket.socket) -> None:
        for last in (False, True):
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(65536))
                connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
                if not last:
                    answered.wait()
            closed.set()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=server, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        await send(transport, url, b"first")
        answered.set()
        closed.wait()
        response = await send(transport, url, b"second")
        await asyncio.to_thread(thread.join)
    assert response.body == b"ok"
    assert [b"second" in each for each in received] == [False, True]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_reused_connection_dropped_at_once_is_tried_again_on_a_fresh_one(transport, method, reset):
    async with serve(_hang_up_on_second(reset=reset)) as server:
        await send(transport, server.url, method=method)
        assert (await send(transport, server.url, method=method)).body == b"ok"
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_the_second_try_never_meets_another_stale_connection(transport):
    async with serve(_hang_up_on_second(connections=3)) as server:
        await asyncio.gather(*(send(transport, server.url) for _ in range(3)))
        assert server.connections == 3
        assert (await send(transport, server.url)).body == b"ok"
    assert (server.connections, len(server.requests)) == (4, 5)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_fresh_connection_dropped_is_a_failure_at_once(transport, method):
    async def hang_up(peer: Peer) -> None:
        await peer.request()

    async with serve(hang_up) as server:
        error = await failure(transport, server.url, method=method)
    assert len(server.requests) == 1
    assert str(error) == f"{server.origin}: connection dropped before an answer came"


@pytest.mark.parametrize(
    "drop",
    [{"half": b"HTTP/1.1 200 OK\r\nContent-Le"}, {"half": b"H"}, {"wait_s": 1.1}],
    ids=["in the head", "after a byte", "late"],
)
async def test_what_the_server_may_have_worked_on_is_not_sent_again(transport, drop):
    async with serve(_hang_up_on_second(**drop)) as server:
        await send(transport, server.url)
        error = await failure(transport, server.url)
    assert len(server.requests) == 2
    assert error.outcome is Outcome.CONNECTION


# --- failures


@pytest.mark.parametrize(
    ("answer", "reset", "text"),
    [
        (b"", True, "connection dropped before an answer came"),
        (OK + b"Content-Le", False, "connection dropped before an answer came"),
        (OK + b"Content-Length: 100\r\n\r\nhalf", False, "connection dropped in the middle of the answer"),
        (OK + b"Content-Length: 100\r\n\r\nhalf", True, "connection dropped in the middle of the answer"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhal", False, "connection dropped in the middle of the answer"),
        (b"SSH-2.0-OpenSSH_9\r\n", False, "malformed HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", False, "malformed HTTP"),
        (OK + b"Content-Length: two\r\n\r\nok", False, "malformed HTTP"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", False, "malformed HTTP"),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\nnot gzip..", False, "malformed HTTP"),
    ],
)
async def test_answers_that_break_off_or_make_no_sense(transport, answer, reset, text):
    async def misbehave(peer: Peer) -> None:
        await peer.request()
        await peer.write(answer)
        if reset:
            await asyncio.sleep(0.05)
            peer.reset()

    async with serve(at_first(misbehave)) as server:
        error = await failure(transport, server.url)
        assert error.outcome is Outcome.CONNECTION
        assert str(error).startswith(f"{server.origin}: {text}")
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_over_the_limit_is_dropped(make, packed):
    body = bytes(5_000_000)
    sent = gzip.compress(body) if packed else body

    async def large(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(sent, head="Content-Encoding: gzip\r\n" if packed else "")

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(large))
        exact, small = make(max_answer_bytes=5_000_000), make(max_answer_bytes=1024 * 1024)
        stack.push_async_callback(exact.aclose)
        stack.push_async_callback(small.aclose)
        assert (await send(exact, server.url)).body == body
        error = await failure(small, server.url)
        assert str(error) == f"{server.origin}: answer too large: more than 1 MiB"
        await failure(small, server.url)
        assert server.connections == 3, "the one that brought too much is not used again"


async def test_a_server_that_is_not_there(transport):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    error = await failure(transport, f"http://127.0.0.1:{port}/")
    assert (error.outcome, str(error)) == (Outcome.CONNECTION, f"127.0.0.1:{port}: connection refused")


async def test_a_host_that_does_not_exist(transport):
    error = await failure(transport, "http://nowhere.invalid/", timeout_s=30)
    assert (error.outcome, str(error)) == (Outcome.CONNECTION, "nowhere.invalid:80: cannot resolve the host name")


@pytest.mark.parametrize(
    "url", ["", "localhost:80/v1", "ftp://127.0.0.1/", "http://", "http://[::/", "http://127.1:80/"]
)
async def test_a_url_that_makes_no_sense(transport, url):
    error = await failure(transport, url)
    assert error.outcome is Outcome.CONNECTION
    assert "URL" in str(error)


async def test_a_line_break_in_a_key_never_goes_out(transport):
    async with serve() as server:
        with pytest.raises(TransportError, match="line break") as caught:
            await transport.send(Request(server.url, headers={"Authorization": f"Bearer {SECRET}\n"}), timeout_s=5)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


# --- time


@pytest.mark.parametrize("half", [b"", OK + b"Content-Length: 100\r\n\r\n"], ids=["no answer", "no body"])
async def test_waiting_for_an_answer_ends_in_time(transport, half):
    async def hang(peer: Peer) -> None:
        await peer.request()
        await peer.write(half)
        await peer.gone()

    async with serve(hang) as server:
        began = time.monotonic()
        error = await failure(transport, server.url, timeout_s=0.3)
        assert 0.29 < time.monotonic() - began < 3
    assert error.outcome is Outcome.TIMEOUT
    assert str(error) == f"{server.origin}: timed out after 0.3 s, waiting for the answer"


async def test_a_trickling_answer_does_not_stretch_the_limit(transport):
    async def trickle(peer: Peer) -> None:
        await peer.request()
        await peer.write(OK + b"Content-Length: 1000000\r\n\r\n")
        while not peer.writer.is_closing():
            await peer.write(b".")
            await asyncio.sleep(0.02)

    async with serve(trickle) as server:
        error = await failure(transport, server.url, timeout_s=0.3)
    assert error.outcome is Outcome.TIMEOUT


@asynccontextmanager
async def _full_backlog() -> AsyncGenerator[int]:
    """A port that takes no further connection: what comes is left to wait by the kernel."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@asynccontextmanager
async def _silent_tls() -> AsyncGenerator[int]:
    """A port that takes connections and never says a word of TLS."""
    async with serve(Peer.gone) as server:
        yield server.port


@pytest.mark.parametrize(("port", "scheme"), [(_full_backlog, "http"), (_silent_tls, "https")])
async def test_connecting_ends_in_time_and_says_so(transport, port, scheme, monkeypatch):
    monkeypatch.setattr(failures, "CONNECT_S", 0.3)
    async with port() as number:
        error = await failure(transport, f"{scheme}://127.0.0.1:{number}/", timeout_s=7)  # no other: limits are kept
    assert error.outcome is Outcome.TIMEOUT
    assert str(error) == f"127.0.0.1:{number}: timed out after 0.3 s, connecting"


@pytest.mark.parametrize("timeout_s", [0.1, 9.0, 10.0, 600.0])
def test_connecting_ends_before_the_whole_does_however_long_that_is(timeout_s):
    assert 0 < failures.connect_limit_s(timeout_s) < timeout_s
    assert failures.connect_limit_s(timeout_s) <= failures.CONNECT_S


async def test_a_time_limit_that_passes_leaves_the_pool_healthy(transport):
    async def hang(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with serve(at_first(hang)) as server:
        await failure(transport, server.url, timeout_s=0.2)
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 2


# --- TLS and proxies

CHILD = """
import asyncio, sys
from {module} import {name}
from batchtop.engine.transports import Request

async def main(url):
    transport = {name}()
    for _ in range(2):
        response = await transport.send(Request(url, b"body"), timeout_s=20)
        print(response.status, response.body.decode())
    await transport.aclose()

asyncio.run(main(sys.argv[1]))
"""


async def _child(make, source: str, *args: str, **environment: str) -> tuple[int | None, str, str]:
    source = source.format(module=make.__module__, name=make.__name__)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", source, *args),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_certificate_that_nobody_vouches_for_is_refused(transport):
    async with serve(tls=True) as server:
        error = await failure(transport, server.url)
    assert (error.outcome, len(server.requests)) == (Outcome.CONNECTION, 0)
    assert str(error).startswith(f"{server.origin}: its TLS certificate is refused: self-signed certificate")


async def test_http_on_an_https_url_is_a_tls_failure(transport):
    async def answer_in_clear(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.answer(status="400 Bad Request")

    async with serve(answer_in_clear) as server:
        error = await failure(transport, server.url.replace("http:", "https:"))
    assert error.outcome is Outcome.CONNECTION
    assert "TLS" in str(error)


async def test_tls_works_where_the_certificate_is_trusted(make):
    async with serve(tls=True) as server:
        ended = await _child(make, CHILD, server.url, SSL_CERT_FILE=str(PEM))
    assert ended == (0, "200 ok\n" * 2, "")
    assert server.connections == 1


EARLY = """
import asyncio, sys
from {module} import {name}
from batchtop.engine.transports import Request

async def main(url):
    transport = {name}()
    for body in (bytes(20_000_000), b"body"):
        response = await transport.send(Request(url, body), timeout_s=5)
        print(response.status, response.body.decode())
    await transport.aclose()

asyncio.run(main(sys.argv[1]))
"""


async def test_an_early_answer_ends_a_tls_connection_too(make):
    async def refuse(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(status="413 Too Large")
        try:
            await asyncio.sleep(8)
        finally:  # with so much unread, asyncio can't end TLS in order
            peer.writer.transport.abort()

    async with serve(at_first(refuse), tls=True) as server:
        code, out, _ = await _child(make, EARLY, server.url, SSL_CERT_FILE=str(PEM))  # aiohttp closes it too late
    assert (code, out) == (0, "413 ok\n200 ok\n")


async def _relay(peer: Peer) -> None:
    """A proxy: CONNECT opens a tunnel, and a whole URL is answered in the server's place."""
    while seen := await peer.request():
        if seen.method != "CONNECT":
            await peer.answer(b"by proxy")
            continue
        host, _, port = seen.target.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await peer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(_copy(peer.reader, writer), _copy(reader, peer.writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_plain_http_goes_through_the_proxy_of_the_environment(make, monkeypatch):
    async with serve(_relay) as proxy, serve() as server, AsyncExitStack() as stack:
        monkeypatch.setenv("http_proxy", f"http://user:{SECRET}@{proxy.origin}")
        transport = make()
        stack.push_async_callback(transport.aclose)
        assert (await send(transport, server.url)).body == b"by proxy"
        assert (await send(transport, server.url)).body == b"by proxy"
    assert proxy.requests[0].target == f"{server.url}?key={SECRET}"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + b64encode(f"user:{SECRET}".encode()).decode()
    assert (proxy.connections, len(proxy.requests), server.requests) == (1, 2, [])


async def test_no_proxy_names_the_hosts_that_are_reached_directly(make, monkeypatch):
    async with serve(_relay) as proxy, serve() as server, AsyncExitStack() as stack:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "elsewhere.example,127.0.0.1")
        transport = make()
        stack.push_async_callback(transport.aclose)
        assert (await send(transport, server.url)).body == b"ok"
    assert proxy.requests == []


async def test_https_goes_through_a_tunnel(make):
    async with serve(_relay) as proxy, serve(tls=True) as server:
        ended = await _child(make, CHILD, server.url, SSL_CERT_FILE=str(PEM), https_proxy=proxy.url)
    assert ended == (0, "200 ok\n" * 2, "")
    assert [(seen.method, seen.target) for seen in proxy.requests] == [("CONNECT", server.origin)]


@pytest.mark.parametrize(
    ("status", "text"), [(None, "proxy {proxy}: connection refused"), ("407 Who?", "{server}: the proxy refused")]
)
async def test_a_proxy_that_does_not_serve(make, monkeypatch, status, text):
    async def refuse(peer: Peer) -> None:
        await peer.request()
        await peer.answer(status=status)

    async with serve(refuse) as proxy, AsyncExitStack() as stack:
        origin = proxy.origin if status else "127.0.0.1:1"
        monkeypatch.setenv("https_proxy", f"http://user:{SECRET}@{origin}")
        transport = make()
        stack.push_async_callback(transport.aclose)
        error = await failure(transport, "https://api.example/v1")
    assert error.outcome is Outcome.CONNECTION
    assert text.format(proxy=origin, server="api.example:443") in str(error)


async def test_a_proxy_of_a_kind_we_do_not_speak(make, monkeypatch):
    monkeypatch.setenv("http_proxy", f"socks5://user:{SECRET}@127.0.0.1:1080")
    transport = make()
    assert "http_proxy" in str(await failure(transport, "http://api.example/v1"))
    await transport.aclose()


# --- the end of the process

LEAVING = """
import asyncio, os, sys
from {module} import {name}
from batchtop.engine.transports import Request

async def main(url):
    transport = {name}()
    try:
        await asyncio.gather(*(transport.send(Request(url), timeout_s=20) for _ in range(5)))
        cut = asyncio.create_task(transport.send(Request(url + "/hang"), timeout_s=20))
        await asyncio.sleep(0.01)
        cut.cancel()
        await asyncio.wait([cut])
    finally:
        await transport.aclose()

if sys.argv[2] == "uvloop":
    from uvloop import run
else:
    from asyncio import run

for _ in range(6):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        run(main(sys.argv[1]))
        break  # and it leaves as any program does
"""
"""Six processes, one after the other; what they import is read once."""


@pytest.mark.slow
async def test_a_process_that_used_it_leaves_without_a_word(make):
    async def handle(peer: Peer) -> None:
        while seen := await peer.request():
            await (peer.gone() if seen.target.endswith("/hang") else peer.answer())

    async with serve(handle) as server:
        for loop in ("asyncio", "uvloop"):
            # One certificate, where a system's would take longest to read.
            assert await _child(make, LEAVING, server.url, loop, SSL_CERT_FILE=str(PEM)) == (0, "", "")
