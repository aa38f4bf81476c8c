"""CSV and TSV: a header row, then one row an item; every value is a text."""

import csv
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from .row import fail

_BOM: Final = "\ufeff"
_LONGEST_CELL = 16 * 1024 * 1024


def read_csv(path: Path, file: BinaryIO, delimiter: str = ",") -> Iterator[tuple[int, Mapping[str, object], bytes]]:
    """Yield the line number, the cells by column name, and these as JSON, of each row; blank lines are skipped."""
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    records = _records(path, file, delimiter)
    header = next(records, None)
    if header is None:
        return
    names = _names(path, *header)
    width = len(names)
    for line, cells in records:
        if len(cells) > width:
            fail(path, line, f"has {len(cells)} cells, but the header names {width} columns")
        fields = dict(zip(names, cells, strict=False))
        yield line, fields, msgspec.json.encode(fields)


read_tsv = partial(read_csv, delimiter="\t")


def _records(path: Path, file: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record starts, and its cells."""
    reader = csv.reader(_lines(path, file), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        hint = " (a quote that is never closed?)" if reader.line_num > start else ""
        fail(path, start, f"{error}{hint}")


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    for line, raw in enumerate(file, 1):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            fail(path, line, "is not UTF-8 text")
        yield text.removeprefix(_BOM) if line == 1 else text


def _names(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for column, name in enumerate(names, 1):
        if not name:
            fail(path, line, f"column {column} of the header has no name")
        if names.index(name) != column - 1:
            fail(path, line, f"the header names two columns {name!r}")
    return names
