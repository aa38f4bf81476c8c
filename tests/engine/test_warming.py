"""Connections to a job's server are opened while its input is loaded: how many, when, and when not."""

from dataclasses import replace

import pytest
from batchtop.engine import Engine
from batchtop.engine.settings import Settings
from batchtop.engine.snapshot import JobState
from batchtop.engine.taskspec import HttpSpec
from batchtop.engine.transports import Request, Response
from batchtop.engine.transports.aiohttp import AiohttpTransport
from batchtop.engine.warming import first_wave

from .http_server import Peer, serve
from .workshop import chat, embeddings, job_of, numbered, until, write_rows

REPLY = (
    b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}],'
    b' "usage": {"prompt_tokens": 1, "completion_tokens": 1}}'
)


@pytest.mark.parametrize(
    ("task", "settings", "count"),
    [
        (chat(), {"concurrency": 4, "batch_size": 10}, 40),
        (chat(), {"concurrency": 4, "batch_size": 10, "items_per_request": 4}, 12),
        (chat(), {"concurrency": 400, "batch_size": 10}, 100),
        (chat(), {"concurrency": 4, "batch_size": 10, "rpm": 90}, 2),
        (embeddings(), {"concurrency": 4, "batch_size": 10}, 4),
        (HttpSpec(url="http://x/{id}"), {"concurrency": 4, "batch_size": 2}, 8),
        (HttpSpec(url="http://x/", takes="batch"), {"concurrency": 4, "batch_size": 2}, 4),
    ],
)
def test_it_is_as_many_as_the_first_wave_takes(task, settings, count):
    assert first_wave(task, replace(Settings(), **settings)) == count


class Noting(AiohttpTransport):
    """Notes what it is asked for, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[object] = []

    async def warm(self, url: str, count: int) -> None:
        self.noted.append((url, count))
        await super().warm(url, count)

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        self.noted.append("send")
        return await super().send(request, timeout_s=timeout_s)


async def answer(peer: Peer) -> None:
    while await peer.request():
        await peer.answer(REPLY)


async def run(folder, url: str) -> list[object]:
    transport = Noting()
    job = job_of(folder / "rows.jsonl", chat(url), concurrency=3, batch_size=4)
    async with Engine(folder / "w.db", transport=lambda: transport) as engine:
        assert (await engine.run(job)).state is JobState.FINISHED
    assert transport.connections == 0
    return transport.noted


async def test_a_job_opens_them_before_it_sends_and_only_where_it_has_something_to_do(tmp_path):
    write_rows(tmp_path / "rows.jsonl", numbered(2000))
    async with serve(answer) as server:
        url = f"http://{server.origin}/v1"
        assert await run(tmp_path, url) == [(url, 12), *["send"] * 2000]
        assert server.connections <= 24
        before = server.connections
        assert await run(tmp_path, url) == []
        assert server.connections == before


async def test_a_job_that_is_cancelled_while_it_loads_leaves_none_open(tmp_path):
    async with serve(Peer.gone) as server:
        write_rows(tmp_path / "rows.jsonl", numbered(20_000))
        job = job_of(tmp_path / "rows.jsonl", chat(f"https://{server.origin}/v1"), concurrency=3, batch_size=4)
        async with Engine(tmp_path / "w.db") as engine:
            runner = await engine.submit(job)
            await until(lambda: server.connections)
            assert runner.state is JobState.LOADING
            await runner.cancel("enough")
            assert (await engine.wait("job")).state is not JobState.FINISHED
    assert server.requests == []
