"""Parquet: a few rows of a row group at a time, typed values as JSON knows them.

Dates, times and spans become ISO 8601 texts, decimals texts with all their digits, bytes base64, and what is no number
null; lists, structs and maps stay nested.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, TypeAlias

import msgspec

from ..errors import InputError
from ..text import clean
from .faults import Faults
from .packed import Opened
from .row import RawRow

Arrow: TypeAlias = Any
"""A module or an object of pyarrow, which has no types to check."""

_BATCH_BYTES: Final = 4 << 20
_MOST_ROWS: Final = 1_000

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


def read_parquet(opened: Opened, faults: Faults) -> Iterator[RawRow]:
    """Yield the number of each row, its fields, and these as JSON."""
    arrow, parquet = _libraries(faults)
    row = 0
    try:
        with parquet.ParquetFile(opened.file, pre_buffer=False, buffer_size=1 << 20) as file:
            schema = _readable(arrow, file.schema_arrow, faults)
            for batch in file.iter_batches(_batch_rows(file.metadata), use_threads=False):
                for values in _rows(arrow, batch, schema):
                    row += 1
                    payload = _encode(values)
                    yield row, _decode(payload), payload
    except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        told = f"can't be read as Parquet behind row {row:,}" if row else "can't be read as Parquet"
        raise InputError(f"{faults.path}: {told} ({clean(str(error), 200)})") from None


def _libraries(faults: Faults) -> tuple[Arrow, Arrow]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise InputError(f"{faults.path}: Parquet needs pyarrow ({error}): pip install 'batchtop[parquet]'") from error


def _batch_rows(facts: Arrow) -> int:
    """Return how many rows make a batch that is small whatever a row holds."""
    size = max((facts.row_group(group).total_byte_size for group in range(facts.num_row_groups)), default=0)
    rows = max((facts.row_group(group).num_rows for group in range(facts.num_row_groups)), default=0)
    return max(1, min(_MOST_ROWS, _BATCH_BYTES * rows // max(1, size)))


def _readable(arrow: Arrow, schema: Arrow, faults: Faults) -> Arrow:
    """Return the schema with times in microseconds, finer than which Python has none."""
    names = schema.names
    for name in names:
        if names.count(name) > 1:
            faults.fail(0, f"has two columns {name!r}")
    return arrow.schema([field.with_type(_coarser(arrow, field.type)) for field in schema])


def _coarser(arrow: Arrow, kind: Arrow) -> Arrow:
    types = arrow.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return arrow.timestamp("us", kind.tz)
    if types.is_duration(kind) and kind.unit == "ns":
        return arrow.duration("us")
    if types.is_time64(kind):
        return arrow.time64("us")
    if types.is_list(kind):
        return arrow.list_(_coarser(arrow, kind.value_type))
    if types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return arrow.struct([field.with_type(_coarser(arrow, field.type)) for field in fields])
    return kind


def _rows(arrow: Arrow, batch: Arrow, schema: Arrow) -> list[dict[str, object]]:
    table = arrow.Table.from_batches([batch])
    if table.schema != schema:
        table = table.cast(schema, safe=False)
    return table.to_pylist(maps_as_pydicts="strict")
