"""`batchtop export`: the results of a job as JSON lines, as they were completed."""

import sys
from argparse import Namespace
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ..engine.errors import OutputError
from .opened import opened

MAX_LINE_BYTES: Final = 1 << 28


def export(options: Namespace) -> int:
    """Write every result once."""
    with opened(options.db) as reader:
        job = reader.known_job(options.job)
        written = 0
        with _target(options.output, {options.db, Path(job.input), Path(job.output)}) as file:
            for _, line in reader.output_lines(job.id, failed=options.failed):
                file.write(line)
                written += 1
    print(f"{written:,} {'failed items' if options.failed else 'results'} of {job.name}", file=sys.stderr)
    return 0


@contextmanager
def _target(name: str, kept: Collection[Path]) -> Generator[BinaryIO]:
    """Yield standard output, or a file that takes its name only when it is whole and is none of those to be kept."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    part = Path(f"{path}.part")
    try:
        _check(path, part, kept)
        with part.open("wb") as file:
            try:
                yield file
                file.flush()
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _check(path: Path, part: Path, kept: Collection[Path]) -> None:
    """Raise OutputError where writing would take the place of what is no earlier export."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, and a file is wanted (or - for standard output)")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no regular file; - writes to standard output")
    if {path.resolve(), part.resolve()} & {each.resolve() for each in kept}:
        raise OutputError(f"{path}: belongs to the job itself; choose another file")
    if path.exists() and not _is_export(path):
        raise OutputError(f"{path}: holds something that is no export; move it away, or choose another file")


def _is_export(path: Path) -> bool:
    """Return whether a file is empty, or begins with a line that an export writes."""
    with path.open("rb") as file:
        first = file.readline(MAX_LINE_BYTES)
    try:
        return not first or {"id", "status"} <= msgspec.json.decode(first, type=dict[str, msgspec.Raw]).keys()
    except msgspec.MsgspecError:
        return False
