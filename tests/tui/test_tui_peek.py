"""Looking at files and folders that may be of any size, or broken."""

import gzip
import json
import lzma
import os
from itertools import count
from pathlib import Path

import pytest
from batchtop.tui.newjob import peek as peeking
from batchtop.tui.newjob.peek import Matches, Peek, look, matches, peek


def rows_of(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_is_told_by_its_fields_and_first_rows(tmp_path: Path) -> None:
    rows = [{"id": n, "text": f"item {n}\nmore", **({"note": [n]} if n > 3 else {"note": None})} for n in range(1, 6)]
    found = peek(rows_of(tmp_path / "in.jsonl", rows))
    assert (found.rows, found.whole, found.sampled, found.problem) == (5, True, 5, "")
    assert [(each.name, each.example, each.present) for each in found.fields.values()] == [
        ("id", "1", 5),
        ("text", "item 1 more", 5),
        ("note", "[4]", 2),
    ]
    assert found.sample == rows[:3]
    assert found.size == (tmp_path / "in.jsonl").stat().st_size


def test_a_cell_that_is_empty_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,a\n2,\n3\n")
    assert {each.name: each.present for each in peek(tmp_path / "in.csv").fields.values()} == {"id": 3, "text": 1}


def test_a_long_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = rows_of(tmp_path / "in.jsonl", [{"n": n} for n in range(1_000)])
    found = peek(path, now=map(float, count()).__next__)
    assert (found.whole, found.sampled) == (False, peeking.SAMPLE_ROWS)
    assert found.rows < 300


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1}\n{"a": 2}\n[3]\n', "line 3: each line must be one JSON object"),
        ("", "has no rows"),
        ('{"a": 1}\n\\\x1b[31m', "line 2"),
    ],
)
def test_a_malformed_file_names_the_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(text)
    found = peek(path)
    assert told in found.problem
    assert "\x1b" not in found.problem
    assert found.rows == max(0, text.count('{"a"')), "what stands before is shown"


def test_a_line_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peeking, "_LONGEST_LINE", 1 << 20)
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"x" * ((1 << 20) + 1))
    assert "line 1: is longer than 1 MB" in peek(path).problem


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n{"text": "b"}\n', mtime=0)),
        ("a.csv.xz", lzma.compress(b"text\na\nb\n")),
        ("a.TXT", b"a\nb\n"),
    ],
)
def test_whatever_a_name_tells_is_looked_at(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = look(str(tmp_path / name))
    assert isinstance(found, Peek)
    assert [row["text"] for row in found.sample] == ["a", "b"]
    assert (found.problem, found.whole) == ("", True)


def test_a_compressed_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"text\na\n")[:-9])
    assert "a.csv.gz: is cut off" in peek(tmp_path / "a.csv.gz").problem


def test_a_path_goes_on_as_its_folder_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("reviews.jsonl", "rest.CSV", "readme.md", ".hidden.csv", "es\x1bcape.csv"):
        (tmp_path / name).touch()
    (tmp_path / "results").mkdir()
    os.mkfifo(tmp_path / "results" / "pipe.jsonl")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert matches("").paths == ("rest.CSV", "reviews.jsonl", "results/")
    assert matches("rev").paths == ("reviews.jsonl",)
    assert matches(".h").paths == (".hidden.csv",)
    assert matches("~/rest").paths == ("~/rest.CSV",)
    assert matches(f"{tmp_path}/resu").paths == (f"{tmp_path}/results/",)
    assert "No such file" in matches("nowhere/x").problem
    assert isinstance(look("reviews.jsonl"), Peek)
    assert isinstance(look("readme.md"), Matches)
    assert isinstance(look("results/pipe.jsonl"), Matches), "to open a pipe would wait for ever"
    assert isinstance(look("a\0b"), Matches)


def test_a_huge_folder_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peeking, "_MOST_ENTRIES", 10)
    for n in range(12):
        (tmp_path / f"{n}.csv").touch()
    found = matches(f"{tmp_path}/")
    assert (len(found.paths), found.more) == (10, True)
