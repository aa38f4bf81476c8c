"""Items in: a file becomes rows, one at a time, so that memory stays flat."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from ..errors import InputError
from ..job import InputSpec
from .csv import read_csv, read_tsv
from .jsonl import read_jsonl
from .row import Row, key_reader

__all__ = ["Row", "open_source"]

Reader: TypeAlias = Callable[[Path, BinaryIO], Iterator[tuple[int, Mapping[str, object], bytes]]]
Identify: TypeAlias = Callable[[str, Mapping[str, object]], bytes]

TOLD_ROWS: Final = 1_000

_READERS: Final[dict[str, Reader]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
}


def _nobody(_key: str, _fields: Mapping[str, object]) -> bytes:
    return b""


def open_source(
    spec: InputSpec, identify: Identify = _nobody, *, at: Callable[[int], None] = lambda _byte: None
) -> Iterator[Row]:
    """Yield the rows of an input; raises InputError, at the first row at the latest for a file that can't be read.

    `identify` gives the digest of a row (see `engine.identity`); `at` is told now and then how many bytes are read.
    """
    path = Path(spec.path)
    read = _READERS.get(path.suffix.lower())
    if os.path.isdir(path):  # noqa: PTH112 - it never raises, whatever the name
        raise InputError(f"{path}: is a folder, and a file is wanted")
    if read is None:
        raise InputError(f"{path}: its name must end in one of {', '.join(_READERS)}")
    key_of = key_reader(path, spec.id)
    number = 0
    try:
        with path.open("rb", buffering=1 << 20) as file:
            for number, (line, fields, payload) in enumerate(read(path, file), 1):
                key = key_of(line, number, fields)
                yield Row(line, key, payload, identify(key, fields))
                if number % TOLD_ROWS == 0:
                    at(file.tell())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if not number:
        raise InputError(f"{path}: has no rows")
