"""HTTP as the fast transport says and hears it, byte by byte, and how it is chosen."""

import asyncio
import gc
import gzip
import sys
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from batchtop.engine import Engine
from batchtop.engine.errors import UsageError
from batchtop.engine.transports import Request, Response, TransportError, fast, idle
from batchtop.engine.transports.aiohttp import AiohttpTransport
from batchtop.engine.transports.failures import AnswerTooLargeError
from batchtop.engine.transports.http import VARIABLE, open_http
from batchtop.engine.transports.incoming import MAX_IDLE_BYTES, Incoming, UnsoundError, unpack
from batchtop.engine.transports.outgoing import Heads
from batchtop.engine.transports.target import read_target
from hypothesis import given
from hypothesis import strategies as st

from .http_server import Peer, serve

URL = "https://user:word@api.example/v1/chat?a=1#part"
OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"answer": 42}' * 30

# --- what goes out


def said(request: Request, **proxies: str) -> tuple[str, dict[str, str]]:
    """Return the first line and the headers of a message."""
    head, end, rest = Heads().of(request, read_target(proxies, request.url)).partition(b"\r\n\r\n")
    assert (end, rest) == (b"\r\n\r\n", b"")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize(("method", "length"), [("get", None), ("HEAD", None), ("POST", "0"), ("DELETE", "0")])
def test_an_empty_body_has_a_length_where_one_is_expected(method, length):
    first, headers = said(Request(URL, method=method))
    assert first == f"{method.upper()} /v1/chat?a=1 HTTP/1.1"
    assert headers.get("content-length") == length


def test_how_long_a_request_is_is_not_the_callers_to_say():
    headers = {"Content-Length": "1", "Transfer-Encoding": "chunked", "HOST": "other"}
    _, seen = said(Request(URL, b"body", headers))
    assert (seen["content-length"], seen["host"]) == ("4", "other")
    assert "transfer-encoding" not in seen


def test_a_proxy_is_told_the_whole_url_and_no_password_but_its_own():
    proxied = said(Request("http://me:mine@api.example/v1#x", b"{}"), http="http://you:yours@127.0.0.1:3128")
    assert proxied[0] == "POST http://api.example/v1 HTTP/1.1"
    assert proxied[1]["proxy-authorization"] == "Basic eW91OnlvdXJz"
    tunnelled = said(Request(URL, b"{}"), https="http://you:yours@127.0.0.1:3128")
    assert tunnelled[0] == "POST /v1/chat?a=1 HTTP/1.1"
    assert "proxy-authorization" not in tunnelled[1]


@given(st.text(), st.text(), st.sampled_from(["\r", "\n", "\r\n", "\0"]), st.sampled_from(["name", "value", "method"]))
def test_no_line_break_makes_another_request_of_one(before, after, broken, where):
    text = before + broken + after
    headers = {"x": text} if where == "value" else {text: "x"} if where == "name" else {}
    with pytest.raises(ValueError, match="line break"):
        said(Request(URL, b"{}", headers, text if where == "method" else "POST"))


# --- what comes back

ANSWERS = {
    "length": OK + b"X-One: a\r\nx-one: b\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\nX-Trail: t\r\n\r\n",
    "announced": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "packed": OK
    + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(BODY, mtime=0))
    + gzip.compress(BODY, mtime=0),
}


@given(st.sampled_from(list(ANSWERS)), st.lists(st.integers(1, 600)))
def test_an_answer_is_the_same_however_it_is_cut(kind, cuts):
    incoming, whole = Incoming(10_000), ANSWERS[kind]
    edges = sorted({0, *(cut for cut in cuts if cut < len(whole)), len(whole)})
    for turn in range(2):
        incoming.expect(bodiless=False)
        for start, end in pairwise(edges):
            assert not incoming.whole
            incoming.feed(whole[start:end])
        assert (incoming.whole, incoming.keep) == (True, True)
        answer = incoming.answer(1.0)
        assert (answer.status, answer.body, turn) == (200, BODY, turn)
        assert {"link", "x-trail"}.isdisjoint(answer.headers)
        assert answer.headers.get("x-one") in {None, "b"}


@given(st.lists(st.one_of(st.binary(), st.sampled_from([*ANSWERS.values(), OK, b"\r\n", b"Content-Length: 3\r\n"]))))
def test_whatever_comes_is_an_answer_or_said_to_be_none(pieces):
    incoming = Incoming(1000)
    try:
        for piece in pieces:
            incoming.feed(piece)
        if incoming.whole:
            assert isinstance(incoming.answer(1.0), Response)
    except (UnsoundError, AnswerTooLargeError):
        pass


