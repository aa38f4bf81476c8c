"""The newest results: which, how far back was looked for them, what is new, and that no read is long."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batchtop.engine.store import latest as looked
from batchtop.engine.store.latest import SHOWN_CHARACTERS, Latest
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.readable import readable
from batchtop.engine.store.reader import Reader
from hypothesis import given
from hypothesis import strategies as st

ITEM = "INSERT INTO items (row, job, key, line, digest, load, status) VALUES (?, ?, ?, ?, x'61', 1, ?)"
RESULT = """INSERT INTO results (job, item, digest, outcome, output, message, attempts, latency_ms, at, model, cached)
    VALUES (?, ?, ?, ?, ?, ?, 2, 40.5, 99.0, 'm', 1)"""


@pytest.fixture
def db(workspace: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(workspace)) as db:
        for job in (1, 2):
            values = (job, f"j{job}")
            db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (?, ?, '{}', 'running', 0)", values)
        yield db


def add(db: sqlite3.Connection, row: int, said: object = "yes", *, failed: str = "", status: str = "", job: int = 1):
    """Add an item and its result, whose number is the item's row where no other came between."""
    db.execute(
        ITEM, (row, job, msgspec.json.encode(f"k{row}").decode(), row, status or ("failed" if failed else "done"))
    )
    output = None if failed else msgspec.json.encode(said)
    db.execute(RESULT, (job, row, b"a", "timeout" if failed else "ok", output, failed or None))


def read(workspace: Path, **wanted: Any) -> Latest:
    with Reader(workspace) as reader:
        return reader.latest(1, **wanted)


def numbers(found: Latest) -> list[int]:
    return [row.seq for row in found.rows]


def test_the_newest_come_first_each_as_it_is(db: sqlite3.Connection, workspace: Path):
    add(db, 1, "a\n\x1b[31mb")
    add(db, 2, failed="timed out")
    add(db, 3, [1, 2.5])
    found = read(workspace)
    assert [tuple(row) for row in found.rows] == [
        (3, '"k3"', "done", "ok", "[1,2.5]", 2, 40.5, 99.0, "m", True),
        (2, '"k2"', "failed", "timeout", "timed out", 2, 40.5, 99.0, "m", True),
        (1, '"k1"', "done", "ok", "a b", 2, 40.5, 99.0, "m", True),
    ]
    assert (found.seq, found.looked_at, found.whole) == (3, 3, True)


def test_only_what_counts_and_only_of_this_job(db: sqlite3.Connection, workspace: Path):
    add(db, 1)
    add(db, 2, job=2)
    for row, status in enumerate(("pending", "removed", "changed", "failed"), 3):
        add(db, row, status=status)
    add(db, 7, failed="no", status="pending")
    db.execute(RESULT, (1, 1, b"old", "ok", b'"stale"', None))
    found = read(workspace)
    assert numbers(found) == [1]
    assert (found.seq, found.looked_at, found.whole) == (8, 7, True)


@pytest.mark.parametrize(("failed", "expected"), [(None, [4, 3, 2, 1]), (True, [4, 2]), (False, [3, 1])])
def test_failures_or_answers_alone(db: sqlite3.Connection, workspace: Path, failed, expected: list[int]):
    for row in range(1, 5):
        add(db, row, failed="" if row % 2 else "no")
    assert numbers(read(workspace, failed=failed)) == expected


def test_nothing_is_there_yet(db: sqlite3.Connection, workspace: Path):
    assert read(workspace) == read(workspace, find="x") == Latest((), 0, 0, whole=True)


FINDS = {
    "YES": [1],
    "straße": [2],
    "STRASSE": [2],
    'say "hi"': [3],
    "two\nlines": [3],
    "timed OUT": [4],
    "K4": [4],
    "k": [4, 3, 2, 1],
    "nowhere": [],
    "%": [],
}


@pytest.mark.parametrize("find", FINDS)
def test_a_text_is_found_in_ids_outputs_and_messages(db: sqlite3.Connection, workspace: Path, find: str):
    add(db, 1, "Oh yes")
    add(db, 2, "die Straße")
    add(db, 3, 'say "hi" in two\nlines')
    add(db, 4, failed="Timed out")
    found = read(workspace, find=find)
    assert numbers(found) == FINDS[find]
    assert (found.looked_at, found.whole) == (4, True)


def test_a_text_is_found_far_behind_what_is_shown(db: sqlite3.Connection, workspace: Path):
    add(db, 1, "-" * 50_000 + "needle")
    found = read(workspace, find="needle")
    assert len(found.rows[0].text) == SHOWN_CHARACTERS
    assert found.rows[0].text.endswith("…")


@pytest.mark.parametrize(
    ("most", "after", "expected"),
    [
        (10, 0, ([5, 4, 3, 2, 1], 5, True)),
        (5, 0, ([5, 4, 3, 2, 1], 5, True)),
        (2, 0, ([5, 4], 2, False)),
        (10, 3, ([5, 4], 2, True)),
        (2, 3, ([5, 4], 2, True)),
        (1, 3, ([5], 1, False)),
        (10, 5, ([], 0, True)),
        (10, 9, ([], 0, True)),
    ],
)
def test_how_far_back_was_looked(db: sqlite3.Connection, workspace: Path, most: int, after: int, expected):
    for row in range(1, 6):
        add(db, row)
    found = read(workspace, most=most, after_seq=after)
    assert (numbers(found), found.looked_at, found.whole) == expected
    assert found.seq == max(after, 5)


