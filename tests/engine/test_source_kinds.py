"""Lines of text, Parquet and SQLite become rows; values that JSON doesn't know become ones that it does."""

import json
import signal
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.job import InputSpec
from batchtop.engine.source import open_source, state_of


def read(path, **spec):
    return list(open_source(InputSpec(path=str(path), **spec)))


def fields(found):
    rows = [dict(each.fields) for each in found]
    assert [json.loads(each.payload) for each in found] == rows
    return rows


class TestLines:
    def test_each_line_is_a_text_and_blank_ones_are_skipped(self, tmp_path):
        (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf one\r\n\n \ntwo \xc3\xa9 \nthree")
        found = read(tmp_path / "a.txt")
        assert fields(found) == [{"text": " one"}, {"text": "two é "}, {"text": "three"}]
        assert [(each.line, each.key) for each in found] == [(1, "1"), (4, "2"), (5, "3")]

    def test_a_line_that_is_no_text_is_told(self, tmp_path):
        (tmp_path / "a.txt").write_bytes(b"one\n\xff\n")
        with pytest.raises(InputError, match=r"a\.txt, line 2: is not UTF-8 text"):
            read(tmp_path / "a.txt")


class TestParquet:
    @pytest.mark.parametrize(
        ("values", "became"),
        [
            (pa.array([1, None]), [1, None]),
            (pa.array(["a", "é"]).dictionary_encode(), ["a", "é"]),
            (pa.array([True, False]), [True, False]),
            (pa.array([1.5, float("nan")]), [1.5, None]),
            (pa.array([Decimal("12.50"), None]), ["12.50", None]),
            (pa.array([b"\xff\x00", b""]), ["/wA=", ""]),
            (pa.array([date(2026, 1, 2), None]), ["2026-01-02", None]),
            (pa.array([datetime(2026, 1, 2, 3, tzinfo=UTC)] * 2), ["2026-01-02T03:00:00Z"] * 2),
            (
                pa.array([1_700_000_000_123_456_789, 0], pa.timestamp("ns")),
                ["2023-11-14T22:13:20.123456", "1970-01-01T00:00:00"],
            ),
            (pa.array([1_000, 0], pa.time64("ns")), ["00:00:00.000001", "00:00:00"]),
            (pa.array([timedelta(seconds=1.5), None]), ["PT1.5S", None]),
            (pa.array([[{"a": 1}], []]), [[{"a": 1}], []]),
            (pa.array([{"a": {"b": None}}, None]), [{"a": {"b": None}}, None]),
            (pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int32())), [{"k": 1}, {}]),
            (pa.array([[1], None], pa.list_(pa.timestamp("ns"))), [["1970-01-01T00:00:00"], None]),
            (pa.array([{"t": 1}, None], pa.struct([("t", pa.timestamp("ns"))])), [{"t": "1970-01-01T00:00:00"}, None]),
            (pa.array([2**63, 7], pa.uint64()), [2**63, 7]),
        ],
        ids=str,
    )
    def test_typed_values_become_json(self, tmp_path, values, became):
        pq.write_table(pa.table({"v": values}), tmp_path / "a.parquet")
        assert [row["v"] for row in fields(read(tmp_path / "a.parquet"))] == became

    def test_rows_are_counted_over_all_groups(self, tmp_path):
        pq.write_table(pa.table({"id": range(10)}), tmp_path / "a.parquet", row_group_size=3)
        found = read(tmp_path / "a.parquet", id="id")
        assert [(each.line, each.key) for each in found] == [(n + 1, str(n)) for n in range(10)]

    def test_a_row_without_an_id_is_told_by_its_number(self, tmp_path):
        pq.write_table(pa.table({"id": [1, None]}), tmp_path / "a.parquet")
        with pytest.raises(InputError, match=r"a\.parquet, row 2: the id 'id' must be a number or a text"):
            read(tmp_path / "a.parquet", id="id")

    def test_a_row_group_larger_than_memory_should_be_is_read_by_parts(self, tmp_path):
        pq.write_table(pa.table({"text": ["x" * 10_000] * 4_000}), tmp_path / "a.parquet", compression="none")
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        most = 0
        try:
            for _ in open_source(InputSpec(path=str(tmp_path / "a.parquet"))):
                most = max(most, pa.total_allocated_bytes() - before)
            assert most < 20_000_000
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()

    def test_any_part_of_a_file_is_told_as_no_parquet(self, tmp_path):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"a": ["x" * 20] * 20}), path)
        whole = path.read_bytes()
        for damaged in (*(whole[:end] for end in range(0, len(whole), 7)), whole[:40] + b"\0" * 60 + whole[100:]):
            path.write_bytes(damaged)
            with pytest.raises(InputError, match=r"a\.parquet: can't be read as Parquet"):
                read(path)

    def test_a_year_that_python_has_not_is_told(self, tmp_path):
        pq.write_table(pa.table({"t": pa.array([0, -(10**12)], pa.timestamp("s"))}), tmp_path / "a.parquet")
        with pytest.raises(InputError, match=r"can't be read as Parquet .*out of range"):
            read(tmp_path / "a.parquet")

    def test_two_columns_of_one_name_are_told(self, tmp_path):
        pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
        with pytest.raises(InputError, match=r"a\.parquet: has two columns 'a'"):
            read(tmp_path / "a.parquet")

    def test_without_its_library_what_to_install_is_told(self, tmp_path, monkeypatch):
        (tmp_path / "a.parquet").write_bytes(b"")
        monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
        with pytest.raises(InputError, match=r"pip install 'batchtop\[parquet\]'"):
            read(tmp_path / "a.parquet")


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            """CREATE TABLE reviews (id INTEGER PRIMARY KEY, text TEXT, stars REAL, picture BLOB);
            INSERT INTO reviews VALUES (1, 'good', 4.5, x'ff00'), (2, NULL, NULL, NULL), (3, 'bad', 1e999, x'')"""
        )
    return path


