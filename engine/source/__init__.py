"""Items in: a file becomes rows, one at a time, so that memory stays flat."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from ..errors import InputError
from ..job import InputSpec
from .csv import read_csv, read_tsv
from .jsonl import read_jsonl
from .row import Row, row_maker

__all__ = ["Row", "open_source"]

Reader: TypeAlias = Callable[[Path, BinaryIO], Iterator[tuple[int, Mapping[str, object]]]]

_READERS: Final[dict[str, Reader]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
}


def open_source(spec: InputSpec, fingerprint: str = "") -> Iterator[Row]:
    """Yield the rows of an input; raises InputError, at the first row at the latest for a file that can't be read.

    `fingerprint` is what makes the answer besides the row, and part of each digest.
    """
    path = Path(spec.path)
    read = _READERS.get(path.suffix.lower())
    if path.is_dir():
        raise InputError(f"{path}: is a folder, and a file is wanted")
    if read is None:
        raise InputError(f"{path}: its name must end in one of {', '.join(_READERS)}")
    make = row_maker(path, spec.id, fingerprint)
    number = 0
    try:
        with path.open("rb", buffering=1 << 20) as file:
            for number, (line, fields) in enumerate(read(path, file), 1):
                yield make(line, number, fields)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if not number:
        raise InputError(f"{path}: has no rows")
