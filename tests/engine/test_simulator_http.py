import asyncio
import logging
import resource
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import aiohttp
import msgspec
import openai
import pytest
from batchtop.engine.clock import LoopClock
from batchtop.engine.errors import OutputError, UsageError
from batchtop.engine.simulator import Arrival, Behaviour, Simulator, key_tag

MODEL = "gpt-4o-mini"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


def question(text: str) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


async def chat(
    http: aiohttp.ClientSession, provider: Simulator, text: str = "hello", key: str = "sk-1"
) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {key}"}
    async with http.post(f"{provider.base_url}/chat/completions", json=question(text), headers=headers) as response:
        await response.read()
        return response


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 (files and lists send no events)
            await asyncio.sleep(0.005)


async def until_arrived(provider: Simulator, number: int) -> None:
    await until(lambda: len(provider.arrivals) >= number)


def port_of(provider: Simulator) -> int:
    return int(provider.base_url.removesuffix("/v1").rsplit(":", 1)[1])


def lines(path: Path) -> list[Arrival]:
    return msgspec.json.Decoder(Arrival).decode_lines(path.read_bytes())


class GatedClock(LoopClock):
    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await self.gate.wait()


class SteppedClock(LoopClock):
    moment = 1000.0

    def now(self) -> float:
        return self.moment


async def test_the_openai_client_is_at_home() -> None:
    async with (
        Simulator(Behaviour(keys=("sk-1",), rpm=600, dimensions=8)) as provider,
        openai.AsyncOpenAI(api_key="sk-1", base_url=provider.base_url, max_retries=0) as client,
    ):
        assert [model.id async for model in client.models.list()] == list(provider.behaviour.models)
        raw = await client.chat.completions.with_raw_response.create(**question("hello"))
        assert raw.headers["x-ratelimit-limit-requests"] == "600"
        assert raw.headers["x-request-id"].startswith("req_")
        assert raw.parse().choices[0].message.content
        made = await client.embeddings.create(model=MODEL, input=["a", "b"])
        assert [len(each.embedding) for each in made.data] == [8, 8]
        assert sum(x * x for x in made.data[1].embedding) == pytest.approx(1)
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.with_options(api_key="sk-2").chat.completions.create(**question("hello"))
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(**question("hello") | {"model": "nope"})
        assert unknown.value.code == "model_not_found"
        provider.behaviour = replace(provider.behaviour, rpm=1, burst_s=0)
        await client.chat.completions.create(**question("hello"))
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(**question("hello"))
        assert (limited.value.code, limited.value.type) == ("rate_limit_exceeded", "requests")
        assert limited.value.response.headers["retry-after"] == "60"


async def test_retrying_after_the_time_told_is_accepted_and_not_a_moment_earlier(http: aiohttp.ClientSession) -> None:
    clock = SteppedClock()
    async with Simulator(Behaviour(rpm=7, burst_s=0), clock=clock) as provider:
        assert (await chat(http, provider)).status == 200
        refused = await chat(http, provider)
        wait_ms = int(refused.headers["retry-after-ms"])
        assert (refused.status, wait_ms, refused.headers["retry-after"]) == (429, 8572, "9")
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert refused.headers["x-ratelimit-reset-requests"] == "8.572s"
        clock.moment += (wait_ms - 1) / 1000
        assert (await chat(http, provider)).status == 429
        clock.moment += 0.001
        assert (await chat(http, provider)).status == 200


