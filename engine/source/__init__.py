"""Items in: files become rows, one at a time, so that memory stays flat."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias

from ..job import InputSpec
from .csv import read_csv, read_tsv
from .faults import Faults, Rejected
from .files import ENDINGS, InputFile, files_of
from .globs import is_many
from .jsonl import read_jsonl
from .packed import Opened, opened
from .parquet import read_parquet
from .place import offset, unit
from .rejects import Rejects
from .row import RawRow, Record, Row, identified, key_reader
from .sqlite import read_sqlite
from .state import State, state_of
from .text import read_lines, read_text

__all__ = ["ENDINGS", "Record", "Rejected", "Rejects", "Row", "State", "open_source", "state_of"]

Reader: TypeAlias = Callable[[Opened, Faults], Iterator[RawRow]]

TOLD_ROWS: Final = 1_000

_READERS: Final[Mapping[str, Reader]] = {
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
    "lines": read_lines,
    "text": read_text,
}


def open_source(
    spec: InputSpec,
    *,
    at: Callable[[int], None] = lambda _byte: None,
    rejected: Callable[[Rejected], None] = lambda _row: None,
) -> Iterator[Record]:
    """Yield the rows of an input; raises InputError, at the first row at the latest for a file that can't be read.

    `at` is told now and then how many bytes are read, `rejected` each row that is set aside, if any may be.
    """
    files = files_of(spec)
    faults = Faults(rejected if spec.bad_rows == "reject" else None)
    key_of = key_reader(spec.id or ("path" if files[0].kind == "text" else None))
    number = done = 0
    for base, file in _numbered(files, many=is_many(spec.path)):
        faults.path, faults.unit = file.told, unit(file)
        with _reading(file, spec.query, faults) as (rows, tell):
            for count, record in identified(rows, key_of, faults, after=number, base=base):
                number = count
                yield record
                if number % TOLD_ROWS == 0:
                    at(done + tell())
        done += file.size
        at(done)
    if not number:
        raise faults.all_bad(spec.path)


class _Reading(NamedTuple):
    rows: Iterator[RawRow]
    tell: Callable[[], int]


@contextmanager
def _reading(file: InputFile, query: str | None, faults: Faults) -> Generator[_Reading]:
    if file.kind == "sqlite":  # never opened as a file: to close it would undo the locks of who else has it open here
        yield _Reading(read_sqlite(file.path, query, faults), lambda: 0)
        return
    with opened(file) as content:
        yield _Reading(_READERS[file.kind](content, faults), content.tell)


def _numbered(files: list[InputFile], *, many: bool) -> Iterator[tuple[int, InputFile]]:
    return ((offset(number, many=many), file) for number, file in enumerate(files, 1))
