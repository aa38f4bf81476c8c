"""A new file is there whole under a name that was free, and nothing that others have is touched."""

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from batchtop.engine.errors import OutputError
from batchtop.engine.output import whole
from batchtop.engine.output.whole import save_new

LINES = (b"1\n", b"2\n")


def names(folder: Path) -> Iterator[Path]:
    return (folder / f"out-{number}" for number in count(1))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("there", ["out-1", "out-1.part"])
def test_a_name_that_is_taken_is_left_to_its_owner(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"mine")
    assert save_new(names(tmp_path), LINES, ()) == tmp_path / "out-2"
    assert content(tmp_path) == {there: b"mine", "out-2": b"1\n2\n"}


def test_what_a_job_may_still_write_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "out-2").symlink_to("nowhere")
    assert save_new(names(tmp_path), LINES, {tmp_path / "out-1"}) == tmp_path / "out-3"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_meanwhile_is_kept(tmp_path: Path, links, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:
        monkeypatch.setattr(whole.os, "link", refuse)

    def lines() -> Iterator[bytes]:
        (tmp_path / "out-1").write_bytes(b"came")
        yield from LINES

    assert save_new(names(tmp_path), lines(), ()) == tmp_path / "out-2"
    assert content(tmp_path) == {"out-1": b"came", "out-2": b"1\n2\n"}


def refuse(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_many_at_once_take_a_name_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: save_new(names(tmp_path), [b"%d\n" % number] * 500, ()), range(8)))
    assert len(set(made)) == 8
    assert [path.read_bytes() for path in made] == [(b"%d\n" % number) * 500 for number in range(8)]
    assert len(content(tmp_path)) == 8


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_is_cut_short_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def lines() -> Iterator[bytes]:
        yield b"1\n"
        raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        save_new(names(tmp_path), lines(), ())
    assert content(tmp_path) == {}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="out-1: cannot be written"):
        save_new(names(tmp_path / "gone"), LINES, ())


@pytest.mark.parametrize("comes", ["before", "meanwhile"])
def test_where_no_name_is_free_that_is_told(tmp_path: Path, comes: str) -> None:
    def lines() -> Iterator[bytes]:
        (tmp_path / "out-1").write_bytes(b"mine")
        yield b"1\n"

    made = list(lines()) if comes == "before" else lines()
    with pytest.raises(OutputError, match=r"out-1: cannot be written \(there is a file of every such name"):
        save_new(iter([tmp_path / "out-1"]), made, ())
    assert content(tmp_path) == {"out-1": b"mine"}
