"""CSV and TSV: a header row, then one row an item; every value is a text."""

import csv
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, Final

import msgspec

from ..text import plural
from .faults import NOT_TEXT, Faults
from .packed import Opened
from .row import RawRow

_BOM: Final = "\ufeff"
_LONGEST_CELL = 16 * 1024 * 1024


def read_csv(opened: Opened, faults: Faults, delimiter: str = ",") -> Iterator[RawRow]:
    """Yield the line number, the cells by column name, and these as JSON, of each row; blank lines are skipped."""
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    records = _records(opened.file, faults, delimiter)
    with faults.vital():
        header = next(records, None)
    if header is None:
        return
    names = _names(faults, *header)
    width = len(names)
    for line, cells in records:
        if len(cells) > width:
            problem = f"has {plural(len(cells), 'cell')}, but the header names {plural(width, 'column')}"
            faults.bad(line, problem, delimiter.join(cells).encode())
            continue
        fields = dict(zip(names, cells, strict=False))
        yield line, fields, msgspec.json.encode(fields)


read_tsv = partial(read_csv, delimiter="\t")


class _Lines:
    """The lines of a file; what is no text is told when the row is known that it belongs to."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = enumerate(file, 1)
        self.last = b""
        self.no_text: int | None = None
        """The first line that is no text, since this was last set to None."""

    def __iter__(self) -> Iterator[str]:
        for line, raw in self._lines:
            self.last = raw
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                self.no_text = self.no_text or line
                text = raw.decode(errors="replace")
            yield text.removeprefix(_BOM) if line == 1 else text


def _records(file: BinaryIO, faults: Faults, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record starts, and its cells."""
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    while True:
        try:
            for cells in reader:
                if lines.no_text:
                    faults.bad(lines.no_text, NOT_TEXT, delimiter.join(cells).encode())
                    lines.no_text = None
                elif cells:
                    yield start, cells
                start = reader.line_num + 1
        except csv.Error as error:
            _judge(faults, start, error, reader.line_num, lines.last)
            start = reader.line_num + 1
        else:
            return


def _judge(faults: Faults, start: int, error: csv.Error, end: int, text: bytes) -> None:
    """Set one bad line aside; a quote that took in other lines stops the reading, as those are rows too."""
    if end > start or "end of data" in str(error):
        faults.fail(start, f"{error}{' (a quote that is never closed?)' if end > start else ''}")
    faults.bad(start, str(error), text)


def _names(faults: Faults, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for column, name in enumerate(names, 1):
        if not name:
            faults.fail(line, f"column {column} of the header has no name")
        if names.index(name) != column - 1:
            faults.fail(line, f"the header names two columns {name!r}")
    return names
