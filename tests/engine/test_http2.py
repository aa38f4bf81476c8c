"""What HTTP/2 adds to the promises of test_transport.py: many requests on one connection, none worked on twice."""

import asyncio
import gzip
import os
import ssl
import sys
import time
import traceback
from collections import Counter
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from batchtop.engine.errors import UsageError
from batchtop.engine.outcome import Outcome
from batchtop.engine.transports import Request, Response, Transport, TransportError
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("h2", reason="needs `pip install 'batchtop[http2]'`")

from batchtop.engine.transports import cables, failures, http2
from batchtop.engine.transports.frames import Frames
from batchtop.engine.transports.http import VARIABLE, open_http
from batchtop.engine.transports.http2 import Http2Transport
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from .http2_server import Asked, serve2
from .http_server import PEM, Peer, serve
from .test_transport import CHILD, LEAVING, _child, _copy, _relay
from .workshop import until

SECRET = "sk-secret"
OWN = {f"batchtop.engine.transports.{name}" for name in ("http2", "cable", "cables")}
"""The modules that an extra is needed for."""
MOST = SettingCodes.MAX_CONCURRENT_STREAMS


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))


@pytest.fixture
async def transport() -> AsyncGenerator[Http2Transport]:
    made = Http2Transport()
    yield made
    await made.aclose()


async def send(transport: Transport, url: str, body: bytes = b"{}", *, timeout_s: float = 5.0) -> Response:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json", "Connection": "keep-alive"}
    return await transport.send(Request(f"{url}?key={SECRET}", body, headers), timeout_s=timeout_s)