class TestSqlite:
    def test_the_rows_of_a_query_are_the_items(self, data):
        found = read(data, query="SELECT * FROM reviews ORDER BY id", id="id")
        assert fields(found) == [
            {"id": 1, "text": "good", "stars": 4.5, "picture": "/wA="},
            {"id": 2, "text": None, "stars": None, "picture": None},
            {"id": 3, "text": "bad", "stars": None, "picture": ""},
        ]
        assert [(each.line, each.key) for each in found] == [(1, "1"), (2, "2"), (3, "3")]

    def test_any_name_will_do_where_a_query_says_what_it_is(self, data):
        other = data.rename(data.with_name("data.2026#1?x"))
        assert len(read(other, query="SELECT id FROM reviews")) == 3

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("SELECT naught FROM reviews", "input.query: no such column: naught"),
            ("SELEC", 'input.query: near "SELEC": syntax error'),
            ("SELECT id FROM reviews; SELECT 2", "input.query: You can only execute one statement at a time"),
            ("DELETE FROM reviews", "input.query: attempt to write a readonly database"),
            ("CREATE TEMP TABLE t (a)", "input.query yields no rows: a SELECT is wanted"),
            ("SELECT id, text AS id FROM reviews", "input.query yields two columns 'id'"),
            ("SELECT * FROM reviews WHERE id > 9", "data.db: has no rows"),
            ("SELECT abs(-9223372036854775808 + id - id) FROM reviews", "input.query: integer overflow"),
        ],
    )
    def test_a_query_that_is_none_is_told(self, data, query, told):
        with pytest.raises(InputError, match=r"data\.db") as caught:
            read(data, query=query)
        assert told in str(caught.value)

    def test_a_file_that_is_no_database_is_told(self, tmp_path):
        (tmp_path / "a.db").write_bytes(b"x" * 5_000)
        with pytest.raises(InputError, match=r"a\.db: .*file is not a database"):
            read(tmp_path / "a.db", query="SELECT * FROM t")
        with pytest.raises(InputError, match=r"none\.db: No such file"):
            read(tmp_path / "none.db", query="SELECT 1")
        assert not (tmp_path / "none.db").exists()

    def test_a_text_that_is_none_is_told_by_its_row(self, data):
        query = "SELECT id, CAST(picture AS TEXT) AS p FROM reviews WHERE id < 3"
        with pytest.raises(InputError, match=r"data\.db, row 1: is not UTF-8 text"):
            read(data, query=query)
        assert fields(read(data, query=query, bad_rows="reject")) == [{"id": 2, "p": None}]

    def test_rows_come_one_by_one(self, data):
        query = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT n FROM n"
        rows = open_source(InputSpec(path=str(data), query=query))
        assert [next(rows).fields["n"] for _ in range(3)] == [1, 2, 3]
        rows.close()

    def test_what_others_write_meanwhile_is_not_hindered(self, data):
        with closing(sqlite3.connect(data, timeout=0)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            rows = open_source(InputSpec(path=str(data), query="SELECT * FROM reviews"))
            next(rows)
            with db:
                db.execute("INSERT INTO reviews (text) VALUES ('late')")
            assert len(list(rows)) == 2

    def test_another_query_or_another_content_makes_another_state(self, data):
        def stamp(query: str) -> str:
            return state_of(InputSpec(path=str(data), query=query)).stamp

        before = stamp("SELECT 1")
        assert stamp("SELECT 1") == before != stamp("SELECT 2")
        with closing(sqlite3.connect(data)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            before = stamp("SELECT 1")
            with db:
                db.execute("INSERT INTO reviews (text) VALUES ('in the log')")
            assert stamp("SELECT 1") != before

    def test_a_folder_of_databases_is_no_input(self, data):
        with pytest.raises(InputError, match=r"input\.query asks one SQLite file, and this names 1"):
            read(data.parent / "*.db", query="SELECT 1")

    def test_a_missing_query_is_told(self, data):
        with pytest.raises(InputError, match=r"input\.query, which is missing"):
            read(data)

    def test_a_query_that_takes_for_ever_can_be_interrupted(self, data):
        def interrupt(*_):
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000000)"
        try:
            with pytest.raises(KeyboardInterrupt):
                read(data, query=f"{numbers} SELECT count(*) AS i FROM n")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
