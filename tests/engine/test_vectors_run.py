"""Vectors of a whole run over real HTTP: what the server said is in the file, the table and the next job, once."""

import json
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.engine import Engine
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.simulator.answers import embedding
from batchtop.engine.store.reader import Reader
from batchtop.engine.vector import HALF, SINGLE, json_of

from .crashing import Scene
from .nursery import Nursery
from .workshop import chat, embeddings, job_of, lines_of, numbered, rows_of, write_rows

DIMENSIONS = 3


@pytest.fixture
async def provider() -> AsyncGenerator[Simulator]:
    async with Simulator(Behaviour(latency_ms=1, dimensions=DIMENSIONS)) as server:
        yield server


class Folder:
    """A job whose answers are vectors, in a folder of its own."""

    def __init__(self, folder: Path, provider: Simulator) -> None:
        self.provider = provider
        self.workspace = folder / "batchtop.db"
        self.input = folder / "rows.jsonl"
        self.output = folder / "out.jsonl"

    def job(self, order: str = "completed", **task: object) -> JobSpec:
        output = OutputSpec(str(self.output), order="input" if order == "input" else "completed")
        return job_of(self.input, embeddings(self.provider.base_url, **task), output=output, batch_size=4)

    async def run(self, *jobs: JobSpec) -> None:
        async with Engine(self.workspace, environment={}) as engine:
            for spec in jobs:
                await engine.submit(spec)
            for spec in jobs:
                assert (await engine.wait(spec.name)).exit_code == 0

    def tags(self) -> list[bytes]:
        return [tag for (tag,) in rows_of(self.workspace, "SELECT substr(output, 1, 1) FROM results ORDER BY seq")]

    def check(self, count: int, digits: float = 1e-7) -> None:
        lines = lines_of(self.output)
        assert sorted(line["id"] for line in lines) == list(range(count))
        for line in lines:
            whole = embedding(f"text {line['id']}", seed=self.provider.behaviour.seed, dimensions=DIMENSIONS)
            assert line["output"] == pytest.approx(whole, rel=digits)


@pytest.fixture
def folder(tmp_path: Path, provider: Simulator) -> Folder:
    return Folder(tmp_path, provider)


@pytest.mark.parametrize("encoding", ["base64", "float"])
@pytest.mark.parametrize(("vectors", "tag", "digits"), [("float32", SINGLE, 1e-7), ("float16", HALF, 1e-3)])
async def test_every_vector_is_stored_as_wanted_whatever_the_server_is_asked_for(
    folder: Folder, encoding: str, vectors: str, tag: bytes, digits: float
):
    write_rows(folder.input, numbered(10))
    await folder.run(folder.job(encoding=encoding, vectors=vectors))
    assert folder.tags() == [tag] * 10
    folder.check(10, digits)


async def test_another_form_asks_nothing_again_and_all_forms_stand_beside_each_other(folder: Folder):
    write_rows(folder.input, numbered(4))
    await folder.run(folder.job())
    earlier = json_texts(folder, 2)
    first = folder.output.read_bytes()
    write_rows(folder.input, numbered(8))
    await folder.run(folder.job(vectors="float16", encoding="float"))
    asked = [text for arrival in folder.provider.arrivals for text in arrival.subjects]
    assert sorted(asked) == [f"text {number}" for number in range(8)]
    assert folder.tags() == [b"["] * 2 + [SINGLE] * 2 + [HALF] * 4
    assert folder.output.read_bytes().startswith(first)
    folder.check(8, 1e-3)
    assert [line["output"] for line in lines_of(folder.output)][:2] == earlier


def json_texts(folder: Folder, count: int) -> list[object]:
    """Have the first answers of a job as an earlier version stored them, and return what they say."""
    with closing(sqlite3.connect(folder.workspace)) as db:
        rows = db.execute("SELECT seq, output FROM results ORDER BY seq LIMIT ?", (count,)).fetchall()
        db.executemany("UPDATE results SET output = ? WHERE seq = ?", [(json_of(output), seq) for seq, output in rows])
        db.commit()
    return [json.loads(json_of(output)) for _, output in rows]


@pytest.mark.parametrize("order", ["completed", "input"])
@pytest.mark.parametrize("vectors", ["float32", "float16"])
async def test_an_output_that_was_torn_or_is_gone_is_the_very_same_again(folder: Folder, order: str, vectors: str):
    write_rows(folder.input, numbered(12))
    spec = folder.job(order, vectors=vectors)
    await folder.run(spec)
    asked, whole = len(folder.provider.arrivals), folder.output.read_bytes()
    for keep in (0, 40, len(whole) - 7):
        folder.output.write_bytes(whole[:keep])
        await folder.run(spec)
        assert folder.output.read_bytes() == whole
    folder.output.unlink()
    await folder.run(spec)
    assert folder.output.read_bytes() == whole
    assert len(folder.provider.arrivals) == asked


async def test_an_engine_that_is_killed_loses_none_and_has_none_twice(
    tmp_path: Path, nursery: Nursery, provider: Simulator
):
    provider.behaviour = Behaviour(latency_ms=30, dimensions=DIMENSIONS)
    task = embeddings(provider.base_url, vectors="float16")
    scene = Scene(tmp_path, provider, nursery, task=task, batch_size=20, concurrency=2)
    scene.rows(600)
    await scene.killed(2, 0.3)
    await scene.finish()
    scene.check_end(600)


async def test_the_next_job_reads_the_numbers(folder: Folder, tmp_path: Path):
    write_rows(folder.input, numbered(3))
    above = folder.job()
    out = tmp_path / "next.jsonl"
    below = msgspec.structs.replace(
        job_of(folder.input, chat(folder.provider.base_url, prompt="{output}"), output=OutputSpec(str(out))),
        name="next",
        input=InputSpec(job="job"),
    )
    await folder.run(above, below)
    (prompts,) = [{text for arrival in folder.provider.arrivals for text in arrival.subjects if text.startswith("[")}]
    assert {tuple(json.loads(text)) for text in prompts} == {tuple(line["output"]) for line in lines_of(folder.output)}


async def test_previews_show_the_first_numbers_and_find_them(folder: Folder):
    folder.provider.behaviour = Behaviour(latency_ms=1, dimensions=1_000)
    write_rows(folder.input, numbered(2))
    await folder.run(folder.job())
    line = lines_of(folder.output)[0]
    with Reader(folder.workspace) as reader:
        shown = reader.latest(1).rows[-1]
        assert shown.text.endswith("…")
        told = json.loads(f"{shown.text.rpartition(',')[0]}]")
        assert told == line["output"][: len(told)]
        assert len(reader.latest(1, find=str(line["output"][900])).rows) > 0
        assert [row.key for row in reader.latest(1, find="1").rows if row.key == "1"] == ["1"]
        assert reader.latest(1, find="x").rows == ()
        story = reader.item(1, "0")
    assert story
    assert story.ended
    assert not story.ended.output.cut
    assert json.loads(story.ended.output.text) == next(
        row["output"] for row in lines_of(folder.output) if row["id"] == 0
    )
