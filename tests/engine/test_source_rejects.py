"""A row that can't be read ends the reading, or is set aside with where it stood and what is wrong with it."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from batchtop.engine.errors import InputError, JobFileError, OutputError
from batchtop.engine.job import InputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.source import Rejects, open_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def sift(tmp_path):
    """Write a file, read what can be read of it, and return the rows and those set aside."""

    def read(name, content, **spec):
        path = tmp_path / name
        path.write_bytes(content)
        rejected = []
        rows = list(open_source(InputSpec(path=str(path), bad_rows="reject", **spec), rejected=rejected.append))
        assert {each.file for each in rejected} <= {str(path)}
        return rows, rejected

    return read


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", b'{"id": 1}\n[2]\n{"id": 3}\n', (2, "each line must be one JSON object: found '[2]'", "[2]\n")),
        ("a.jsonl", b'{"id": 1}\n{"id": "\xff"}\n{"id": 3}', (2, "is not UTF-8 text", '{"id": "�"}\n')),
        (
            "a.jsonl",
            b'{"id": 1}\n{"id": null}\n{"id": 3}',
            (2, "the id 'id' must be a number or a text", '{"id": null}'),
        ),
        ("a.csv", b"id,t\n1,a\n2,b,c\n3,d\n", (3, "has 3 cells, but the header names 2 columns", "2,b,c")),
        ("a.csv", b"id,t\n1,a\n\xff,b\n3,d\n", (3, "is not UTF-8 text", "�,b")),
        ("a.csv", b'id,t\n1,a\n2,"b"c\n3,d\n', (3, "',' expected after", '2,"b"c\n')),
        ("a.csv", b"id,t\n1,a\n,b\n3,d\n", (3, "the id 'id' must be a number or a text", '{"id":"","t":"b"}')),
        ("a.tsv", b"id\tt\n1\ta\n2\tb\tc\n3\td\n", (3, "has 3 cells", "2\tb\tc")),
    ],
)
def test_a_bad_row_is_set_aside_and_the_others_are_read(sift, name, content, told):
    rows, (bad,) = sift(name, content, id="id")
    line, error, text = told
    assert [str(row.fields["id"]) for row in rows] == ["1", "3"]
    assert (bad.line, bad.text) == (line, text)
    assert bad.error.startswith(error)


def test_row_numbers_stay_when_a_bad_row_is_mended(sift):
    rows, _ = sift("a.jsonl", b'{"a": 1}\nbad\n\n{"a": 2}\n')
    assert [row.key for row in rows] == ["1", "3"]


def test_a_text_that_is_set_aside_is_capped(sift):
    _, (bad,) = sift("a.jsonl", b"{}\n" + b"\xf0\x9f\x98\x80" * 100_000)
    assert bad.text == "😀" * 2_000
    assert len(bad.error) < 400


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b'a,b\n1,2\n3,"never\nclosed\n', "line 3: unexpected end of data (a quote that is never closed?)"),
        ("a.csv", b'a,b\n1,2\n3,"never closed', "line 3: unexpected end of data"),
        ("a.csv", b'a,b\n1,"taken\n2,"in"\n3,x\n', "line 2: ',' expected after '\"' (a quote that is never closed?)"),
        ("a.csv", b"a,a\n1,2\n", "line 1: the header names two columns 'a'"),
        ("a.csv", b"\xff,b\n1,2\n", "line 1: is not UTF-8 text"),
        ("a.csv", b'"x"y,b\n1,2\n', "line 1: "),
        ("a.jsonl", b"[1]\n[2]\nx\n", "none of its 3 rows can be read; the first is "),
        ("a.jsonl", b"\n\n", "has no rows"),
    ],
)
def test_what_leaves_nothing_to_be_read_stops_all_the_same(sift, name, content, told):
    with pytest.raises(InputError) as caught:
        sift(name, content)
    assert told in str(caught.value)


LINES = st.lists(st.sampled_from([b'{"a": 1}', b"[1]", b"{", b"", b"\xff", b'{"a": "\xff"}']), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES)
def test_every_line_is_read_or_set_aside(sift, lines):
    good = [number for number, line in enumerate(lines, 1) if line == b'{"a": 1}']
    bad = [number for number, line in enumerate(lines, 1) if line not in {b'{"a": 1}', b""}]
    if good:
        rows, rejected = sift("a.jsonl", b"\n".join(lines))
        assert ([row.line for row in rows], [each.line for each in rejected]) == (good, bad)


class TestRejectsFile:
    def fill(self, path, sift, content=b'{"a": 1}\nbad\n'):
        rejects = Rejects(str(path))
        for row in sift("in.jsonl", content)[1]:
            rejects.add(row)
        rejects.close()
        return rejects.count

    def test_it_has_a_line_for_each_row(self, sift, tmp_path):
        assert self.fill(tmp_path / "out.jsonl", sift, b"{}\nbad\n[]\n") == 2
        first, second = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
        assert first == {"file": str(tmp_path / "in.jsonl"), "line": 2, "error": first["error"], "text": "bad\n"}
        assert second["line"] == 3

    def test_each_load_writes_it_anew_and_one_without_bad_rows_takes_it_away(self, sift, tmp_path):
        path = tmp_path / "out.jsonl"
        for _ in range(2):
            self.fill(path, sift)
            assert path.read_text().count("\n") == 1
        assert self.fill(path, sift, b"{}\n") == 0
        assert not path.exists()

    def test_a_file_of_somebody_else_stays_as_it_is(self, tmp_path):
        for content in ('{"id": 1}\n', "text", "\n"):
            (tmp_path / "out.jsonl").write_text(content)
            with pytest.raises(OutputError, match=r"out\.jsonl: holds something else than rejected rows"):
                Rejects(str(tmp_path / "out.jsonl"))
            assert (tmp_path / "out.jsonl").read_text() == content

    def test_a_place_that_can_not_be_written_is_told(self, sift, tmp_path):
        with pytest.raises(OutputError, match=r"none/out\.jsonl: cannot be written"):
            self.fill(tmp_path / "none/out.jsonl", sift)
        with pytest.raises(OutputError, match="cannot be written"):
            Rejects(str(tmp_path))

    def test_what_is_for_everybody_is_written_to_and_stays(self, sift, tmp_path, monkeypatch):
        removed = []
        monkeypatch.setattr(Path, "unlink", lambda path, **_: removed.append(path))  # it would be this machine's own
        assert self.fill(Path("/dev/null"), sift) == 1
        assert not removed
        bad = sift("in.jsonl", b"{}\nbad")[1][0]
        with closing(Rejects("/dev/full")) as full, pytest.raises(OutputError, match="/dev/full: cannot be written"):
            full.add(bad)

    def test_without_a_file_rows_are_only_counted(self, sift):
        rejects = Rejects(None)
        rejects.add(sift("in.jsonl", b"{}\nbad")[1][0])
        assert rejects.count == 1


class TestJobFile:
    def load(self, folder, source, *, name="job", output=""):
        path = folder / f"{name}.toml"
        task = '[task]\ntype = "chat"\nmodel = "m"\nbase_url = "http://x/v1"\nprompt = "{text}"\n'
        path.write_text(f"[input]\n{source}\n{task}[output]\n{output}")
        return load_job(path).input

    def test_rejects_go_beside_the_job_file_unless_told_otherwise(self, tmp_path):
        assert self.load(tmp_path, 'path = "a.jsonl"').rejects is None
        source = 'path = "a.jsonl"\nbad_rows = "reject"'
        assert self.load(tmp_path, source).rejects == str(tmp_path / "job.rejects.jsonl")
        assert self.load(tmp_path, f'{source}\nrejects = "x/b"').rejects == str(tmp_path / "x/b")

    @pytest.mark.parametrize(
        ("source", "output", "told"),
        [
            (
                'path = "a.jsonl"\nrejects = "b"',
                "",
                "input.rejects: is for rows that are set aside: set input.bad_rows",
            ),
            ('path = "a.jsonl"\nbad_rows = "skip"', "", "input.bad_rows: 'skip' is not understood"),
            ('path = "a.jsonl"\nformat = "json"', "", "input.format: 'json' is not understood; did you mean 'jsonl'"),
            ('path = "a.jsonl"\nformat = "csv"\nquery = "SELECT 1"', "", "input.query: asks an SQLite file"),
            ('path = "a.db"', "", "input.query: is missing: a SELECT"),
            ('path = "a"\nformat = "sqlite"', "", "input.query: is missing"),
            ('path = "."', 'path = "o.jsonl"', "output.path: would be among the files that input.path takes in"),
            ('path = "*.jsonl"', 'failures = "o.jsonl"', "output.failures: would be among the files"),
            ('path = "*.jsonl"\nbad_rows = "reject"', "", "input.rejects: would be among the files"),
            (
                'path = "a.jsonl"\nbad_rows = "reject"\nrejects = "a.jsonl"',
                "",
                "input.rejects: is the same file as input",
            ),
        ],
    )
    def test_what_does_not_fit_together_is_told_by_its_key(self, tmp_path, source, output, told):
        with pytest.raises(JobFileError) as caught:
            self.load(tmp_path, source, output=output)
        assert told in str(caught.value)

    def test_a_glob_may_leave_the_output_out(self, tmp_path):
        assert self.load(tmp_path, 'path = "in/*.jsonl"', output='path = "o.jsonl"').path == str(
            tmp_path / "in/*.jsonl"
        )
