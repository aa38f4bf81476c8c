"""What a command writes is there whole or not at all, and takes no place but that of its like."""

import errno
import os
from pathlib import Path

import pytest
from batchtop.cli.target import target
from batchtop.engine.errors import OutputError
from batchtop.engine.output.whole import own_files

OURS = b"ours: 1\n"


def is_ours(path: Path) -> bool:
    return path.read_bytes().startswith(b"ours")


def written(folder: Path, data: bytes = b"ours: 2\n", name: str = "page") -> None:
    with target(str(folder / name), "page", is_ours, own_files(folder / "jobs.db", [str(folder / "in.jsonl")])) as file:
        file.write(data)


def test_its_like_is_replaced_and_so_is_what_a_crash_left_of_it(tmp_path: Path) -> None:
    for name in ("page", "page.part"):
        (tmp_path / name).write_bytes(OURS)
    written(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"page": b"ours: 2\n"}


@pytest.mark.parametrize("name", ["page", "page.part"])
def test_nothing_else_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(OutputError, match=f"{name}: holds something that is no page"):
        written(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"mine"}


@pytest.mark.parametrize("name", ["page", "page.part"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(OutputError, match="is no regular file"):
        written(tmp_path)


@pytest.mark.parametrize("name", ["jobs.db", "jobs.db-wal", "jobs.db-shm", "jobs.db.lock", "in.jsonl"])
def test_what_a_job_cannot_lose_is_kept_even_where_it_looks_alike(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(OURS)
    (tmp_path / "link").symlink_to(name)
    for each in (name, f"../{tmp_path.name}/{name}", "link"):
        with pytest.raises(OutputError, match="belongs to the job"):
            written(tmp_path, name=each)
    assert (tmp_path / name).read_bytes() == OURS


def test_a_link_to_itself_makes_place(tmp_path: Path) -> None:
    (tmp_path / "page").symlink_to("page")
    written(tmp_path)
    assert (tmp_path / "page").read_bytes() == b"ours: 2\n"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_is_cut_short_leaves_the_earlier_file_and_no_half_one(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "page").write_bytes(OURS)

    def cut_short() -> None:
        with target(str(tmp_path / "page"), "page", is_ours, set()) as file:
            file.write(b"ours: ha")
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        cut_short()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"page": OURS}
