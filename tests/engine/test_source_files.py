"""Folders and globs: which files an input is, what is read of each, and when it is another than before."""

import json
import os
from pathlib import Path

import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.job import InputSpec
from batchtop.engine.source import Record, open_source, state_of
from batchtop.engine.source.files import files_of
from batchtop.engine.source.globs import find, is_many, split, takes_in
from batchtop.engine.source.place import line_in_words, place, twice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def tree(tmp_path):
    """Write files, `name: content`, and return the folder."""

    def write(**files: str | bytes) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


def read(path: Path | str, **spec: str) -> list[Record]:
    return list(open_source(InputSpec(path=str(path), **spec)))


def texts(found: list[Record]) -> dict[str, str]:
    return {str(each.fields["path"]): str(each.fields["text"]) for each in found}


DOCS = {"docs/b.md": "B", "docs/a.md": "A", "docs/guide/c.txt": "C\n", "docs/.git/x.md": "no", "docs/.hidden.md": "no"}


class TestTexts:
    def test_a_folder_is_an_item_a_file_in_the_order_of_their_paths(self, tree):
        found = read(tree(**DOCS) / "docs")
        assert [each.fields for each in found] == [
            {"path": "a.md", "name": "a.md", "text": "A"},
            {"path": "b.md", "name": "b.md", "text": "B"},
            {"path": "guide/c.txt", "name": "c.txt", "text": "C\n"},
        ]
        assert [json.loads(each.payload) for each in found] == [each.fields for each in found]

    def test_a_text_is_known_by_its_path(self, tree):
        folder = tree(**DOCS) / "docs"
        assert [each.key for each in read(folder)] == ['"a.md"', '"b.md"', '"guide/c.txt"']
        assert [each.key for each in read(folder, id="name")] == ['"a.md"', '"b.md"', '"c.txt"']

    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("docs/*.md", ["a.md", "b.md"]),
            ("docs/**/*.txt", ["guide/c.txt"]),
            ("docs/**", ["a.md", "b.md", "guide/c.txt"]),
            ("docs/*/*", ["guide/c.txt"]),
            ("docs/[ab].md", ["a.md", "b.md"]),
            ("docs/.*/*.md", [".git/x.md"]),
            ("do*/a.md", ["docs/a.md"]),
            ("**/c.txt", ["docs/guide/c.txt"]),
        ],
    )
    def test_a_glob_names_some(self, tree, pattern, found):
        assert list(texts(read(tree(**DOCS) / pattern))) == found

    def test_a_blank_file_is_no_item_and_a_byte_order_mark_no_text(self, tree):
        assert texts(read(tree(**{"d/a": " \n", "d/b": b"\xef\xbb\xbfB"}) / "d")) == {"b": "B"}

    def test_a_link_that_leads_in_a_circle_is_not_followed(self, tree):
        folder = tree(**DOCS) / "docs"
        (folder / "guide/up").symlink_to(folder)
        assert len(read(folder)) == len(read(folder / "**/*")) == 3

    def test_a_file_that_is_called_like_a_glob_is_that_file(self, tree):
        folder = tree(**{"a[1].txt": "x\ny", "[b]/c.md": "z"})
        assert [each.fields for each in read(folder / "a[1].txt")] == [{"text": "x"}, {"text": "y"}]
        assert texts(read(folder / "[b]/*.md")) == {"c.md": "z"}

    def test_one_file_may_be_one_item(self, tree):
        (found,) = read(tree(**{"a.md": "x\ny"}) / "a.md", format="text")
        assert (found.key, found.line) == ('"a.md"', 0)

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("d/bad.md", b"\xff", r"d/bad\.md: is not UTF-8 text"),
            (os.fsdecode(b"d/\xff.md"), b"x", r"d/\?\.md: has a name that is not UTF-8 text"),
        ],
    )
    def test_what_is_no_text_is_told_by_its_name(self, tree, name, content, told):
        folder = tree(**{"d/a.md": "x", name: content})
        with pytest.raises(InputError, match=told):
            read(folder / "d")
        assert texts(read(folder / "d", bad_rows="reject")) == {"a.md": "x"}

    def test_what_is_no_file_is_not_even_opened(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.jsonl")
        for path in (tmp_path / "pipe.jsonl", Path("/dev/null")):
            with pytest.raises(InputError, match='is no file; rows that come through a pipe are read with path = "-"'):
                read(path, format="jsonl")

    def test_a_file_too_long_for_an_item_is_told(self, tree, monkeypatch):
        monkeypatch.setattr("batchtop.engine.source.lines.LONGEST", 1 << 20)
        with pytest.raises(InputError, match=r"d/a: is longer than 1 MB"):
            read(tree(**{"d/a": "x" * (1 << 20) + "y"}) / "d")

    @pytest.mark.parametrize(("name", "row"), [("a.jsonl", '{"id": 1}'), ("a.txt", "one")])
    def test_a_line_too_long_for_an_item_is_set_aside_unread(self, tree, monkeypatch, name, row):
        monkeypatch.setattr("batchtop.engine.source.lines.LONGEST", 1 << 10)
        path = tree(**{name: f"{row}\n{'x' * (3 << 20)}\n{row}\n{'x' * (1 << 10)}y"}) / name
        with pytest.raises(InputError, match=r"line 2: is longer than 0 MB"):
            read(path)
        assert [each.line for each in read(path, bad_rows="reject")] == [1, 3]


class TestRows:
    def test_files_of_rows_are_read_one_after_the_other(self, tree):
        folder = tree(**{"d/2.csv": "id\nc\n", "d/1.jsonl": '{"id": "a"}\n\n{"id": "b"}\n', "d/_SUCCESS": ""})
        found = read(folder / "d")
        assert [(each.key, each.fields["id"]) for each in found] == [("1", "a"), ("2", "b"), ("3", "c")]
        assert sorted(found, key=lambda each: each.line) == found

    def test_the_line_told_is_that_of_its_file(self, tree):
        folder = tree(**{"d/1.jsonl": "{}\n{}\n", "d/2.jsonl": "{}\n[]\n"})
        with pytest.raises(InputError, match=r"d/2\.jsonl, line 2: each line must be one JSON object"):
            read(folder / "d")

    def test_rows_beside_texts_are_asked_about(self, tree):
        folder = tree(**{"d/1.jsonl": "{}", "d/read.me": "x"})
        with pytest.raises(InputError, match=r"d: 1\.jsonl has rows and read\.me has none: name those you want"):
            read(folder / "d")
        assert len(read(folder / "d/*.jsonl")) == 1
        assert len(read(folder / "d", format="text")) == 2

    def test_a_format_says_what_a_name_does_not(self, tree):
        folder = tree(**{"dump": '{"a": 1}\n', "d/part-1": '{"a": 2}\n', "d/part-2": '{"a": 3}\n'})
        assert read(folder / "dump", format="jsonl")[0].fields == {"a": 1}
        assert [each.fields["a"] for each in read(folder / "d", format="jsonl")] == [2, 3]

    @pytest.mark.parametrize(
        ("files", "pattern", "told"),
        [
            ({}, "none/*.md", r"none/\*\.md: no file is called so"),
            ({"d/.x": "x"}, "d", "d: has no files"),
            ({"d/a.jsonl": "", "d/b.jsonl": "\n"}, "d", "d: has no rows"),
            ({"a.txt": "x"}, "a.txt/*", r"a\.txt: Not a directory"),
            ({"a.md": "x"}, "a.md", "must end in one of"),
        ],
    )
    def test_nothing_to_read_is_told(self, tree, files, pattern, told):
        with pytest.raises(InputError, match=told):
            read(tree(**files) / pattern)


class TestPlaces:
    def test_a_row_of_many_files_is_found_again(self, tree):
        spec = InputSpec(path=str(tree(**{"d/1.jsonl": "{}\n{}", "d/2.jsonl": "\n{}", "t/x": "1", "t/y": "2"}) / "d"))
        lines = [each.line for each in open_source(spec)]
        assert [place(spec, line).rpartition("/")[2] for line in lines] == [
            "1.jsonl, line 1",
            "1.jsonl, line 2",
            "2.jsonl, line 2",
        ]
        assert [line_in_words(line) for line in lines] == ["file 1, line 1", "file 1, line 2", "file 2, line 2"]
        assert str(twice(spec, "7", lines[2], lines[0])) == (
            f"{spec.path}/2.jsonl, line 2: the id 7 was used before, on {spec.path}/1.jsonl, line 1; ids have to differ"
        )

    def test_a_row_of_one_file_has_the_line_that_it_has(self, tree):
        spec = InputSpec(path=str(tree(**{"a.jsonl": "\n{}\n{}"}) / "a.jsonl"))
        assert [each.line for each in open_source(spec)] == [2, 3]
        told = f"{spec.path}, line 3: the id 7 was used before, on line 2; ids have to differ"
        assert str(twice(spec, "7", 3, 2)) == told

    def test_a_text_has_no_line(self, tree):
        spec = InputSpec(path=str(tree(**{"t/x": "1", "t/y": "2"}) / "t"))
        first, second = (each.line for each in open_source(spec))
        assert (place(spec, second), line_in_words(first)) == (f"{spec.path}/y", "file 1")

    def test_a_file_that_is_gone_is_told_by_its_number(self, tree):
        spec = InputSpec(path=str(tree(**{"d/1.jsonl": "{}"}) / "d"))
        (row,) = open_source(spec)
        Path(spec.path, "1.jsonl").unlink()
        assert place(spec, row.line) == f"{spec.path}, file 1, line 1"


class TestState:
    @pytest.fixture
    def spec(self, tree):
        return InputSpec(path=str(tree(**DOCS) / "docs"))

    def change(self, spec: InputSpec, name: str, content: str | None) -> None:
        path = Path(spec.path, name)
        if content is None:
            path.unlink()
            return
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(content)
        os.utime(path, ns=(before, before))

    @pytest.mark.parametrize(
        ("name", "content"),
        [("d.md", "new"), ("a.md", None), ("a.md", "longer"), ("guide/c.txt", "longer")],
    )
    def test_a_file_that_comes_goes_or_grows_makes_another_state(self, spec, name, content):
        before = state_of(spec)
        self.change(spec, name, content)
        assert state_of(spec).stamp != before.stamp

    def test_a_file_that_was_written_makes_another_state(self, spec):
        before = state_of(spec)
        os.utime(Path(spec.path, "a.md"), ns=(5, 5))
        assert state_of(spec).stamp != before.stamp

    def test_what_is_not_read_makes_none(self, spec):
        before = state_of(spec)
        Path(spec.path, ".hidden.md").write_text("other")
        assert state_of(spec) == before
        assert before.size == 4

    @pytest.mark.parametrize("other", [{"format": "lines"}, {"bad_rows": "reject"}])
    def test_another_way_to_read_makes_another_state(self, spec, other):
        assert state_of(InputSpec(path=spec.path, **other)).stamp != state_of(spec).stamp

    def test_no_file_is_opened(self, spec):
        Path(spec.path, "a.md").chmod(0)
        assert state_of(spec).size == 4


class TestTakesIn:
    @pytest.mark.parametrize(
        ("path", "other", "taken"),
        [
            ("docs", "docs/out.jsonl", True),
            ("docs", "out.jsonl", False),
            ("docs", "docs/.out.jsonl", False),
            ("docs", "docs/../out.jsonl", False),
            ("docs/*.md", "docs/out.jsonl", False),
            ("docs/*.jsonl", "docs/out.jsonl", True),
            ("docs/*.jsonl", "docs/guide/out.jsonl", False),
            ("docs/**/*.jsonl", "docs/guide/out.jsonl", True),
            ("docs/a.md", "docs/a.md", False),
        ],
    )
    def test_an_output_among_the_inputs_is_known(self, tree, path, other, taken):
        folder = tree(**DOCS)
        assert takes_in(str(folder / path), str(folder / other)) is taken


NAMES = st.sampled_from(["a", "b", ".h", "ab"])
PARTS = st.lists(st.sampled_from(["a", "*", "**", "?", "a*", "[!a]", ".*"]), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=6), PARTS)
def test_what_a_glob_finds_is_what_it_takes_in(tmp_path_factory, files, parts):
    folder = tmp_path_factory.mktemp("glob")
    made = set()
    for name in sorted(files, key=len, reverse=True):
        path = folder / "in" / f"{name}.d" / "f"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        made.add(path)
    pattern = str(folder.joinpath("in", *parts))
    base, rest = split(pattern)
    if is_many(pattern):
        assert {base / name for name in find(base, rest)} == {path for path in made if takes_in(pattern, str(path))}


def test_the_files_of_an_input_are_told_with_their_kind(tree):
    folder = tree(**{"d/a.csv.gz": "", "d/b.NDJSON": "", "d/c.tsv": "", "d/d.parquet": ""})
    found = files_of(InputSpec(path=str(folder / "d")))
    assert [(each.name, each.kind) for each in found] == [
        ("a.csv.gz", "csv"),
        ("b.NDJSON", "jsonl"),
        ("c.tsv", "tsv"),
        ("d.parquet", "parquet"),
    ]
