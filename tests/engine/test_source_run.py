"""Jobs over every kind of input, from the file to the results: the examples as they are, and what a change brings."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest
from batchtop.engine import Engine
from batchtop.engine.ending import End
from batchtop.engine.jobfile import load_job
from batchtop.engine.store.reader import Reader

EXAMPLES = Path(__file__).parents[2] / "examples"
TASK = '[task]\ntype = "python"\ncall = "readability:score"\nfields = ["text"]\n[output]\npath = "../done.jsonl"\n'
TEXT = "Boils fast and the handle stays cool."


@pytest.fixture
def examples(tmp_path):
    """Copy the examples to a place where they may leave something."""
    kept = copytree(EXAMPLES, tmp_path / "examples", ignore=lambda _, names: [n for n in names if ".out." in n])
    return Path(kept)


async def run(job: Path) -> End:
    async with Engine(job.parent / "w.db", environment={}) as engine:
        return await engine.run(load_job(job))


def outputs(path: Path) -> dict[str, object]:
    return {line["id"]: line["output"] for line in map(json.loads, path.read_text().splitlines())}


def events(job: Path) -> list[str]:
    with Reader(job.parent / "w.db") as reader:
        return [event.message for event in reader.snapshot(job.stem).events]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("parquet", list(range(1, 31))),
        ("compressed", [str(number) for number in range(1, 31)]),
        ("sqlite", [1, 2, 29, 30]),
        ("notes", ["kitchen/kettle.md", "kitchen/scales.md", "lamp.md"]),
    ],
)
async def test_the_examples_run_as_they_are(examples, name, ids):
    assert (await run(examples / f"{name}.toml")).exit_code == 0
    found = outputs(examples / f"{name}.out.jsonl")
    assert sorted(found, key=str) == sorted(ids, key=str)
    assert all(isinstance(each, dict) and each["words"] > 3 for each in found.values())


async def test_a_rejected_row_is_told_and_kept(examples):
    await run(examples / "compressed.toml")
    (bad,) = map(json.loads, (examples / "compressed.rejects.jsonl").read_text().splitlines())
    assert (Path(bad["file"]).name, bad["line"]) == ("reviews.csv.gz", 32)
    assert bad["text"].startswith("31,kettle,")
    told = f"1 row rejected, each with what is wrong with it → {examples}/compressed.rejects.jsonl"
    assert told in events(examples / "compressed.toml")


async def test_a_note_that_comes_is_asked_alone(examples):
    job = examples / "notes.toml"
    await run(job)
    (examples / "notes/another.md").write_text(TEXT)
    await run(job)
    with Reader(examples / "w.db") as reader:
        assert reader.known_job("notes").requests == 4
    assert "another.md" in outputs(examples / "notes.out.jsonl")


async def test_an_id_in_two_files_is_told_with_both(examples):
    for name, rows in (("1", [1, 2]), ("2", [3, 2])):
        path = examples / "in" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f'{{"id": {row}, "text": "{TEXT}"}}\n' for row in rows))
    job = examples / "both.toml"
    job.write_text(f'[input]\npath = "in/*.jsonl"\nid = "id"\n{TASK}')
    end = await run(job)
    places = f"{examples}/in/2.jsonl, line 2: the id 2 was used before, on {examples}/in/1.jsonl, line 2"
    assert (end.exit_code, end.reason) == (2, f"{places}; ids have to differ")


async def test_a_job_may_read_the_workspace_that_it_is_in(examples):
    await run(examples / "parquet.toml")
    job = examples / "again.toml"
    query = "SELECT item AS id, CAST(output AS TEXT) AS text FROM results"
    job.write_text(f'[input]\npath = "w.db"\nquery = "{query}"\nid = "id"\n{TASK}')
    assert (await run(job)).exit_code == 0
    with closing(sqlite3.connect(examples / "w.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM results").fetchone() == (60,)


async def test_a_job_without_a_good_row_stops(examples):
    (examples / "bad.csv").write_text("id,text\n,a\n,b\n")
    job = examples / "bad.toml"
    job.write_text(f'[input]\npath = "bad.csv"\nid = "id"\nbad_rows = "reject"\n{TASK}')
    end = await run(job)
    assert end.exit_code == 2
    assert f"{examples}/bad.csv: none of its 2 rows can be read; the first is {examples}/bad.csv, line 2" in end.reason
    assert len((examples / "bad.rejects.jsonl").read_text().splitlines()) == 2