def test_following_shows_each_result_once(db: sqlite3.Connection, workspace: Path):
    seen: list[int] = []
    last = 0
    for row in range(1, 40):
        add(db, row, "hit" if row % 3 else "miss")
        if row % 4 == 0:
            found = read(workspace, after_seq=last, find="hit")
            seen += reversed(numbers(found))
            last = found.seq
            assert found.whole
    assert seen == [row for row in range(1, 37) if row % 3]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_FIRST_ROWS", 3), ("_PAGE_ROWS", 7), ("MOST_LOOKED_AT", 20)):
        monkeypatch.setattr(looked, name, value)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(("first_hits", "expected"), [(4, ([50, 49], 2, False)), (0, ([], 20, False))])
def test_looking_back_ends_with_enough_hits_or_enough_looked_at(
    db: sqlite3.Connection, workspace: Path, first_hits: int, expected
):
    for row in range(1, 51):
        add(db, row, "hit" if row > 50 - first_hits or row < 5 else "miss")
    found = read(workspace, find="hit", most=2)
    assert (numbers(found), found.looked_at, found.whole) == expected
    assert found.seq == 50


@pytest.mark.usefixtures("small_pages")
def test_pages_miss_nothing_and_tell_nothing_twice(db: sqlite3.Connection, workspace: Path):
    for row in range(1, 20):
        add(db, row, job=1 + row % 2)
    assert numbers(read(workspace)) == [*range(18, 0, -2)]


@pytest.mark.usefixtures("small_pages")
def test_who_has_stopped_waiting_gets_what_was_found_so_far(db: sqlite3.Connection, workspace: Path):
    for row in range(1, 20):
        add(db, row)
    asked = iter([False, True])
    found = read(workspace, stop=lambda: next(asked))
    assert (numbers(found), found.looked_at, found.whole) == ([19, 18, 17], 3, False)


def test_large_outputs_come_in_small_pages(db: sqlite3.Connection, workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(looked, "_FIRST_ROWS", 4)
    monkeypatch.setattr(looked, "_PAGE_BYTES", 3_000)
    monkeypatch.setattr(looked, "MOST_BYTES", 12_000)
    for row in range(1, 51):
        add(db, row, "x" * 998)
    sizes: list[int] = []
    with Reader(workspace) as reader:
        reader._db.set_trace_callback(lambda query: sizes.append(1) if "BETWEEN" in query else None)
        found = reader.latest(1, find="y")
    assert (len(sizes), found.looked_at, found.whole) == (4, 4 + 3 + 3 + 3, False)


def test_no_read_transaction_is_open_between_pages(db: sqlite3.Connection, workspace: Path):
    """One that stayed open while a text is looked for would have the log of the database grow meanwhile."""
    for row in range(1, 1000):
        add(db, row)
    with Reader(workspace) as reader:
        busy: list[bool] = []

        def stop() -> bool:
            blocked, pages, done = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            busy.append(bool(blocked) or pages != done)
            add(db, 1000 + len(busy))
            return False

        reader.latest(1, find="nowhere", stop=stop)
    assert len(busy) > 1
    assert not any(busy)


@pytest.mark.parametrize("failed", [None, True, False])
@pytest.mark.parametrize("find", ["", "x"])
def test_every_read_goes_by_number_and_sorts_nothing(db: sqlite3.Connection, workspace: Path, failed, find: str):
    add(db, 1)
    asked: list[str] = []
    with Reader(workspace) as reader:
        reader._db.set_trace_callback(asked.append)
        reader.latest(1, failed=failed, find=find)
        reader._db.set_trace_callback(None)
        plans = [[row[3] for row in reader._db.execute(f"EXPLAIN QUERY PLAN {each}")] for each in asked]
    for plan in plans:
        assert "INDEX results_by_job (job=? AND seq>? AND seq<?)" in plan[0]
        assert plan[1:] in ([], ["SEARCH items USING INTEGER PRIMARY KEY (rowid=?)"])
    assert len(plans) == 4


JSON = st.recursive(
    st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(), st.lists, max_leaves=5
)


@given(JSON)
def test_a_text_is_shown_without_its_escapes_and_all_else_as_it_is(value: object):
    raw = msgspec.json.encode(value)
    assert readable(raw) == (value if isinstance(value, str) else raw.decode())


@given(st.text(st.sampled_from('ab"\\\n\x00é☃😀')), st.integers(0, 80), st.booleans())
def test_of_a_text_that_was_cut_off_all_whole_characters_are_shown(text: str, end: int, ascii_only):
    raw = ascii_json(text) if ascii_only else msgspec.json.encode(text)
    shown = readable(raw[:end])
    assert text.startswith(shown)
    whole = next(
        count for count in range(len(text), -1, -1) if len(as_json(text[:count], ascii_only)) - 1 <= max(end, 1)
    )
    assert len(shown) >= (whole if end else 0)


def as_json(text: str, ascii_only: bool) -> bytes:  # noqa: FBT001
    return ascii_json(text) if ascii_only else msgspec.json.encode(text)


def ascii_json(text: str) -> bytes:
    """As servers spell it that send ASCII alone: some characters take two escapes."""
    import json

    return json.dumps(text).encode()
