"""Files that are there whole or not at all, and take no foreign file's place."""

import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from os.path import lexists, realpath
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import OutputError
from .appended import part_of, sync_folder

_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""What the names of a workspace's files end in."""
_NONE_FREE: Final = "there is a file of every such name; move one away"


def own_files(workspace: Path, named: Iterable[str]) -> set[Path]:
    """Return what a job can't lose: the files of its workspace, and those that it names."""
    return {*(Path(f"{workspace}{ending}") for ending in _BESIDE), *map(Path, named)}


@contextmanager
def whole_file(
    path: Path, what: str, may_replace: Callable[[Path], bool], kept: Collection[Path]
) -> Generator[BinaryIO]:
    """Yield a file that takes its name, and an earlier one's place, only when it is whole.

    `what` is its name for people. Raises OutputError where it can't be written, would be one of `kept`, or would take
    the place of a file of which `may_replace` says no.
    """
    part = Path(part_of(str(path)))
    try:
        # Path.resolve would raise RuntimeError where links lead in a circle.
        if not {realpath(path), realpath(part)}.isdisjoint(map(realpath, kept)):
            raise OutputError(f"{path}: belongs to the job itself; choose another file")
        for each in (path, part):
            _check(each, what, may_replace)
        try:
            with part.open("wb") as file:
                yield file
                _to_disk(file)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def save_new(names: Iterator[Path], lines: Iterable[bytes], kept: Collection[Path]) -> Path:
    """Write lines to a file of the first of these names that is free, and return which that was.

    No file is written over, not even one that comes meanwhile. Raises OutputError where it can't be written, or none
    of the names is free.
    """
    first = next(names)
    own = set(map(realpath, kept))
    free = (name for name in chain((first,), names) if not lexists(name) and realpath(name) not in own)
    try:
        path, part, file = _begun(free)
        try:
            with file:
                file.writelines(lines)
                _to_disk(file)
            path = _named(part, chain((path,), free))
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path)
    except OSError as error:
        raise OutputError(f"{first}: cannot be written ({error.strerror or error})") from error
    return path


def _begun(names: Iterator[Path]) -> tuple[Path, Path, BinaryIO]:
    """Return the first name whose part nobody else writes, and that part, open."""
    for path in names:
        part = Path(part_of(str(path)))
        with suppress(FileExistsError):
            return path, part, part.open("xb")
    raise FileExistsError(_NONE_FREE)


def _named(part: Path, names: Iterable[Path]) -> Path:
    """Give a file the first name that is free, and return that."""
    for path in names:
        if _has_taken(part, path):
            return path
    raise FileExistsError(_NONE_FREE)


def _has_taken(part: Path, path: Path) -> bool:
    """Give a file a name, and return whether that was free."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if lexists(path):
            return False
        part.rename(path)
    return True


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _check(path: Path, what: str, may_replace: Callable[[Path], bool]) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, and a file is wanted (or - for standard output)")
    if not path.exists():
        return
    if not path.is_file():
        raise OutputError(f"{path}: is no regular file; - writes to standard output")
    if not may_replace(path):
        raise OutputError(f"{path}: holds something that is no {what}; move it away, or choose another file")