async def failure(transport: Transport, url: str, body: bytes = b"{}", *, timeout_s: float = 5.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await send(transport, url, body, timeout_s=timeout_s)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def echo(asked: Asked) -> None:
    await asked.answer(asked.body)


async def hang(asked: Asked) -> None:
    await asyncio.Event().wait()


# --- what goes out, what comes back


async def test_a_request_goes_out_as_it_is_and_lean(transport):
    async def answer(asked: Asked) -> None:
        await asked.answer(b"ok", x_one="a")

    async with serve2(answer) as server:
        response = await send(transport, server.url, b'{"a": 1}')
    assert (response.status, dict(response.headers), response.body) == (200, {"x-one": "a"}, b"ok")
    (seen,) = server.requests
    assert seen.headers.pop("user-agent").startswith("batchtop/")
    assert (seen.body, seen.headers) == (
        b'{"a": 1}',
        {
            ":method": "POST",
            ":scheme": "https",
            ":authority": server.origin,
            ":path": f"/v1/chat?key={SECRET}",
            "accept-encoding": "gzip, deflate",
            "authorization": f"Bearer {SECRET}",
            "content-type": "application/json",
            "content-length": "8",
        },
    )


async def test_a_line_break_in_a_key_never_goes_out(transport):
    async with serve2() as server:
        with pytest.raises(TransportError, match="line break"):
            await transport.send(Request(server.url, headers={"Authorization": f"Bearer {SECRET}\n"}), timeout_s=5)
    assert server.requests == []


@pytest.mark.parametrize("window", [1, 10_000, 65_535])
@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_bodies_of_any_size_arrive_whole_both_ways(transport, size, window):
    size = min(size, window * 500)
    body = os.urandom(size)
    async with serve2(echo, settings={SettingCodes.INITIAL_WINDOW_SIZE: window}) as server:
        answers = await asyncio.gather(*(send(transport, server.url, body) for _ in range(3)))
    assert {answer.body for answer in answers} == {body}
    assert server.connections == 1


async def test_it_is_told_when_the_first_of_the_body_came(transport):
    now, times = asyncio.get_running_loop().time, list[float]()

    async def drip(asked: Asked) -> None:
        times.append(now())
        await asyncio.sleep(0.1)
        asked.line.h2.send_headers(asked.number, [(":status", "200")])
        for piece in (b"ab", b"c"):
            asked.line.flush()
            await asyncio.sleep(0.1)
            times.append(now())
            asked.line.h2.send_data(asked.number, piece, end_stream=piece == b"c")
        asked.line.flush()

    async with serve2(drip) as server:
        began = now()
        response = await send(transport, server.url)
    assert response.body == b"abc"
    came, first, rest = times
    assert 1000 * (first - came) <= response.first_ms < 1000 * (rest - began)


async def test_an_early_answer_is_an_answer_and_the_connection_stays(transport):
    async def refuse(asked: Asked) -> None:
        await asked.answer(b"no", status="413")

    async with serve2(refuse, early=True) as server:
        assert (await send(transport, server.url, bytes(3_000_000))).status == 413
        assert (await send(transport, server.url)).status == 413
    assert server.connections == 1


@pytest.mark.parametrize("word", ["answer", "window", "nothing"])
async def test_one_that_is_reset_in_the_same_breath_harms_no_other(transport, word):
    """The server's last words of an exchange come in one piece, the end of it behind them."""

    async def refuse(asked: Asked) -> None:
        h2 = asked.line.h2
        if asked.number == 1:
            return
        if word == "answer":
            h2.send_headers(asked.number, [(":status", "413")], end_stream=True)
        elif word == "window":
            h2.increment_flow_control_window(70_000, asked.number)
        asked.reset(ErrorCodes.NO_ERROR)
        await asyncio.sleep(0.05)
        await server.requests[0].answer()

    async with serve2(refuse, early=True) as server:
        other = asyncio.create_task(send(transport, server.url))
        await until(lambda: server.requests)
        if word == "answer":
            assert (await send(transport, server.url, bytes(500_000))).status == 413
        else:
            assert "broke the exchange off" in str(await failure(transport, server.url, bytes(500_000)))
        assert (await other).body == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize("word", ["refused", "goodbye"])
async def test_what_has_been_answered_in_part_is_not_sent_again(transport, word):
    async def begin(asked: Asked) -> None:
        asked.line.h2.send_headers(asked.number, [(":status", "200")])
        asked.line.flush()
        await asyncio.sleep(0.05)
        if word == "refused":
            asked.reset(ErrorCodes.REFUSED_STREAM)
        else:
            asked.line.goodbye(0)
            asked.line.transport.close()

    async with serve2(begin) as server:
        await failure(transport, server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_over_the_limit_is_dropped_alone(packed):
    body = bytes(2_000_000)

    async def large(asked: Asked) -> None:
        if packed:
            await asked.answer(gzip.compress(body), content_encoding="gzip")
        else:
            await asked.answer(body)

    exact, small = Http2Transport(max_answer_bytes=2_000_000), Http2Transport(max_answer_bytes=1024 * 1024)
    async with serve2(large) as server:
        assert (await send(exact, server.url)).body == body
        error = await failure(small, server.url)
        assert (error.outcome, str(error)) == (
            Outcome.SHORT_REPLY,
            f"{server.origin}: answer too large: more than 1 MiB",
        )
        await failure(small, server.url)
        await exact.aclose()
        await small.aclose()
    assert server.connections == 2


# --- connections


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_hundred_requests_at_once_share_one_connection(transport, tls):
    """In TLS 1.2 it is the server that speaks first, in the same breath as its handshake ends."""
    async with serve2(echo, tls=tls) as server:
        answers = await asyncio.gather(*(send(transport, server.url, b"%d" % n) for n in range(100)))
        assert [answer.body for answer in answers] == [b"%d" % n for n in range(100)]
        assert (server.connections, transport.connections) == (1, 1)
    await until(lambda: transport.connections == 0)


async def test_no_more_at_a_time_than_the_server_takes(transport):
    async def slow(asked: Asked) -> None:
        await asyncio.sleep(0.02)
        await echo(asked)

    async with serve2(slow, settings={MOST: 10}) as server:
        answers = await asyncio.gather(*(send(transport, server.url, b"%d" % n) for n in range(60)))
        assert [answer.body for answer in answers] == [b"%d" % n for n in range(60)]
    assert server.most_at_once == 10
    assert 2 <= server.connections <= 6


async def test_where_no_further_connection_is_to_be_had_the_rest_waits(transport):
    async def slow(asked: Asked) -> None:
        await asyncio.sleep(0.005)
        await asked.answer()

    async with serve2(slow, settings={MOST: 2}, takes=1) as server:
        await asyncio.gather(*(send(transport, server.url) for _ in range(20)))
        assert len(server.requests) == 20
        assert server.connections <= 10, "it is asked once for what all would take, and not again"


async def test_waiting_for_room_is_not_connecting(transport, monkeypatch):
    async def slow(asked: Asked) -> None:
        await asyncio.sleep(0.2)
        await asked.answer()

    monkeypatch.setattr(failures, "CONNECT_S", 0.3)
    async with serve2(slow, settings={MOST: 1}, takes=1) as server:
        answers = await asyncio.gather(*(send(transport, server.url) for _ in range(4)))
        assert {answer.body for answer in answers} == {b"ok"}
        sending = asyncio.create_task(send(transport, server.url))
        await until(lambda: len(server.requests) == 5)
        error = await failure(transport, server.url, timeout_s=0.1)
        assert str(error) == f"{server.origin}: timed out after 0.1 s, waiting for the answer"
        assert (await sending).body == b"ok"


async def test_a_server_that_hangs_up_once_connected_is_not_asked_for_ever(transport):
    async with serve2(takes=0) as server:
        errors = await asyncio.gather(*(failure(transport, server.url) for _ in range(20)))
    assert {str(error) for error in errors} == {f"{server.origin}: connection dropped before an answer came"}
    assert server.connections <= 2


async def test_what_is_given_up_while_it_waits_takes_nobodys_place(transport):
    go = asyncio.Event()

    async def patient(asked: Asked) -> None:
        await go.wait()
        await asked.answer()

    async with serve2(patient, settings={MOST: 1}, takes=1) as server:
        sending = [asyncio.create_task(send(transport, server.url)) for _ in range(4)]
        await until(lambda: server.connections > 1)
        sending[1].cancel()
        go.set()
        done = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(each) for each in done] == [Response, asyncio.CancelledError, Response, Response]


async def test_who_gives_up_in_the_moment_of_its_turn_leaves_it_to_the_next(transport):
    go = asyncio.Event()

    async def patient(asked: Asked) -> None:
        await go.wait()
        await asked.answer()

    async def first() -> None:
        await send(transport, server.url)
        waiting[0].cancel()  # which has been woken by then

    async with serve2(patient, settings={MOST: 1}, takes=1) as server:
        ahead = asyncio.create_task(first())
        await until(lambda: server.requests)
        waiting = [asyncio.create_task(send(transport, server.url, timeout_s=2)) for _ in range(2)]
        await until(lambda: server.connections > 1)
        await asyncio.sleep(0.05)
        go.set()
        await ahead
        assert (await waiting[1]).body == b"ok"


async def test_a_server_that_speaks_before_it_is_listened_to_is_heard(monkeypatch):
    async def in_large_pieces(peer: Peer) -> None:
        seen = await peer.request()
        host, _, port = seen.target.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await peer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(_copy(peer.reader, writer), lumped(reader, peer))

    async def lumped(reader: asyncio.StreamReader, peer: Peer) -> None:
        await asyncio.sleep(0.05)
        while data := await reader.read(65536):
            await peer.write(data)
            await asyncio.sleep(0.05)

    async with serve(in_large_pieces) as proxy, serve2(echo, tls=ssl.TLSVersion.TLSv1_2) as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        transport = Http2Transport()
        assert (await send(transport, server.url, b"mine", timeout_s=3)).body == b"mine"
        await transport.aclose()


async def test_a_connection_idle_for_too_long_is_not_trusted(transport, monkeypatch):
    monkeypatch.setattr(cables, "KEEP_ALIVE_S", 0.05)
    async with serve2() as server:
        for wait_s in (0, 0, 0.1):
            await asyncio.sleep(wait_s)
            await send(transport, server.url)
    assert server.connections == 2


async def test_a_cancelled_send_is_told_to_the_server_and_harms_no_other(transport):
    async def first_hangs(asked: Asked) -> None:
        await (hang if asked.number == 1 else echo)(asked)

    async with serve2(first_hangs) as server:
        sending = asyncio.create_task(send(transport, server.url))
        await until(lambda: server.requests)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await until(lambda: server.requests[0].was_reset)
        assert (await send(transport, server.url)).body == b"{}"
    assert server.connections == 1


async def test_closing_ends_what_is_in_flight(transport):
    async with serve2(hang) as server:
        sending = [asyncio.create_task(failure(transport, server.url)) for _ in range(3)]
        await until(lambda: len(server.requests) == 3)
        await transport.aclose()
        assert {(await each).outcome for each in sending} == {Outcome.CONNECTION}
        assert (await failure(transport, server.url)).outcome is Outcome.CONNECTION


async def test_closing_while_a_connection_is_being_made_ends_that_too(transport):
    async with serve2(mute=True) as server:
        sending = [asyncio.create_task(failure(transport, server.url)) for _ in range(3)]
        await until(lambda: server.connections)
        await transport.aclose()
        assert {(await each).outcome for each in sending} == {Outcome.CONNECTION}


async def test_connections_opened_beforehand_are_as_few_as_the_first_requests_take(transport):
    async with serve2() as server:
        await transport.warm(server.url, 150)
        assert (server.connections, transport.connections, server.requests) == (2, 2, [])
        await asyncio.gather(*(send(transport, server.url) for _ in range(150)))
        await transport.warm(server.url, 150)
        assert (server.connections, transport.connections) == (2, 2)


# --- never worked on twice


async def test_what_the_server_refuses_is_sent_again(transport):
    async def refuse_every_other(asked: Asked) -> None:
        if asked.number % 4 == 1:
            asked.reset(ErrorCodes.REFUSED_STREAM)
        else:
            await echo(asked)

    async with serve2(refuse_every_other) as server:
        assert (await send(transport, server.url, b"mine")).body == b"mine"
    assert (len(server.requests), server.connections) == (2, 1)


async def test_what_is_refused_again_and_again_is_a_failure(transport):
    async def refuse(asked: Asked) -> None:
        asked.reset(ErrorCodes.REFUSED_STREAM)

    async with serve2(refuse) as server:
        error = await failure(transport, server.url)
    assert str(error) == f"{server.origin}: the server did not take the request on (HTTP/2)"
    assert len(server.requests) == http2.TRIES


@pytest.mark.parametrize("code", [ErrorCodes.INTERNAL_ERROR, ErrorCodes.CANCEL, ErrorCodes.ENHANCE_YOUR_CALM])
async def test_what_is_broken_off_is_a_failure_at_once(transport, code):
    async def break_off(asked: Asked) -> None:
        asked.reset(code)

    async with serve2(break_off) as server:
        error = await failure(transport, server.url)
    assert str(error) == f"{server.origin}: the server broke the exchange off (HTTP/2 {code.name})"
    assert len(server.requests) == 1


async def test_a_goodbye_ends_only_what_the_server_has_not_begun(transport):
    """What it has begun is answered by the old connection, the rest goes out once more by a new one."""
    worked: Counter[bytes] = Counter()

    async def restart(asked: Asked) -> None:
        first = asked.line is server.requests[0].line
        if first and asked.number > 7:
            if asked.number == 19:
                asked.line.goodbye(7)
            return await hang(asked)
        worked[asked.body] += 1
        await asyncio.sleep(0.1)
        return await echo(asked)

    async with serve2(restart) as server:
        answers = await asyncio.gather(*(send(transport, server.url, b"%d" % n) for n in range(10)))
        assert [answer.body for answer in answers] == [b"%d" % n for n in range(10)]
        assert server.connections == 2
        await until(lambda: transport.connections == 1)
    assert set(worked.values()) == {1}


async def test_a_server_that_says_goodbye_every_few_requests_loses_none(transport):
    worked: Counter[bytes] = Counter()

    async def short_lived(asked: Asked) -> None:
        if asked.number > 39:
            return await hang(asked)
        worked[asked.body] += 1
        if asked.number == 39:
            asked.line.goodbye(39)
        await asyncio.sleep(0.001)
        return await echo(asked)

    async with serve2(short_lived) as server:
        gate = asyncio.Semaphore(8)

        async def one(n: int) -> bytes:
            async with gate:
                return (await send(transport, server.url, b"%d" % n)).body

        assert await asyncio.gather(*(one(n) for n in range(200))) == [b"%d" % n for n in range(200)]
    assert (len(worked), set(worked.values())) == (200, {1})


async def test_nobody_waits_for_a_connection_that_only_ends_what_it_has_begun(transport):
    """A server that is started anew lets the old one answer, and takes no connection for a moment."""
    go = asyncio.Event()

    async def first_is_long(asked: Asked) -> None:
        if asked.body == b"long":
            await go.wait()
        await asked.answer()

    async with serve2(first_is_long) as server:
        long = asyncio.create_task(send(transport, server.url, b"long"))
        await until(lambda: server.requests)
        server.takes = 1
        server.requests[0].line.goodbye(1)
        errors = await asyncio.gather(*(failure(transport, server.url, timeout_s=3) for _ in range(4)))
        assert {error.outcome for error in errors} == {Outcome.CONNECTION}, "at once, and not when the time is over"
        server.takes = 100
        assert (await send(transport, server.url, timeout_s=0.5)).body == b"ok"
        go.set()
        assert (await long).body == b"ok"


async def test_what_is_given_back_late_has_time_to_connect(transport, monkeypatch):
    monkeypatch.setattr(failures, "CONNECT_S", 0.2)

    async def late_goodbye(asked: Asked) -> None:
        if len(server.requests) == 1:
            await asyncio.sleep(0.3)
            return asked.line.goodbye(0)
        return await asked.answer()

    async with serve2(late_goodbye) as server:
        assert (await send(transport, server.url)).body == b"ok"
    assert (len(server.requests), server.connections) == (2, 2)


async def test_what_a_goodbye_counts_as_begun_is_not_sent_again(transport):
    async def leave(asked: Asked) -> None:
        asked.line.goodbye(asked.number)
        asked.line.transport.close()

    async with serve2(leave) as server:
        assert str(await failure(transport, server.url)).endswith("connection dropped before an answer came")
    assert len(server.requests) == 1


@pytest.mark.parametrize("wait_s", [0.0, 0.5], ids=["at once", "late"])
@pytest.mark.parametrize("word", [b"", b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01"], ids=["silent", "after a word"])
async def test_a_kept_connection_dropped_at_once_without_a_word_had_been_closed_before(transport, wait_s, word):
    async def second_drops(asked: Asked) -> None:
        if asked.number == 1 or asked.line is not server.requests[0].line:
            return await asked.answer()
        await asyncio.sleep(wait_s)
        if word:
            asked.line.say(word)
            await asyncio.sleep(0.05)
        asked.line.transport.abort()
        return None

    async with serve2(second_drops) as server:
        await send(transport, server.url)
        several = (send(transport, server.url) for _ in range(3))
        again = await asyncio.gather(*several, return_exceptions=True)
    stale = not wait_s and not word
    assert {type(each) for each in again} == {Response if stale else TransportError}
    assert len(server.requests) == (7 if stale else 4)


async def test_the_second_try_never_meets_another_stale_connection(transport):
    everyone = asyncio.Event()

    async def second_drops(asked: Asked) -> None:
        if len(server.requests) == 4:
            everyone.set()
        await everyone.wait()
        if asked.number == 1:
            return await asked.answer()
        return asked.line.transport.abort()

    async with serve2(second_drops, settings={MOST: 1}) as server:
        await asyncio.gather(*(send(transport, server.url) for _ in range(4)))
        assert transport.connections == 4
        assert (await send(transport, server.url)).body == b"ok"
        assert len(server.requests) == 6


async def test_what_shares_a_busy_connection_that_drops_is_a_failure(transport):
    async def drop(asked: Asked) -> None:
        if asked.number == 1:
            await asked.answer()
        elif asked.number == 5:
            asked.line.transport.abort()
        else:
            await hang(asked)

    async with serve2(drop) as server:
        await send(transport, server.url)
        slow = asyncio.create_task(failure(transport, server.url))
        await until(lambda: len(server.requests) == 2)
        await asyncio.sleep(0.35)
        errors = [await failure(transport, server.url), await slow]
    assert {error.outcome for error in errors} == {Outcome.CONNECTION}
    assert len(server.requests) == 3


async def test_half_an_answer_is_a_failure(transport):
    async def half(asked: Asked) -> None:
        asked.line.h2.send_headers(asked.number, [(":status", "200")])
        asked.line.h2.send_data(asked.number, b"half")
        asked.line.flush()
        await asyncio.sleep(0.05)
        asked.line.transport.close()

    async with serve2(half) as server:
        error = await failure(transport, server.url)
    assert str(error).endswith("connection dropped in the middle of the answer")


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad\r\n\r\n", bytes(9), b"\xff" * 30, b"\0\0\x01\x01\x05\0\0\0\x01\xff"]
)
async def test_what_makes_no_sense_ends_the_connection(transport, noise):
    async def babble(asked: Asked) -> None:
        if len(server.requests) == 1:
            return asked.line.say(noise)
        return await asked.answer()

    async with serve2(babble) as server:
        assert "malformed HTTP" in str(await failure(transport, server.url, timeout_s=1))
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 2


# --- time


async def test_waiting_for_an_answer_ends_in_time_for_that_one_alone(transport):
    async def some_hang(asked: Asked) -> None:
        if asked.body == b"hang":
            await hang(asked)
        await asyncio.sleep(0.2)
        await asked.answer()

    async with serve2(some_hang) as server:
        began = time.monotonic()
        other = asyncio.create_task(send(transport, server.url))
        error = await failure(transport, server.url, b"hang", timeout_s=0.3)
        assert 0.29 < time.monotonic() - began < 2
        assert (error.outcome, str(error)) == (
            Outcome.TIMEOUT,
            f"{server.origin}: timed out after 0.3 s, waiting for the answer",
        )
        assert (await other).body == (await send(transport, server.url)).body == b"ok"
    assert server.connections == 1


async def test_a_connection_on_which_nothing_is_heard_any_more_is_left(transport):
    async def fall_silent(asked: Asked) -> None:
        if server.connections == 1 and asked.number > 1:
            await hang(asked)
        await asked.answer()

    async with serve2(fall_silent) as server:
        await send(transport, server.url)
        await asyncio.sleep(0.05)
        await failure(transport, server.url, timeout_s=0.2)
        assert (await send(transport, server.url)).body == b"ok"
    assert server.connections == 2


async def test_a_server_that_never_says_what_it_takes_is_not_connected(transport):
    async with serve2(mute=True) as server:
        errors = await asyncio.gather(*(failure(transport, server.url, timeout_s=0.3) for _ in range(3)))
    assert {str(error) for error in errors} == {f"{server.origin}: timed out after 0.3 s, connecting"}


# --- other servers, other ways


async def test_a_certificate_that_nobody_vouches_for_is_refused(transport, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    async with serve2() as server:
        error = await failure(transport, server.url)
    assert str(error).startswith(f"{server.origin}: its TLS certificate is refused: self-signed certificate")
    assert server.requests == []


async def test_http_2_goes_through_a_tunnel(monkeypatch):
    async with serve(_relay) as proxy, serve2(echo) as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        transport = Http2Transport()
        answers = await asyncio.gather(*(send(transport, server.url, b"%d" % n) for n in range(5)))
        assert [answer.body for answer in answers] == [b"%d" % n for n in range(5)]
        await transport.aclose()
    assert [(seen.method, seen.target) for seen in proxy.requests] == [("CONNECT", server.origin)]


async def test_a_process_of_its_own_speaks_http_2_and_http_1():
    async with serve2() as two, serve(tls=True) as one:
        for server in (two, one):
            assert await _child(Http2Transport, CHILD, server.url, SSL_CERT_FILE=str(PEM)) == (0, "200 ok\n" * 2, "")
            assert server.connections == 1


WARMING = """
import asyncio, sys
from {module} import {name}

async def main(url):
    transport = {name}()
    await transport.warm(url, 6)
    print(transport.connections)
    await transport.aclose()

asyncio.run(main(sys.argv[1]))
"""


async def test_where_http_1_is_spoken_as_many_are_opened_beforehand_as_there_are_requests():
    async with serve(tls=True) as server:
        assert await _child(Http2Transport, WARMING, server.url, SSL_CERT_FILE=str(PEM)) == (0, "6\n", "")
        assert server.connections == 6


@pytest.mark.slow
async def test_a_process_that_used_it_leaves_without_a_word():
    async def handle(asked: Asked) -> None:
        await (hang if asked.headers[":path"].endswith("/hang") else echo)(asked)

    async with serve2(handle) as server:
        for loop in ("asyncio", "uvloop"):
            assert await _child(Http2Transport, LEAVING, server.url, loop, SSL_CERT_FILE=str(PEM)) == (0, "", "")


# --- how it is chosen


def test_the_environment_chooses_it():
    assert type(open_http({VARIABLE: "http2"})) is Http2Transport


def test_without_its_extra_it_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("h2.") or name in OWN]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "h2", None)
    with pytest.raises(UsageError, match=r"BATCHTOP_TRANSPORT: http2 needs `pip install 'batchtop\[http2\]'`"):
        open_http({VARIABLE: "http2"})


# --- frames


def frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, 0]) + (1).to_bytes(4) + payload


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 4, 6, 7, 8]), st.binary(min_size=8, max_size=40))),
    st.lists(st.integers(1, 300)),
)
def test_frames_are_the_same_however_they_are_cut(sent, cuts):
    data = b"".join(frame(*each) for each in sent)
    frames, got, last = Frames(), b"", []
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(edges):
        whole, said = frames.feed(data[start:end])
        got += whole
        last += [] if said is None else [said]
    assert got == b"".join(frame(*each) for each in sent if each[0] != 7)
    goodbyes = [int.from_bytes(payload[:4]) & 0x7FFFFFFF for kind, payload in sent if kind == 7]
    assert min(last, default=None) == min(goodbyes, default=None)
    assert frames.settled == any(kind == 4 for kind, _ in sent)


def test_that_ours_were_heard_is_not_what_the_server_takes():
    frames = Frames()
    frames.feed(b"\0\0\0\x04\x01\0\0\0\0")
    assert not frames.settled