@pytest.mark.parametrize(
    "start", [OK + b"X: ", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: "], ids=["head", "trailer"]
)
def test_a_header_without_end_is_given_up(start):
    incoming = Incoming(MAX_IDLE_BYTES * 10)
    incoming.feed(start)
    incoming.feed(b"x" * (MAX_IDLE_BYTES - 100))
    with pytest.raises(UnsoundError):
        incoming.feed(b"x" * 101)


def test_a_header_with_a_null_byte_is_refused():
    with pytest.raises(UnsoundError):
        Incoming(1000).feed(OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n")


def test_a_body_in_many_pieces_takes_no_more_memory_than_it_has_bytes():
    incoming = Incoming(1_000_000)
    incoming.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    tracemalloc.start()
    try:
        for _ in range(100):
            incoming.feed(b"2\r\nab\r\n" * 1000)
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()


# --- content codings


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("", BODY),
        ("identity", BODY),
        ("utf-8", BODY),
        ("gzip, identity", gzip.compress(BODY, mtime=0)),
        (" GZIP ", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY[:50], mtime=0) + gzip.compress(BODY[50:], mtime=0)),
        ("gzip", gzip.compress(BODY, mtime=0) + b"\0\0\0"),
        ("deflate", zlib.compress(BODY)),
        ("deflate", bare(BODY)),
    ],
)
def test_a_body_is_unpacked(coding, packed):
    assert unpack(packed, coding, len(packed) + len(BODY)) == BODY


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        *(("br", b"..."), ("zstd", b"..."), ("gzip, gzip", b"..."), ("utf-8, br", b"..."), ("gzip", b"...")),
        ("gzip", gzip.compress(BODY, mtime=0)[:-9]),
    ],
)
def test_a_body_that_can_not_be_unpacked_is_no_answer(coding, packed):
    with pytest.raises(UnsoundError, match="decoded"):
        unpack(packed, coding, 10_000)


def test_a_packed_body_may_be_as_large_as_the_limit_and_no_larger():
    packed = gzip.compress(bytes(1000)) + gzip.compress(bytes(1000))
    assert len(unpack(packed, "gzip", 2000)) == 2000
    with pytest.raises(AnswerTooLargeError):
        unpack(packed, "gzip", 1999)


# --- connections


async def test_a_connection_idle_for_too_long_is_not_trusted(monkeypatch):
    monkeypatch.setattr(idle, "KEEP_ALIVE_S", 0.05)
    transport = fast.FastTransport()
    async with serve() as server:
        for wait_s in (0, 0, 0.1):
            await asyncio.sleep(wait_s)
            await transport.send(Request(server.url), timeout_s=5)
        await transport.aclose()
    assert server.connections == 2


async def test_what_came_of_an_answer_that_failed_is_let_go():
    async def too_much(peer: Peer) -> None:
        await peer.request()
        await peer.answer(bytes(2_000_000))

    transport = fast.FastTransport(max_answer_bytes=1_500_000)
    async with serve(too_much) as server:
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(3):
                with pytest.raises(TransportError, match="too large"):
                    await transport.send(Request(server.url), timeout_s=5)
            await transport.aclose()
            assert tracemalloc.get_traced_memory()[0] < 1_000_000
        finally:
            tracemalloc.stop()
            gc.enable()


async def test_closing_while_a_connection_is_being_made_ends_that_too():
    transport = fast.FastTransport()
    async with serve(Peer.gone) as server:
        url = server.url.replace("http:", "https:")  # the handshake never ends
        sending = asyncio.create_task(transport.send(Request(url), timeout_s=2))
        await asyncio.sleep(0.1)
        await transport.aclose()
        with pytest.raises(TransportError):
            await sending
    assert transport.connections == 0


# --- how it is chosen


@pytest.mark.parametrize(
    ("named", "kind"),
    [(None, fast.FastTransport), ("", fast.FastTransport), ("fast", fast.FastTransport), ("aiohttp", AiohttpTransport)],
)
def test_the_environment_says_which_client_it_is(named, kind):
    assert type(open_http({} if named is None else {VARIABLE: named})) is kind


@pytest.mark.parametrize("named", ["", "fast", "http2"])
@pytest.mark.parametrize("broken", [False, True], ids=["missing", "broken"])
def test_without_its_parser_it_says_how_to_get_it_and_takes_no_other_client(monkeypatch, tmp_path, named, broken):
    for name in [name for name in sys.modules if name.partition(".")[0] == "httptools"]:
        monkeypatch.delitem(sys.modules, name)
    if broken:
        (tmp_path / "httptools.py").write_text("raise ImportError('undefined symbol')")
        monkeypatch.syspath_prepend(tmp_path)
    else:
        monkeypatch.setitem(sys.modules, "httptools", None)
    with pytest.raises(UsageError, match=r"HTTP needs httptools, which can't be imported \(.+\): `pip"):
        open_http({VARIABLE: named})
    assert type(open_http({VARIABLE: "aiohttp"})) is AiohttpTransport


async def test_an_engine_takes_it_from_its_environment(tmp_path):
    with pytest.raises(UsageError, match="BATCHTOP_TRANSPORT: 'slow' is none of fast, aiohttp and http2"):
        async with Engine(tmp_path / "work.db", environment={VARIABLE: "slow"}):
            pass
