"""Where a command's data goes: standard output, or a file that is there whole or not at all."""

import os
import sys
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from os.path import realpath
from pathlib import Path
from typing import BinaryIO, Final

from ..engine.errors import OutputError
from ..engine.output.appended import part_of, sync_folder

_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""What the names of a workspace's files end in."""


def own_files(workspace: Path, named: Iterable[str]) -> set[Path]:
    """Return what a job can't lose: the files of its workspace, and those that it names."""
    return {*(Path(f"{workspace}{ending}") for ending in _BESIDE), *map(Path, named)}


@contextmanager
def target(name: str, what: str, may_replace: Callable[[Path], bool], kept: Collection[Path]) -> Generator[BinaryIO]:
    """Yield standard output for `-`, or a file that takes its name, and an earlier one's place, only when it is whole.

    `what` is its name for people. Raises OutputError where it can't be written, would be one of `kept`, or would take
    the place of a file of which `may_replace` says no.
    """
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path, part = Path(name), Path(part_of(name))
    try:
        # Path.resolve would raise RuntimeError where links lead in a circle.
        if not {realpath(path), realpath(part)}.isdisjoint(map(realpath, kept)):
            raise OutputError(f"{path}: belongs to the job itself; choose another file")
        for each in (path, part):
            _check(each, what, may_replace)
        with _whole(path, part) as file:
            yield file
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _whole(path: Path, part: Path) -> Generator[BinaryIO]:
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path)


def _check(path: Path, what: str, may_replace: Callable[[Path], bool]) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, and a file is wanted (or - for standard output)")
    if not path.exists():
        return
    if not path.is_file():
        raise OutputError(f"{path}: is no regular file; - writes to standard output")
    if not may_replace(path):
        raise OutputError(f"{path}: holds something that is no {what}; move it away, or choose another file")
