"""Standard input: rows are sent as they come, kept before they are sent, and never lost or asked twice."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.engine import Engine
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.live.stdin import STREAMED
from batchtop.engine.snapshot import JobState
from batchtop.engine.store.arrivals import stored

from .desk import Desk
from .workshop import chat, lines_of, rows_of, until


class Stream:
    """The two ends of a pipe: rows go in here, a job reads them there."""

    def __init__(self) -> None:
        self.descriptor, self._end = os.pipe()
        self._open = True

    def write(self, text: str) -> None:
        os.write(self._end, text.encode())

    def rows(self, numbers: Iterable[int], text: str = "text") -> None:
        self.write("".join(f"{json.dumps({'id': n, 'text': f'{text} {n}'})}\n" for n in numbers))

    def end(self) -> None:
        if self._open:
            os.close(self._end)
        self._open = False

    def close(self) -> None:
        self.end()
        os.close(self.descriptor)


@pytest.fixture
def stream():
    made = Stream()
    yield made
    made.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def job(desk: Desk, *, prompt: str = "{text}", **more: object) -> JobSpec:
    source = {key: more.pop(key) for key in tuple(more) if key in InputSpec.__struct_fields__}
    spec = desk.job(task=chat(prompt=prompt), **{"max_wait": 0.05} | more)
    return msgspec.structs.replace(spec, input=InputSpec("-", **{"id": "id"} | source))


@asynccontextmanager
async def running(desk: Desk, spec: JobSpec, stream: Stream) -> AsyncGenerator[Engine]:
    async with desk.engine() as engine:
        await engine.submit(spec, stdin=stream.descriptor)
        yield engine


async def run(desk: Desk, spec: JobSpec, stream: Stream | None = None):
    async with desk.engine() as engine:
        return await engine.run(spec, stdin=stream and stream.descriptor)


async def test_rows_are_sent_as_they_come_and_the_job_ends_with_them(desk: Desk, stream: Stream):
    async with running(desk, job(desk, max_wait=0.3), stream) as engine:
        stream.rows(range(5))
        await until(lambda: len(desk.provider.asked) == 5)  # a whole batch waits for nothing
        row = desk.snapshot().job
        assert (row.total, row.whole, row.open, row.state) == (5, 0, True, JobState.RUNNING)
        begun = asyncio.get_running_loop().time()
        stream.rows([5])
        await until(lambda: len(desk.provider.asked) == 6)
        assert desk.provider.asked[-1].at - begun >= 0.29, "a partial batch leaves when max_wait is over"
        stream.rows([6])
        stream.end()
        assert (await engine.wait("job")).state is JobState.FINISHED
    assert not desk.snapshot().job.open
    desk.check(7)


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("jsonl", '{"id": 1, "text": "a"}\n\n{"id": 2, "text": "b"}'),
        ("csv", "id,text\n1,a\n2,b\n"),
        ("tsv", "id\ttext\n1\ta\n2\tb\n"),
        ("lines", "a\nb\n"),
    ],
)
async def test_each_format_that_can_be_read_as_it_comes(desk: Desk, stream: Stream, format_: str, text: str):
    stream.write(text)
    stream.end()
    spec = job(desk, format=format_, id=None if format_ == "lines" else "id")
    assert (await run(desk, spec, stream)).exit_code == 0
    assert desk.sent == {"a": 1, "b": 1}
    assert [str(line["id"]) for line in lines_of(desk.output)] == ["1", "2"]
    assert format_ in STREAMED


async def test_an_empty_stream_is_a_job_well_done(desk: Desk, stream: Stream):
    stream.end()
    assert (await run(desk, job(desk), stream)).exit_code == 0
    assert desk.snapshot().job.total == 0


async def test_rows_that_come_again_are_not_asked_again(desk: Desk, stream: Stream):
    stream.rows(range(20))
    stream.rows(range(10))
    stream.end()
    assert (await run(desk, job(desk), stream)).exit_code == 0
    again = Stream()
    again.rows([*range(15, 30), 3])
    again.rows([4, 5], text="new")
    again.end()
    assert (await run(desk, job(desk), again)).exit_code == 0
    again.close()
    assert {text: times for text, times in desk.sent.items() if times > 1} == {}
    assert desk.sent["new 4"] == desk.sent["text 29"] == 1
    assert len(desk.sent) == 32
    desk.check(30)
    assert {line["id"]: line["output"] for line in lines_of(desk.output)}[4] == "NEW 4"


async def test_an_item_that_changes_while_it_is_asked_is_asked_again_afterwards(desk: Desk, stream: Stream):
    desk.provider.gate.clear()
    async with running(desk, job(desk, concurrency=20), stream) as engine:
        stream.rows(range(5))
        await until(lambda: desk.sent["text 2"])
        stream.rows([2], text="new")
        stream.rows([2], text="newer")
        stream.rows([7])
        stream.end()
        await until(lambda: desk.snapshot().job.total == 6)  # nobody waits for those that wait
        assert not desk.sent["new 2"]
        desk.provider.gate.set()
        assert (await engine.wait("job")).exit_code == 0
    assert set(desk.sent.values()) == {1}
    outputs = {line["id"]: line["output"] for line in lines_of(desk.output)}
    assert outputs == {n: f"TEXT {n}" for n in (0, 1, 3, 4, 7)} | {2: "NEWER 2"}
    row = desk.snapshot().job
    assert (row.total, row.done, row.failed) == (6, 6, 0)


async def test_rows_without_ids_are_counted_on(desk: Desk):
    for numbers in (range(3), range(3, 8)):
        stream = Stream()
        stream.rows(numbers)
        stream.end()
        assert (await run(desk, job(desk, id=None, prompt="{id}"), stream)).exit_code == 0
        stream.close()
    assert {line["id"]: line["output"] for line in lines_of(desk.output)} == {n + 1: str(n) for n in range(8)}


async def test_what_was_taken_goes_on_without_a_stream(desk: Desk, stream: Stream):
    desk.provider.gate.clear()
    async with running(desk, job(desk), stream) as engine:
        stream.rows(range(30))
        await until(lambda: desk.snapshot().job.total == 30)
        engine.drain("enough")
        desk.provider.gate.set()
        end = await engine.wait("job")
    assert end.state is JobState.DRAINED
    assert desk.snapshot().job.open
    assert (await run(desk, job(desk))).exit_code == 0
    assert "no standard input is at hand; this run goes on with the rows that came before" in desk.told()
    assert not desk.snapshot().job.open
    desk.check(30)
    assert set(desk.sent.values()) == {1}


@pytest.mark.parametrize("begun", ["", '{"id": 7, "te'])
@pytest.mark.parametrize("bad_rows", ["stop", "reject"])
async def test_a_drained_stream_is_not_finished_though_all_that_came_is_answered(
    desk: Desk, stream: Stream, begun: str, bad_rows: str
):
    rejects = desk.folder / "rejects.jsonl"
    async with running(desk, job(desk, bad_rows=bad_rows, rejects=str(rejects)), stream) as engine:
        stream.rows(range(5))
        stream.write(begun)
        await until(lambda: desk.snapshot().job.done == 5)
        engine.drain("enough")
        end = await engine.wait("job")
    assert (end.state, end.exit_code) == (JobState.DRAINED, 130)
    assert end.reason == "standard input had not come to an end; run the job again to continue"
    assert not rejects.exists(), "half a row is no bad one"


async def test_a_bad_row_ends_the_reading_and_what_came_before_is_answered(desk: Desk, stream: Stream):
    stream.rows(range(7))
    stream.write("{nonsense}\n")
    stream.rows([9])
    end = await run(desk, job(desk), stream)
    assert (end.state, end.exit_code) == (JobState.STOPPED, 2)
    assert "standard input, line 8: each line must be one JSON object" in end.reason
    desk.check(7)


async def test_bad_rows_are_set_aside_where_that_is_wanted(desk: Desk, stream: Stream):
    stream.rows(range(3))
    stream.write('{nonsense}\n{"text": "no id"}\n')
    stream.rows(range(3, 6))
    stream.end()
    rejects = desk.folder / "rejects.jsonl"
    assert (await run(desk, job(desk, bad_rows="reject", rejects=str(rejects)), stream)).exit_code == 0
    assert [(line["file"], line["line"]) for line in lines_of(rejects)] == [
        ("standard input", 4),
        ("standard input", 5),
    ]
    assert any(told.startswith("2 rows rejected") and str(rejects) in told for told in desk.told())
    desk.check(6)


async def test_a_stream_of_bad_rows_alone_is_no_job_well_done(desk: Desk, stream: Stream):
    stream.write("one\ntwo\n")
    stream.end()
    rejects = desk.folder / "rejects.jsonl"
    end = await run(desk, job(desk, bad_rows="reject", rejects=str(rejects)), stream)
    assert (end.state, end.exit_code) == (JobState.STOPPED, 2)
    assert end.reason.startswith("standard input: none of its 2 rows can be read; the first is standard input, line 1:")
    assert len(lines_of(rejects)) == 2


@pytest.mark.parametrize("bad_rows", ["stop", "reject"])
async def test_a_line_that_never_ends_does_not_fill_the_memory(
    desk: Desk, stream: Stream, monkeypatch: pytest.MonkeyPatch, bad_rows: str
):
    monkeypatch.setattr("batchtop.engine.source.lines.LONGEST", 1 << 20)
    stream.rows(range(3))
    async with running(desk, job(desk, bad_rows=bad_rows), stream) as engine:
        await asyncio.to_thread(stream.write, "x" * (1 << 20) + "yy")
        end = await engine.wait("job")
    assert (end.state, end.exit_code) == (JobState.STOPPED, 2)
    assert end.reason == "standard input, line 4: is longer than 1 MB, which is too much for one item"
    desk.check(3)


async def test_a_job_whose_rows_are_in_a_file_from_now_on_waits_for_no_more(desk: Desk, stream: Stream):
    async with running(desk, job(desk), stream) as engine:
        stream.rows(range(5))
        await until(lambda: desk.snapshot().job.done == 5)
        engine.drain("enough")
        await engine.wait("job")
    assert desk.snapshot().job.open
    desk.rows(5)
    assert (await desk.run(desk.job())).exit_code == 0
    assert not desk.snapshot().job.open


async def test_another_prompt_asks_anew_what_was_taken(desk: Desk, stream: Stream):
    stream.rows(range(10))
    stream.end()
    assert (await run(desk, job(desk), stream)).exit_code == 0
    assert (await run(desk, job(desk, prompt="Again: {text}"))).exit_code == 0
    assert sorted(line["output"] for line in lines_of(desk.output)) == [f"AGAIN: TEXT {n}" for n in range(10)]
    assert (await run(desk, job(desk))).exit_code == 0
    assert sum(desk.sent.values()) == 20, "the answers to the first prompt were kept"
    desk.check(10)


async def test_large_rows_that_were_taken_are_told_apart_anew_a_few_at_a_time(
    desk: Desk, stream: Stream, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("batchtop.engine.store.arrivals.CHUNK_BYTES", 100)
    stream.rows(range(30))
    stream.end()
    assert (await run(desk, job(desk), stream)).exit_code == 0
    pages = stored(desk.workspace, 1, lambda key, _fields: key.encode())
    assert [row.digest for row in pages] == [b"%d" % number for number in range(30)]
    assert (await run(desk, job(desk, prompt="Again: {text}"))).exit_code == 0
    desk.check(30)


async def test_a_quick_stream_waits_in_the_workspace_and_not_in_memory(desk: Desk, stream: Stream):
    desk.provider.gate.clear()
    async with running(desk, job(desk, concurrency=2), stream) as engine:
        await asyncio.to_thread(stream.rows, range(30_000))
        stream.end()
        await until(lambda: desk.snapshot().job.total == 30_000)
        assert len(engine.job("job")._feed._batcher) <= 100
        await engine.job("job").cancel("seen")
    assert rows_of(desk.workspace, "SELECT count(*), count(DISTINCT key) FROM items") == [(30_000, 30_000)]
