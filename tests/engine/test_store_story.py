"""One item in full: as it is now, as it was, and as it is not there at all."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from batchtop.engine.answer import Answer
from batchtop.engine.item import Item, Try
from batchtop.engine.outcome import Outcome
from batchtop.engine.settle import Settled
from batchtop.engine.store import story
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.story import MOST_BYTES, Excerpt, ItemStory
from batchtop.engine.store.tables import create_key_index
from batchtop.engine.store.writer import Writer
from batchtop.engine.vector import pack

from .workshop import job_of, registered

ITEM = "INSERT INTO items (row, job, key, line, digest, load, status) VALUES (?, 1, ?, ?, ?, 1, ?)"
PAYLOAD = "INSERT INTO payloads VALUES (?, ?)"
RESULT = """INSERT INTO results (job, item, digest, outcome, output, message, attempts, latency_ms, at)
    VALUES (1, ?, ?, ?, ?, ?, 2, 40.5, 99.0)"""


@pytest.fixture
def db(workspace: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(workspace)) as db:
        db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (1, 'j', '{}', 'running', 0)")
        create_key_index(db, 1)
        yield db


def read(workspace: Path, key: str = '"k"', job: int = 1) -> ItemStory | None:
    with Reader(workspace) as reader:
        return reader.item(job, key)


def add(db: sqlite3.Connection, status: str, *results: tuple[bytes, str]) -> None:
    """Add the item `"k"`, whose digest is `now`, with results of it and of what it was before."""
    db.execute(ITEM, (7, '"k"', 30, b"now", status))
    db.execute(PAYLOAD, (7, b'{"text":"hi"}'))
    for digest, outcome in results:
        ok = outcome == "ok"
        db.execute(RESULT, (7, digest, outcome, digest if ok else None, None if ok else "no"))


NOW, THEN, OLDER = (b"now", "ok"), (b"then", "ok"), (b"older", "ok")
FAILED = (b"now", "timeout")

CASES = {
    "done": ("done", [NOW], (True, "now")),
    "failed": ("failed", [FAILED], (True, "no")),
    "not tried yet": ("pending", [], None),
    "changed, and asked again soon": ("pending", [THEN], (False, "then")),
    "changed twice": ("pending", [OLDER, THEN], (False, "then")),
    "changed back": ("done", [NOW, THEN], (True, "now")),
    "failed after a change": ("failed", [THEN, FAILED], (True, "no")),
    "to be tried again": ("pending", [FAILED], (False, "no")),
    "no longer in the input": ("removed", [NOW], (False, "now")),
    "seen otherwise by a load that is not over": ("changed", [THEN], (False, "then")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_result_that_counts_or_else_the_last_there_was(db: sqlite3.Connection, workspace: Path, name: str):
    status, results, expected = CASES[name]
    add(db, status, *results)
    found = read(workspace)
    assert found
    assert (found.key, found.row, found.line, found.status) == ('"k"', 7, 30, status)
    assert found.fields == Excerpt('{"text":"hi"}')
    ended = found.ended
    assert (ended and (ended.stands, ended.output.text or ended.message)) == expected
    if ended:
        assert (ended.attempts, ended.latency_ms, ended.at, ended.tries) == (2, 40.5, 99.0, ())
        assert (ended.outcome == "ok") == (ended.message == "")


@pytest.mark.parametrize("form", ["float32", "float16"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_vector_is_shown_as_numbers_all_of_them_whole(db: sqlite3.Connection, workspace: Path, form, more: int):
    vector = [0.25 * (number % 7) for number in range(MOST_BYTES // (4 if form == "float32" else 2) - 1 + more)]
    db.execute(ITEM, (1, '"k"', 1, b"now", "done"))
    db.execute(PAYLOAD, (1, b"{}"))
    db.execute(RESULT, (1, b"now", "ok", pack(vector, form), None))
    found = read(workspace)
    assert found
    assert found.ended
    assert found.ended.output.cut is bool(more)
    told = json.loads(found.ended.output.text + "]" * more)
    assert (told, len(told)) == (vector[: len(told)], len(vector) - more)


def test_nobody_of_that_id(db: sqlite3.Connection, workspace: Path):
    add(db, "done", NOW)
    assert [read(workspace, key, job) for key, job in (("k", 1), ("7", 1), ('"k"', 2))] == [None] * 3


@pytest.mark.parametrize(("more", "cut"), [(0, False), (1, True)])
def test_what_is_long_is_cut_and_says_so(db: sqlite3.Connection, workspace: Path, more: int, cut):
    text = b'"' + "é".encode() * ((MOST_BYTES + more) // 2)  # the last of them is cut in two
    db.execute(ITEM, (1, '"k"', 1, b"now", "done"))
    db.execute(PAYLOAD, (1, text))
    db.execute(RESULT, (1, b"now", "ok", text, None))
    found = read(workspace)
    assert found
    assert found.ended
    for excerpt in (found.fields, found.ended.output):
        assert excerpt.cut is (len(text) > MOST_BYTES)
        assert text.decode().startswith(excerpt.text)
        assert MOST_BYTES - 2 <= len(excerpt.text.encode()) <= MOST_BYTES


async def test_all_that_was_stored_with_a_result(writer: Writer, workspace: Path):
    job = await registered(writer, job_of(Path("in.jsonl")))
    await writer.run(lambda db: (db.execute(ITEM, (1, "1", 1, b"d", "pending")), db.execute(PAYLOAD, (1, b"{}"))))
    await writer.run(lambda db: create_key_index(db, job))
    tries = (Try(5.0, Outcome.TIMEOUT, "slow", 60.0, "lane", counted=True),)
    tries += (Try(6.0, Outcome.RATE_LIMITED, "busy", 1.0, "lane", counted=False, times=9),)
    item = Item(1, "1", {}, b"d", 1, tries)
    answer = Answer(Outcome.OK, b'"yes"', finish_reason="length")
    writer.put(job, Settled(item, answer, 2, 12.5, 7.0, "other-model", cached=True))
    await writer.flush()
    found = read(workspace, "1", job)
    assert found
    ended = found.ended
    assert ended
    assert ended.tries == tries
    assert (ended.finish_reason, ended.model, ended.cached, ended.output) == (
        "length",
        "other-model",
        True,
        Excerpt('"yes"'),
    )


def plan_of(reader: Reader, key: str) -> list[str]:
    """How SQLite goes about it, but for its own table of what there is."""
    asked: list[str] = []
    reader._db.set_trace_callback(asked.append)
    reader.item(1, key)
    reader._db.set_trace_callback(None)
    return [
        row[3]
        for each in asked
        for row in reader._db.execute(f"EXPLAIN QUERY PLAN {each}")
        if "sqlite_master" not in row[3]
    ]


def test_an_item_is_found_by_its_jobs_own_index_and_nothing_is_scanned(db: sqlite3.Connection, workspace: Path):
    add(db, "done", NOW)
    with Reader(workspace) as reader:
        plan = plan_of(reader, '"k"')
    assert "SEARCH items USING INDEX items_of_1 (key=?)" in plan
    assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step]


def test_a_first_load_is_looked_at_only_so_far(
    db: sqlite3.Connection, workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(story, "ROWS_WITHOUT_INDEX", 10)
    db.execute("DROP INDEX items_of_1")
    for row in range(1, 30):
        db.execute(ITEM, (row, str(row), row, b"d", "pending"))
        db.execute(PAYLOAD, (row, b"{}"))
    assert [bool(read(workspace, str(row))) for row in (1, 10, 11, 29)] == [True, True, False, False]
    with Reader(workspace) as reader:
        assert "SEARCH items USING INDEX items_pending (job=?)" in plan_of(reader, "99")
