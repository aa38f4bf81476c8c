"""What an export is written as: JSON lines or CSV here, Parquet and NumPy's archives beside it."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import msgspec

from ...engine.errors import UsageError
from ...engine.store.results import Result, Results, Selection
from .columns import fields_of, id_text, infer_columns, text_of

HEADS: Final[dict[bool, dict[str, Callable[[Result], str | int]]]] = {
    False: {
        "id": lambda result: id_text(result.key),
        "status": lambda _: "ok",
        "output": lambda result: text_of(result.output),
        "finish_reason": lambda result: result.finish_reason,
        "model": lambda result: result.model,
    },
    True: {
        "id": lambda result: id_text(result.key),
        "status": lambda _: "failed",
        "kind": lambda result: result.outcome,
        "message": lambda result: result.message,
        "attempts": lambda result: result.attempts,
    },
}
"""The columns of a table before those of the input, and what they say of a result, or of a failed item."""
INPUT: Final = "input."
"""Before the name of a field of the input, in a table's header."""

_SUFFIXES: Final = {
    **dict.fromkeys(("", ".jsonl", ".ndjson"), "jsonl"),
    ".csv": "csv",
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".npz": "npz",
}


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported."""

    results: Results
    wanted: Selection
    vectors: bool
    """Whether each output is a list of numbers."""


Write: TypeAlias = Callable[[BinaryIO, Export], int]
"""Writes an export and returns how many results that were."""


def format_of(name: str) -> str:
    """Return the format that a file's name stands for; raises UsageError where it stands for none."""
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(f"{name}: {suffix} is the end of no format: .jsonl, .csv, .parquet or .npz, or say --format")
    return _SUFFIXES[suffix]


def writer(name: str) -> Write:
    """Return what writes a format; raises UsageError where that needs what is not installed."""
    if name == "parquet":
        from .parquet import parquet_writer

        return parquet_writer()
    if name == "npz":
        from .npz import write_npz

        return write_npz
    return write_csv if name == "csv" else write_jsonl


def write_jsonl(file: BinaryIO, export: Export) -> int:
    """Write the lines of the output or the failures file."""
    written = 0
    for page in export.results.pages(export.wanted):
        file.writelines(result.line() for result in page)
        written += len(page)
    return written


def write_csv(file: BinaryIO, export: Export) -> int:
    """Write a header and one record a result."""
    wanted, written = export.wanted, 0
    heads = HEADS[wanted.failed]
    rows = csv.writer(_Records(file))
    with export.results.one_moment() if wanted.with_input else nullcontext():
        fields = infer_columns(export.results.items(wanted)).fields if wanted.with_input else ()
        rows.writerow([*heads, *(INPUT + name for name in fields)])
        for page in export.results.pages(wanted):
            rows.writerows(
                [*(tell(result) for tell in heads.values()), *_inputs(result.payload, fields)] for result in page
            )
            written += len(page)
    return written


class _Records:
    """Ends records with a line feed alone; told so, csv would leave carriage returns in a cell without quotes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, record: str) -> int:
        return self._file.write(f"{record[:-2]}\n".encode())


def _inputs(payload: bytes, fields: Iterable[str]) -> Iterator[str]:
    values = fields_of(payload)
    return (_text(values.get(name)) for name in fields)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