async def test_arrivals_tell_what_came_and_how_it_ended(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    log = tmp_path / "arrivals.jsonl"
    before = time.time()
    async with Simulator(Behaviour(keys=("sk-1",)), log=log) as provider:
        await chat(http, provider, "item 1")
        await chat(http, provider, "item 2", key="sk-2")
        body = {"model": MODEL, "input": ["item 3", "item 4"]}
        async with http.post(f"{provider.base_url}/embeddings", json=body, headers={"Authorization": "Bearer sk-1"}):
            pass
        first, second, third = provider.arrivals
    assert (first.path, first.items, first.subjects, first.status, first.in_flight) == (
        "/v1/chat/completions", 1, ("item 1",), 200, 1
    )  # fmt: skip
    assert before - 0.001 <= first.at <= time.time()
    assert (first.key, second.key) == (key_tag("sk-1"), key_tag("sk-2"))
    assert (second.status, second.items) == (401, 0)
    assert (third.path, third.items, third.subjects) == ("/v1/embeddings", 2, ("item 3", "item 4"))
    assert lines(log) == [first, second, third]
    assert b"sk-" not in log.read_bytes()


async def test_the_log_is_on_disk_within_a_moment_and_grows_over_restarts(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    log = tmp_path / "arrivals.jsonl"
    provider = Simulator(log=log, keep_arrivals=False)
    async with provider:
        await chat(http, provider, "one")
        await until(log.read_bytes)
    url = provider.base_url
    async with provider:
        assert provider.base_url == url
        await chat(http, provider, "two")
    assert [arrival.subjects for arrival in lines(log)] == [("one",), ("two",)]
    assert provider.arrivals == []


async def test_requests_wait_side_by_side(http: aiohttp.ClientSession) -> None:
    async with Simulator(Behaviour(latency_ms=200)) as provider:
        started = time.perf_counter()
        await asyncio.gather(*(chat(http, provider, str(number)) for number in range(100)))
        assert 0.2 <= time.perf_counter() - started < 2
        assert max(arrival.in_flight for arrival in provider.arrivals) == 100
        assert {arrival.subjects for arrival in provider.arrivals} == {(str(number),) for number in range(100)}


async def test_four_thousand_connections_are_held_and_served() -> None:
    # Both ends of each connection are files of this process; where it may open few, fewer are tried.
    number = min(4000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)
    body = msgspec.json.encode(question("hello"))
    ask = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async def status_line(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ask)
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line

    clock = GatedClock()
    async with Simulator(Behaviour(latency_ms=1), clock=clock) as provider, asyncio.TaskGroup() as group:
        answers = [group.create_task(status_line(port_of(provider))) for _ in range(number)]
        await until_arrived(provider, number)
        assert provider.arrivals[-1].in_flight == number
        clock.gate.set()
    assert {answer.result() for answer in answers} == {b"HTTP/1.1 200 OK\r\n"}


async def test_a_client_that_hangs_up_is_no_longer_in_flight(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    log = tmp_path / "arrivals.jsonl"
    async with Simulator(Behaviour(latency_ms=60_000), log=log) as provider:
        asking = asyncio.create_task(chat(http, provider, "gone"))
        await until_arrived(provider, 1)
        asking.cancel()
        await until(log.read_bytes)
        provider.behaviour = Behaviour()
        await chat(http, provider, "next")
        assert [(arrival.status, arrival.in_flight) for arrival in provider.arrivals] == [(0, 1), (200, 1)]


async def test_closing_drops_what_waits_and_logs_it(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    log = tmp_path / "arrivals.jsonl"
    async with Simulator(Behaviour(latency_ms=60_000), log=log) as provider:
        asking = asyncio.create_task(chat(http, provider, "waiting"))
        await until_arrived(provider, 1)
        started = time.perf_counter()
    assert time.perf_counter() - started < 1
    with pytest.raises(aiohttp.ClientError):
        await asking
    assert [(arrival.subjects, arrival.status) for arrival in lines(log)] == [(("waiting",), 0)]


async def test_a_large_body_is_read_whole(http: aiohttp.ClientSession) -> None:
    async with Simulator(Behaviour(dimensions=2)) as provider:
        body = {"model": MODEL, "input": ["x" * 2000] * 2048}
        raw = BytesIO(msgspec.json.encode(body))
        async with http.post(f"{provider.base_url}/embeddings", data=raw) as response:
            assert response.status == 200
            assert len((await response.json())["data"]) == 2048


async def test_half_a_request_harms_nobody(http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    async with Simulator() as provider:
        port = port_of(provider)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await until_arrived(provider, 1)
        writer.close()
        await writer.wait_closed()
        assert (await chat(http, provider)).status == 200
        assert provider.arrivals[0].status == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    async with Simulator() as provider:
        port = port_of(provider)
        with pytest.raises(UsageError, match=f"can't listen on 127.0.0.1:{port}.*choose another port"):
            await Simulator(port=port, log=tmp_path / "log").__aenter__()


async def test_a_log_that_cant_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"can't write the log .*nowhere.*: No such file or directory"):
        await Simulator(log=tmp_path / "nowhere" / "log").__aenter__()


async def test_a_broken_connection_is_a_reset_and_harms_nobody_else(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with Simulator(Behaviour(latency_ms=50)) as provider:
        spared = asyncio.create_task(chat(http, provider, "spared"))
        await until_arrived(provider, 1)
        provider.behaviour = replace(provider.behaviour, drop_rate=1)
        with pytest.raises(aiohttp.ClientOSError, match="reset"):
            await chat(http, provider, "dropped")
        assert (await spared).status == 200
        assert [(each.subjects, each.status) for each in provider.arrivals] == [(("spared",), 200), (("dropped",), 0)]
    assert caplog.records == []


async def test_no_more_than_the_requests_allowed_are_answered_at_once(http: aiohttp.ClientSession) -> None:
    clock = GatedClock()
    async with Simulator(Behaviour(latency_ms=1, parallel=2), clock=clock) as provider:
        asking = [asyncio.create_task(chat(http, provider)) for _ in range(5)]
        await until(lambda: sum(task.done() for task in asking) == 3)
        other = asyncio.create_task(chat(http, provider, key="sk-2"))
        await until_arrived(provider, 6)
        clock.gate.set()
        assert sorted(response.status for response in await asyncio.gather(*asking)) == [200, 200, 429, 429, 429]
        assert (await other).status == 200
        assert (await chat(http, provider)).status == 200


async def test_an_outage_is_counted_from_the_moment_the_provider_is_up(http: aiohttp.ClientSession) -> None:
    clock = SteppedClock()
    async with Simulator(Behaviour(outage=(5, 2)), clock=clock) as provider:
        for later_s, status in ((0, 200), (5, 503), (1, 503), (1, 200)):
            clock.moment += later_s
            assert (await chat(http, provider)).status == status
