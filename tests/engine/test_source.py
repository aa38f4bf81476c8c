"""Rows come out of files as they went in, and a bad file is told by its line."""

import csv
import io
import json
import os
import tracemalloc

import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.job import InputSpec
from batchtop.engine.source import Record, open_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def rows(tmp_path):
    """Write a file and read it back."""

    def read(name, content, id=None):  # noqa: A002
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(open_source(InputSpec(path=str(path), id=id)))

    return read


def fields(found: list[Record]):
    return [json.loads(row.payload) for row in found]


class TestJsonl:
    def test_blank_lines_byte_order_mark_and_windows_lines_are_no_matter(self, rows):
        found = rows("a.jsonl", b'\xef\xbb\xbf{"id": 1}\r\n\r\n   \n{"id": 2}')
        assert fields(found) == [{"id": 1}, {"id": 2}]
        assert [(row.line, row.key) for row in found] == [(1, "1"), (4, "2")]

    def test_a_row_is_kept_as_it_is_written(self, rows):
        (row,) = rows("a.jsonl", ' {"b":1.50, "a": "\\u00e9"} \n')
        assert row.payload == b'{"b":1.50, "a": "\\u00e9"}'

    @pytest.mark.parametrize(
        ("value", "key"),
        [("7", '"7"'), (7, "7"), (-3, "-3"), (7.5, "7.5"), (10**30, "1" + "0" * 30), ("é\n", '"é\\n"'), (0, "0")],
    )
    def test_an_id_keeps_its_type(self, rows, value, key):
        (row,) = rows("a.ndjson", json.dumps({"id": value}), id="id")
        assert row.key == key
        assert json.loads(row.key) == value

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("{}", "has no field 'id', which input.id names"),
            ('{"idx": 1}', "did you mean 'idx'?"),
            ('{"id": null}', "found None"),
            ('{"id": ""}', "found ''"),
            ('{"id": true}', "found True"),
            ('{"id": [1]}', "found [1]"),
        ],
    )
    def test_a_bad_id_is_told_with_its_line(self, rows, line, told):
        with pytest.raises(InputError, match=r"a\.jsonl, line 3: ") as caught:
            rows("a.jsonl", f'{{"id": 1}}\n\n{line}\n', id="id")
        assert told in str(caught.value)

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            (b"[1, 2]", "one JSON object: found '[1, 2]'"),
            (b'"text"', "found '\"text\"'"),
            (b"{'a': 1}", "malformed"),
            (b'{"a": 1', "truncated"),
            (b'{"a": 1} {"b": 2}', "trailing"),
            (b'{"a": NaN}', "malformed"),
            (b'{"a": "\xff"}', "not UTF-8"),
            (b"\xff", "malformed"),
            (b"[" * 100_000, "found '[[["),
            (b'{"a":' * 100_000, "recursion"),
            (b"\x1b[2J", "malformed"),
        ],
    )
    def test_a_bad_line_is_told_with_what_it_holds(self, rows, line, told):
        with pytest.raises(InputError, match=r"a\.jsonl, line 2: ") as caught:
            rows("a.jsonl", b'{"a": 1}\n' + line + b"\n")
        assert told in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 400


class TestCsv:
    def test_quotes_commas_lines_and_blank_lines(self, rows):
        found = rows("a.csv", '\ufeffid, text\n1,"a ""b"", c\nd"\n\n2,e\n', id="id")
        assert fields(found) == [{"id": "1", "text": 'a "b", c\nd'}, {"id": "2", "text": "e"}]
        assert [(row.line, row.key) for row in found] == [(2, '"1"'), (5, '"2"')]

    def test_tabs(self, rows):
        assert fields(rows("a.TSV", "a\tb\n1,5\t2\n")) == [{"a": "1,5", "b": "2"}]

    def test_a_row_number_counts_rows_and_a_short_row_lacks_fields(self, rows):
        found = rows("a.csv", "a,b\n\n1\n2,3\n")
        assert [row.key for row in found] == ["1", "2"]
        assert fields(found) == [{"a": "1"}, {"a": "2", "b": "3"}]

    def test_a_long_cell_is_no_matter(self, rows):
        assert fields(rows("a.csv", f"a\n{'x' * 1_000_000}\n"))[0]["a"] == "x" * 1_000_000

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"a,b\n1,2,3\n", "line 2: has 3 cells, but the header names 2 columns"),
            (b"a,b,a\n1,2,3\n", "line 1: the header names two columns 'a'"),
            (b"a,,c\n1,2,3\n", "line 1: column 2 of the header has no name"),
            (b'a\n"never\nclosed\n', "line 2: unexpected end of data (a quote that is never closed?)"),
            (b'a\n"x"y\n', "line 2: "),
            (b"a\nfine\n\xff\n", "line 3: is not UTF-8 text"),
            (b"", "has no rows"),
            (b"a,b\n", "has no rows"),
        ],
    )
    def test_a_bad_file_is_told_with_its_line(self, rows, content, told):
        with pytest.raises(InputError) as caught:
            rows("a.csv", content)
        assert told in str(caught.value)

    def test_a_missing_id_column_is_told_with_the_nearest(self, rows):
        with pytest.raises(InputError, match=r"line 2: has no field 'idd', which input.id names; did you mean 'id'"):
            rows("a.csv", "id,text\n1,a\n", id="idd")


class TestFiles:
    def test_an_empty_file_is_told(self, rows):
        with pytest.raises(InputError, match=r"a\.jsonl: has no rows"):
            rows("a.jsonl", "\n\n")

    def test_an_unknown_ending_is_told_with_the_known(self, rows):
        with pytest.raises(InputError, match=r"must end in one of \.jsonl, \.ndjson, \.csv, \.tsv, \.txt, \.parquet"):
            rows("a.xlsx", "")

    def test_a_missing_file_and_an_empty_folder_are_told(self, tmp_path):
        with pytest.raises(InputError, match=r"none\.csv: No such file"):
            next(open_source(InputSpec(path=str(tmp_path / "none.csv"))))
        with pytest.raises(InputError, match="has no files"):
            next(open_source(InputSpec(path=str(tmp_path))))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_file_without_permission_is_told(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("a\n1\n")
        path.chmod(0)
        with pytest.raises(InputError, match="Permission denied"):
            next(open_source(InputSpec(path=str(path))))

    def test_memory_stays_flat(self, tmp_path):
        path = tmp_path / "a.jsonl"
        path.write_text(f'{{"text": "{"x" * 1_000}"}}\n' * 20_000)
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_source(InputSpec(path=str(path)))) == 20_000
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(st.lists(st.dictionaries(st.text(), json_values, max_size=4), min_size=1, max_size=5), st.booleans())
def test_any_json_object_comes_back(rows, objects, ascii_only):
    text = "\n".join(json.dumps(each, ensure_ascii=ascii_only) for each in objects)
    assert fields(rows("a.jsonl", text)) == objects


cells = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@quick
@given(st.lists(st.tuples(cells, cells), min_size=1))
def test_any_csv_that_is_written_by_the_rules_comes_back(rows, table):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *table])
    assert fields(rows("a.csv", out.getvalue())) == [{"a": a, "b": b} for a, b in table]


def test_a_name_too_long_for_any_file_is_told():
    with pytest.raises(InputError, match="File name too long"):
        list(open_source(InputSpec(path=f"{'x' * 300}.jsonl")))
