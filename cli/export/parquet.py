"""Results as a Parquet file, in row groups of bounded size, with a schema that is known before the first row.

Vectors are float32, which is what models compute them in and what indexes of vectors take: half the size of doubles.
"""

from array import array
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from ...engine.errors import UsageError
from ...engine.store.results import Result
from .columns import Columns, Kind, cell, fields_of, id_value, infer_columns, vector_of
from .formats import HEADS, INPUT, Export, Write

Arrow: TypeAlias = Any
"""A module or an object of pyarrow, which has no types to check."""

MAGIC: Final = b"PAR1"
GROUP_ROWS: Final = 100_000
GROUP_BYTES: Final = 32 << 20
_REPEATED: Final = ["status", "kind", "finish_reason", "model"]
"""Columns of few different texts, which are stored once each."""

_MARKS: Final = {"finish_reason", "model"}
"""Columns that are null where there is nothing to tell."""


def parquet_writer() -> Write:
    """Return what writes Parquet; raises UsageError where pyarrow is not installed."""
    try:
        return _Parquet(import_module("pyarrow"), import_module("pyarrow.parquet"))
    except ImportError as error:
        raise UsageError(f"Parquet needs pyarrow ({error}): pip install 'batchtop[parquet]'") from error


def column_names(path: Path) -> list[str]:
    """Return the columns of a Parquet file, none where it is no such file or can't be read without pyarrow."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return []
    try:
        return list(import_module("pyarrow.parquet").read_schema(path).names)
    except (ImportError, ValueError):
        return []


class _Parquet:
    """Writes exports with the two modules of pyarrow."""

    def __init__(self, arrow: Arrow, parquet: Arrow) -> None:
        self._arrow = arrow
        self._parquet = parquet

    def __call__(self, file: BinaryIO, export: Export) -> int:
        written = 0
        with export.results.one_moment():
            columns = infer_columns(export.results.items(export.wanted))
            schema = self._schema(export, columns)
            writer = self._parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=_REPEATED)
            try:
                for group in self._groups(export, columns, schema):
                    writer.write_table(group, row_group_size=group.num_rows)
                    written += group.num_rows
                writer.close()
            finally:
                writer.is_open = False  # or it would try again to end a file that can't be written
        return written

    def _schema(self, export: Export, columns: Columns) -> Arrow:
        failed = export.wanted.failed
        types = {name: self._arrow.string() for name in HEADS[failed]}
        types["id"] = self._type(columns.ids)
        if failed:
            types["attempts"] = self._arrow.int64()
        elif export.vectors:
            types["output"] = self._arrow.list_(self._arrow.float32())
        return self._arrow.schema(
            [*types.items(), *((INPUT + name, self._type(kind)) for name, kind in columns.fields.items())]
        )

    def _type(self, kind: Kind) -> Arrow:
        types = {Kind.BOOL: "bool_", Kind.INT64: "int64", Kind.DOUBLE: "float64"}
        return getattr(self._arrow, types.get(kind, "string"))()

    def _groups(self, export: Export, columns: Columns, schema: Arrow) -> Iterator[Arrow]:
        """Yield tables that are large enough to be read fast and small enough to be held in memory."""
        gathered: list[Arrow] = []
        rows = size = 0
        for page in export.results.pages(export.wanted):
            gathered.append(self._batch(page, export, columns, schema))
            rows, size = rows + len(page), size + gathered[-1].nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                yield self._arrow.Table.from_batches(gathered)
                gathered, rows, size = [], 0, 0
        if gathered:
            yield self._arrow.Table.from_batches(gathered)

    def _batch(self, page: list[Result], export: Export, columns: Columns, schema: Arrow) -> Arrow:
        values: dict[str, Arrow] = {
            name: [tell(result) for result in page] for name, tell in HEADS[export.wanted.failed].items()
        }
        if columns.ids not in {Kind.STRING, Kind.JSON}:
            values["id"] = [cell(id_value(result.key), columns.ids) for result in page]
        for name in _MARKS & values.keys():
            values[name] = [mark or None for mark in values[name]]
        inputs = [fields_of(result.payload) for result in page]
        for name, kind in columns.fields.items():
            values[INPUT + name] = [cell(fields.get(name), kind) for fields in inputs]
        if export.vectors and "output" in values:
            values["output"] = self._vectors(page)
        return self._arrow.record_batch(
            [self._array(values[field.name], field.type) for field in schema], schema=schema
        )

    def _array(self, values: list[object] | Arrow, kind: Arrow) -> Arrow:
        return self._arrow.array(values, type=kind) if isinstance(values, list) else values

    def _vectors(self, page: list[Result]) -> Arrow:
        """Return the vectors of a page, as they are stored: numbers of Python take eight times the space."""
        numbers, ends = array("f"), array("i", [0])
        for result in page:
            numbers.extend(vector_of(result))
            ends.append(len(numbers))
        arrow = self._arrow
        offsets = arrow.Array.from_buffers(arrow.int32(), len(ends), [None, arrow.py_buffer(ends)])
        flat = arrow.Array.from_buffers(arrow.float32(), len(numbers), [None, arrow.py_buffer(numbers)])
        return arrow.ListArray.from_arrays(offsets, flat)
