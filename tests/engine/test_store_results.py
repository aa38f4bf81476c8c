"""The results that count: those of what the items are now, in the order that is wanted."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.results import PAGE_ROWS, Failures, Result, Selection

ITEM = "INSERT INTO items (row, job, key, line, digest, load, status) VALUES (?, ?, ?, ?, ?, 1, ?)"
RESULT = """INSERT INTO results (job, item, digest, outcome, output, message, attempts, latency_ms, at)
    VALUES (?, ?, ?, ?, x'31', ?, 2, 1, 1)"""


@pytest.fixture
def db(workspace: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(workspace)) as db:
        for job in (1, 2):
            db.execute(
                "INSERT INTO jobs (id, name, spec, state, created_at) VALUES (?, ?, '{}', 'running', 0)",
                (job, f"j{job}"),
            )
        yield db


def read(workspace: Path, wanted: Selection) -> list[Result]:
    with Reader(workspace) as reader:
        return [result for page in reader.results.pages(wanted) for result in page]


@pytest.mark.parametrize("order", ["completed", "input"])
def test_a_result_counts_while_its_item_has_ended_with_it(db: sqlite3.Connection, workspace: Path, order):
    cases = [("done", b"a"), ("pending", b"a"), ("removed", b"a"), ("changed", b"a"), ("failed", b"a"), ("done", b"b")]
    for row, (status, digest) in enumerate(cases, 1):
        db.execute(ITEM, (row, 1, str(row), row, b"a", status))
        db.execute("INSERT INTO payloads VALUES (?, x'7b7d')", (row,))
        db.execute(RESULT, (1, row, digest, "ok", None))
        db.execute(RESULT, (1, row, digest + b"-", "bad_item", "stale"))
    db.execute(ITEM, (90, 1, "90", 90, b"f", "failed"))
    db.execute(RESULT, (1, 90, b"f", "bad_item", "no"))
    db.execute(ITEM, (91, 1, "91", 91, b"p", "pending"))
    db.execute(RESULT, (1, 91, b"p", "timeout", "to be tried again"))
    db.execute(ITEM, (92, 2, "92", 92, b"o", "done"))
    db.execute(RESULT, (2, 92, b"o", "ok", None))
    assert [result.key for result in read(workspace, Selection(1, order=order))] == ["1"]
    assert [result.key for result in read(workspace, Selection(1, failed=True, order=order))] == ["90"]
    with Reader(workspace) as reader:
        assert list(reader.results.failures(1)) == [Failures("bad_item", "no", 1, 2, 13)]
        assert list(reader.results.failures(1, "timeout")) == []
        assert list(reader.results.items(Selection(1, with_input=True))) == [("1", b"{}")]
        assert reader.results.key(13) == "90"


def test_pages_of_either_order_hold_everything_once(db: sqlite3.Connection, workspace: Path):
    count = 2 * PAGE_ROWS + 5
    db.execute("BEGIN")
    for row in range(1, count + 1):
        db.execute(ITEM, (row, 1, str(row), row * 7919 % 10_007, b"a", "done"))
        db.execute(RESULT, (1, row, b"a", "ok", None))
    db.execute("COMMIT")
    completed = [result.key for result in read(workspace, Selection(1))]
    assert completed == [str(row) for row in range(1, count + 1)]
    by_input = [result.key for result in read(workspace, Selection(1, order="input"))]
    assert by_input == sorted(completed, key=lambda key: int(key) * 7919 % 10_007)


def test_one_moment_does_not_see_what_comes_after_it(db: sqlite3.Connection, workspace: Path):
    with Reader(workspace) as reader, reader.results.one_moment():
        assert list(reader.results.pages(Selection(1))) == []
        db.execute(ITEM, (1, 1, "1", 1, b"a", "done"))
        db.execute(RESULT, (1, 1, b"a", "ok", None))
        assert list(reader.results.pages(Selection(1))) == []
    assert len(read(workspace, Selection(1))) == 1
    with Reader(workspace) as reader, pytest.raises(KeyError), reader.results.one_moment():
        raise KeyError


def test_the_files_of_a_job(db: sqlite3.Connection, workspace: Path):
    spec = '{"input": {"path": "in"}, "output": {"path": "out", "failures": null}}'
    db.execute("UPDATE jobs SET spec = ?, output_path = 'earlier' WHERE id = 1", (spec,))
    with Reader(workspace) as reader:
        assert reader.results.files(1) == ("in", "out", "earlier")


QUERIES = [Selection(1), Selection(1, failed=True)]


@pytest.mark.parametrize("wanted", QUERIES)
def test_a_page_is_read_by_key_and_never_sorted(db: sqlite3.Connection, workspace: Path, wanted: Selection):
    """A sort a page would make an export of millions take days."""
    asked: list[str] = []
    with Reader(workspace) as reader:
        reader._db.set_trace_callback(asked.append)
        list(reader.results.pages(wanted))
        reader._db.set_trace_callback(None)
        plan = [row[3] for row in reader._db.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]
    assert "results_by_job (job=? AND seq>?)" in plan[0]
    assert not [step for step in plan if "TEMP B-TREE" in step]
