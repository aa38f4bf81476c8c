"""`batchtop export`: every format says what the workspace holds, whole or not at all, in no place but its own."""

import csv
import json
import os
import resource
import subprocess
from collections.abc import Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batchtop.engine.simulator import Simulator
from batchtop.engine.store.migrations import connect
from batchtop.engine.vector import Form, pack
from pyarrow import parquet

from .shell import OUT, PROGRAM, Shell
from .terminal import Terminal


@pytest.fixture
async def ran(shell: Shell, provider: Simulator) -> Shell:
    """Have a job that has run, and a second way to its folder."""
    shell.job(provider.base_url, rows=20, output=f'{OUT}\nfailures = "failed.jsonl"')
    assert (await shell.headless()).code == 0
    (shell.folder / "link").symlink_to(shell.folder)
    return shell


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder but those of the database, which a reader may tidy up."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.suffix not in {".db-shm", ".db-wal"}
    }


REFUSED = {
    "in.jsonl": "belongs to the job",
    "./home/../out.jsonl": "belongs to the job",
    f"link{os.sep}out.jsonl": "belongs to the job",
    "batchtop.db": "belongs to the job",
    "": "is a folder",
    ".": "is a folder",
    "home": "is a folder",
    "/": "is a folder",
    "/dev/null": "no regular file",
    "failed.jsonl": "belongs to the job",
    "batchtop.db-wal": "belongs to the job",
    "batchtop.db.lock": "belongs to the job",
    "gone/copy.jsonl": "cannot be written",
    "copy.xyz": ".xyz is the end of no format: .jsonl, .csv, .parquet or .npz, or say --format",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_an_export_is_2_and_nothing_changes(ran: Shell, name: str) -> None:
    before = contents(ran.folder)
    chosen = () if name == "copy.xyz" else ("--format", "jsonl")
    ended = await ran.run("export", "job", "-o", name, *chosen)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("batchtop: ")
    assert REFUSED[name] in line
    assert contents(ran.folder) == before


FORMATS = ("jsonl", "csv", "parquet")


@pytest.mark.parametrize("form", FORMATS)
async def test_an_export_takes_the_place_of_an_earlier_one_of_any_format(ran: Shell, form: str) -> None:
    for earlier in FORMATS:
        for each in (earlier, form):
            assert (await ran.run("export", "job", "-o", "copy", "--format", each)).code == 0
    expected = {"jsonl": b'{"id":', "csv": b"id,status,output,finish_reason,model\n", "parquet": b"PAR1"}
    assert (ran.folder / "copy").read_bytes().startswith(expected[form])
    assert not list(ran.folder.glob("*.part"))


FOREIGN = {
    "notes.csv": b"id,status,when\n7,ok,now\n",
    "bits.parquet": b"PAR1 and then nothing of the kind",
    "notes.jsonl": b'{"id": 7, "text": "mine"}\n',
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_what_is_no_export_is_never_replaced(ran: Shell, name: str) -> None:
    (ran.folder / name).write_bytes(FOREIGN[name])
    ended = await ran.run("export", "job", "-o", name)
    assert (ended.code, ended.out) == (2, "")
    assert "holds something that is no export" in ended.err
    assert (ran.folder / name).read_bytes() == FOREIGN[name]


# ── what stands in a file ──

ODD: list[dict[str, Any]] = [
    {"id": 7, "text": "a", "n": 1, "deep": {"x": [1, None]}, "flag": True, "score": 1},
    {"id": "7", "text": 'a, "b"', "n": 2, "mixed": 1, "score": 0.5},
    {"id": 'ä\n✓,"', "text": "line\r\nline\rline\n", "n": None, "mixed": "1", "flag": False},
    {"id": "a b", "text": "=1+1", "n": 1 << 60},
]
ANSWERS = ["yes", 'said: "yes",\r\nor\rno ✓', "", "null"]
KEYS = ["7", "7", 'ä\n✓,"', "a b"]
"""The ids as a table spells them."""


def stored(
    folder: Path, rows: Sequence[dict[str, Any]], outputs: Sequence[object] = (), task: str = "chat", message: str = ""
) -> None:
    """Make a workspace with a job whose items ended in this order, the first one on the last line of its input."""
    spec = {"name": "job", "input": {"path": "in.jsonl"}, "task": {"type": task}, "output": {}}
    with closing(connect(folder / "batchtop.db")) as db:
        db.execute(
            "INSERT INTO jobs (id, name, spec, state, created_at) VALUES (1, 'job', ?, 'finished', 0)",
            (json.dumps(spec),),
        )
        db.execute("BEGIN")
        for number, row in enumerate(rows):
            status = "failed" if message else "done"
            values = (json.dumps(row["id"]), len(rows) - number, number.to_bytes(16), status)
            item = db.execute(
                "INSERT INTO items (job, key, line, digest, load, status) VALUES (1, ?, ?, ?, 1, ?)", values
            ).lastrowid
            db.execute("INSERT INTO payloads VALUES (?, ?)", (item, json.dumps(row).encode()))
            output = None if message else _stored(outputs[number])
            db.execute(
                """INSERT INTO results (job, item, digest, outcome, output, message, attempts, latency_ms, at)
                VALUES (1, ?, ?, ?, ?, ?, 3, 1, 1)""",
                (item, number.to_bytes(16), "bad_item" if message else "ok", output, message or None),
            )
        db.execute("COMMIT")


def _stored(output: object) -> bytes:
    """Return an output as a workspace has it: what is bytes is a vector, packed already."""
    return output if isinstance(output, bytes) else json.dumps(output).encode()


async def exported(shell: Shell, name: str, *words: str) -> Path:
    ended = await shell.run("export", "job", "-o", name, *words)
    assert (ended.code, ended.out) == (0, ""), ended.err
    return shell.folder / name


def records(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


async def test_json_lines_keep_ids_apart_and_have_the_input_beside_the_answer_on_demand(shell: Shell) -> None:
    stored(shell.folder, ODD, ANSWERS)
    await exported(shell, "plain.jsonl")
    expected = [{"id": row["id"], "status": "ok", "output": answer} for row, answer in zip(ODD, ANSWERS, strict=True)]
    assert shell.lines("plain.jsonl") == expected
    await exported(shell, "more.jsonl", "--with-input", "--order", "input")
    assert shell.lines("more.jsonl") == [
        {**line, "input": row} for line, row in zip(expected[::-1], ODD[::-1], strict=True)
    ]


async def test_csv_says_the_same_to_whoever_reads_it(shell: Shell) -> None:
    stored(shell.folder, ODD, ANSWERS)
    path = await exported(shell, "copy.csv", "--with-input")
    rows = records(path)
    assert b"\r\n" not in path.read_bytes().splitlines(keepends=True)[0]
    assert [row["id"] for row in rows] == KEYS
    assert [row["output"] for row in rows] == ANSWERS
    assert [row["input.text"] for row in rows] == [row["text"] for row in ODD]
    assert [row["input.mixed"] for row in rows] == ["", "1", "1", ""]
    assert (rows[0]["input.deep"], rows[0]["input.flag"], rows[3]["input.n"]) == (
        '{"x":[1,null]}',
        "true",
        f"{1 << 60}",
    )
    assert list(rows[0])[:5] == ["id", "status", "output", "finish_reason", "model"]


async def test_parquet_has_each_field_in_the_narrowest_type_that_loses_nothing(shell: Shell) -> None:
    stored(shell.folder, ODD, ANSWERS)
    found = parquet.read_table(await exported(shell, "copy.parquet", "--with-input", "--order", "input"))
    types = {field.name: str(field.type) for field in found.schema if field.type != "string"}
    assert types == {"input.n": "int64", "input.flag": "bool", "input.score": "double"}
    rows = found.to_pylist()[::-1]
    assert [row["id"] for row in rows] == KEYS
    assert [row["output"] for row in rows] == ANSWERS
    assert [row["finish_reason"] for row in rows] == [None] * 4
    assert [row["input.n"] for row in rows] == [1, 2, None, 1 << 60]
    assert [row["input.score"] for row in rows] == [1.0, 0.5, None, None]
    assert [row["input.mixed"] for row in rows] == [None, "1", '"1"', None]
    assert rows[0]["input.deep"] == '{"x":[1,null]}'


IDS = [
    ([1, 2, -3], "int64", [1, 2, -3]),
    ([1, 2.5], "double", [1.0, 2.5]),
    ([1, "a"], "string", ["1", "a"]),
    ([(1 << 53) + 1, 2.5], "string", [f"{(1 << 53) + 1}", "2.5"]),
    ([1 << 63, 1], "string", [f"{1 << 63}", "1"]),
]


@pytest.mark.parametrize(("ids", "kind", "expected"), IDS)
async def test_vectors_are_lists_of_float32_and_ids_what_all_of_them_are(
    shell: Shell, ids: list[Any], kind: str, expected: list[Any]
) -> None:
    vectors = [[0.25, -1, number] for number in range(len(ids))]
    stored(shell.folder, [{"id": each} for each in ids], vectors, "embeddings")
    found = parquet.read_table(await exported(shell, "copy.parquet"))
    assert (str(found.schema.field("id").type), found.column("id").to_pylist()) == (kind, expected)
    assert str(found.schema.field("output").type.value_type) == "float"
    assert found.column("output").to_pylist() == vectors


VECTORS = [[0.25, -1.0, 3.0], [0.5, 65_504.0, 0.0], [-0.125, 2.0, 1e-3], [1.0, 2.0, 3.0]]
"""Those that are packed come back; the third is near what float16 has."""


def mixed(*forms: Form | None) -> list[object]:
    """Return the vectors as several versions and settings store them; None is JSON text."""
    return [pack(vector, form) if form else vector for vector, form in zip(VECTORS, forms, strict=False)]


ALL_FORMS = mixed("float32", "float16", None, "float32")


@pytest.mark.parametrize("task", ["embeddings", "transformers", "openai_batch"])
async def test_vectors_of_every_form_stand_in_one_table(shell: Shell, task: str) -> None:
    stored(shell.folder, [{"id": number} for number in range(4)], ALL_FORMS, task)
    found = parquet.read_table(await exported(shell, "copy.parquet"))
    assert str(found.schema.field("output").type.value_type) == "float"
    assert found.column("output").to_pylist() == [pytest.approx(vector) for vector in VECTORS]
    for name in ("copy.jsonl", "copy.csv"):
        path = await exported(shell, name)
        lines = shell.lines(name) if name.endswith("l") else records(path)
        told = [line["output"] if name.endswith("l") else json.loads(line["output"]) for line in lines]
        assert told == [pytest.approx(vector) for vector in VECTORS]


async def test_json_lists_that_are_no_vectors_stay_text_in_parquet(shell: Shell) -> None:
    stored(shell.folder, [{"id": 1}], [[1, 2]], "python")
    assert parquet.read_table(await exported(shell, "copy.parquet")).column("output").to_pylist() == ["[1, 2]"]


ARCHIVES = [
    ([7, -3, 1 << 40], mixed("float32", "float16", None), "<i8", "<f4"),
    ([1, 2, 3], mixed("float16", "float16", "float16"), "<i8", "<f2"),
    (["a", "ä\n✓,", 7], mixed("float32", "float32", "float32"), "<U4", "<f4"),
    ([1 << 63, 1, 2.5], mixed("float32", "float32", "float32"), "<U19", "<f4"),
]


@pytest.mark.parametrize("order", ["completed", "input"])
@pytest.mark.parametrize("case", ARCHIVES)
async def test_an_archive_of_numpys_has_ids_and_vectors(
    shell: Shell, case: tuple[list[Any], list[object], str, str], order: str
) -> None:
    ids, outputs, kind, numbers = case
    stored(shell.folder, [{"id": each} for each in ids], outputs, "embeddings")
    path = await exported(shell, "copy.npz", "--order", order)
    step = 1 if order == "completed" else -1
    with np.load(path, allow_pickle=False) as found:
        assert found.files == ["id", "output"]
        assert found["id"].dtype.str == kind
        assert found["id"].tolist() == [each if kind == "<i8" else str(each) for each in ids][::step]
        assert (found["output"].dtype.str, found["output"].shape) == (numbers, (3, 3))
        assert found["output"].tolist() == [pytest.approx(vector, rel=1e-3) for vector in VECTORS[:3]][::step]
    await exported(shell, "copy.npz")
    assert (await shell.run("export", "job", "-o", "copy.jsonl")).code == 0
    assert (await shell.run("export", "job", "-o", "copy.jsonl", "--format", "npz")).code == 0


async def test_an_id_that_would_make_an_archive_huge_is_told(shell: Shell) -> None:
    stored(shell.folder, [{"id": "x" * 1_001}], [[1.0]], "embeddings")
    ended = await shell.run("export", "job", "-o", "copy.npz")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "has 1,001 characters" in ended.err


@pytest.mark.parametrize(
    ("outputs", "task", "words", "told"),
    [
        ([[1.0, 2.0], pack([1.0], "float32")], "embeddings", (), "item 1 has 1 numbers, that of the first 2"),
        (["yes", "no"], "chat", (), "the outputs of this job are no vectors"),
        ([["a"], pack([1.0], "float32")], "transformers", (), "the output of item 0 is no list of numbers"),
        ([[1.0], [2.0]], "embeddings", ("--with-input",), "has ids and vectors alone"),
        ([[1.0], [2.0]], "embeddings", ("--failed",), "has ids and vectors alone"),
    ],
)
async def test_what_an_archive_cannot_be_made_of_is_told_and_nothing_is_left(
    shell: Shell, outputs: list[object], task: str, words: tuple[str, ...], told: str
) -> None:
    stored(shell.folder, [{"id": number} for number in range(len(outputs))], outputs, task)
    ended = await shell.run("export", "job", "-o", "copy.npz", *words)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert not list(shell.folder.glob("copy*"))


async def test_an_archive_of_nothing_is_one_too_and_one_of_others_is_left_alone(shell: Shell) -> None:
    stored(shell.folder, [], (), "embeddings")
    with np.load(await exported(shell, "copy.npz")) as found:
        assert (found["id"].shape, found["output"].shape) == ((0,), (0, 0))
    np.savez(shell.folder / "mine.npz", output=np.zeros(3))
    mine = (shell.folder / "mine.npz").read_bytes()
    ended = await shell.run("export", "job", "-o", "mine.npz")
    assert (ended.code, "holds something that is no export" in ended.err) == (2, True)
    assert (shell.folder / "mine.npz").read_bytes() == mine


def test_an_archive_goes_to_a_pipe(shell: Shell) -> None:
    stored(shell.folder, [{"id": 1}], mixed("float32"), "embeddings")
    words = [*PROGRAM, "export", "job", "--format", "npz"]
    piped = subprocess.run(words, capture_output=True, check=True, cwd=shell.folder, env=shell.environment)
    assert np.load(BytesIO(piped.stdout))["output"].tolist() == VECTORS[:1]


@pytest.mark.parametrize("form", FORMATS)
async def test_failed_items_in_every_format(shell: Shell, form: str) -> None:
    stored(shell.folder, ODD, message="too long, or\nso")
    path = await exported(shell, f"failed.{form}", "--failed")
    if form == "jsonl":
        rows = [{**line, **line.pop("error")} for line in shell.lines(path.name)]
    else:
        rows = records(path) if form == "csv" else parquet.read_table(path).to_pylist()
    assert {(row["status"], row["kind"], row["message"], int(row["attempts"])) for row in rows} == {
        ("failed", "bad_item", "too long, or\nso", 3)
    }
    assert len(rows) == len(ODD)


@pytest.mark.parametrize("form", FORMATS)
async def test_a_job_without_results_has_an_export_too(shell: Shell, form: str) -> None:
    stored(shell.folder, [])
    path = await exported(shell, f"copy.{form}", "--with-input")
    assert form != "parquet" or parquet.read_table(path).num_rows == 0
    await exported(shell, f"copy.{form}", "--with-input")


async def test_a_row_put_in_the_middle_stands_there_in_the_order_of_the_input(
    shell: Shell, provider: Simulator
) -> None:
    shell.job(provider.base_url, rows=6)
    assert (await shell.headless()).code == 0
    lines = (shell.folder / "in.jsonl").read_text().splitlines(keepends=True)
    shell.write("in.jsonl", "".join([*lines[:3], '{"id": 99, "text": "new"}\n', *lines[3:]]))
    assert (await shell.headless()).code == 0
    await exported(shell, "copy.jsonl", "--order", "input")
    assert [line["id"] for line in shell.lines("copy.jsonl")] == [1, 2, 3, 99, 4, 5, 6]


# ── where it can't be written ──


@pytest.mark.parametrize("form", [*FORMATS, "npz"])
def test_a_full_disk_leaves_no_half_file_and_is_told(shell: Shell, form: str) -> None:
    texts = [b"\x01" + b"abcd" * 250 if form == "npz" else os.urandom(500).hex() for _ in range(400)]
    stored(shell.folder, [{"id": number} for number in range(400)], texts)
    limit = 128 << 10  # more than SQLite needs for its index of the log
    ended = subprocess.run(
        [*PROGRAM, "export", "job", "-o", f"copy.{form}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=shell.folder,
        env=shell.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"batchtop: copy.{form}: cannot be written (File too large)\n"
    assert not list(shell.folder.glob("copy*"))


def test_parquet_goes_to_a_pipe(shell: Shell) -> None:
    stored(shell.folder, ODD, ANSWERS)
    words = [*PROGRAM, "export", "job", "--format", "parquet"]
    piped = subprocess.run(words, capture_output=True, check=True, cwd=shell.folder, env=shell.environment)
    assert parquet.read_table(BytesIO(piped.stdout)).num_rows == len(ODD)


async def test_parquet_says_what_it_needs(shell: Shell) -> None:
    stored(shell.folder, ODD, ANSWERS)
    (shell.folder / "none").mkdir()
    (shell.folder / "none" / "pyarrow.py").write_text("raise ImportError('No module named pyarrow')\n")
    ended = await shell.run("export", "job", "-o", "copy.parquet", env={"PYTHONPATH": str(shell.folder / "none")})
    assert (ended.code, "pip install 'batchtop[parquet]'" in ended.err) == (2, True)
    assert not list(shell.folder.glob("copy*"))


@pytest.mark.parametrize("form", ["parquet", "npz"])
async def test_bytes_are_not_poured_over_a_terminal(shell: Shell, form: str) -> None:
    stored(shell.folder, ODD, ANSWERS)
    with Terminal(shell, "export", "job", "--format", form, columns=200) as terminal:
        await terminal.shows("name a file with -o")
