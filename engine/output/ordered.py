"""An output in the order of its input: it appears whole when the job is done, or not at all."""

import shutil
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputError
from ..store.reader import Reader
from ..store.record import Place
from ..store.results import Result, Results, Selection
from .appended import STDOUT, Appended, part_of, sync_folder


def write_ordered(workspace: Path, job: int, path: str) -> Place:
    """Write all good results in the order of the input and return how far they go; raises OSError.

    A regular file takes its name, and an earlier one's place, when all of it is on the disk.
    """
    with Reader(workspace) as reader, reader.results.one_moment():
        if path == STDOUT or (Path(path).exists() and not Path(path).is_file()):
            return _write(reader.results, job, path, path)
        return _replace(reader.results, job, path)


def _replace(results: Results, job: int, path: str) -> Place:
    part = Path(part_of(path))
    part.unlink(missing_ok=True)
    try:
        place = _write(results, job, str(part), path)
        if Path(path).exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(part)
    return place


def _write(results: Results, job: int, to: str, path: str) -> Place:
    file = Appended.open(to)
    last: Result | None = None
    try:
        for page in results.pages(Selection(job, order="input")):
            file.write(result.line() for result in page)
            last = page[-1]
    finally:
        file.close()
    # Stale, since what was appended to it would not be in order: another run writes it anew.
    return Place(path, last.seq if last else 0, file.size, stale=True)


def foreign(path: str) -> OutputError:
    """Return what to say of a file that is not this job's."""
    return OutputError(f"{path}: holds something this job did not write; move it away, or choose another output")


def opened(path: str) -> BinaryIO | None:
    """Return a regular file with something in it, to be read."""
    place = Path(path)
    return place.open("rb") if path and place.is_file() and place.stat().st_size else None
