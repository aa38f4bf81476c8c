"""One row of an input: as it is read, and as the workspace stores it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from ..settings import did_you_mean
from ..text import clean
from .faults import Faults

KeyReader: TypeAlias = Callable[[int, Mapping[str, object]], str]
"""Gives the id of a row as JSON text, of its number and its fields, or raises BadId."""

RawRow: TypeAlias = tuple[int, Mapping[str, object], bytes]
"""Where a row starts in its file, its fields, and these as JSON."""

_encode = msgspec.json.encode


class Record(NamedTuple):
    """A row as it is read, and as it goes through the preparation."""

    line: int
    """Where it starts in the input, see `engine.source.place`."""
    key: str
    """Its id as JSON text, so that `7` and `"7"` stay apart."""
    fields: Mapping[str, object]
    payload: bytes
    """Its fields as a JSON object."""


class Row(NamedTuple):
    """What the workspace stores of a row."""

    line: int
    """Where it starts in the input, see `engine.source.place`."""
    key: str
    """Its id as JSON text, so that `7` and `"7"` stay apart."""
    payload: bytes
    """Its fields as a JSON object."""
    digest: bytes
    """16 bytes that change with all that makes its answer."""


class BadId(Exception):  # noqa: N818 - no error of the program's, but a finding about a row
    """A row without an id that could tell it from others; the text says why."""


def key_reader(id_field: str | None) -> KeyReader:
    """Return what reads the ids of an input."""
    if id_field is None:
        return lambda number, _fields: str(number)

    def key(_number: int, fields: Mapping[str, object]) -> str:
        value = fields.get(id_field)
        if isinstance(value, str) and value:
            return _encode(value).decode()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, float) and math.isfinite(value):
            return _encode(value).decode()
        raise BadId(_odd(fields, id_field))

    return key


def identified(
    rows: Iterable[RawRow], key_of: KeyReader, faults: Faults, *, after: int, base: int
) -> Iterator[tuple[int, Record]]:
    """Yield each row that has an id, with its number; `after` so many rows, and `base` lines, of the input."""
    number = after
    for line, fields, payload in rows:
        try:
            key = key_of(number + 1 + faults.count, fields)
        except BadId as problem:
            faults.bad(line, str(problem), payload)
            continue
        number += 1
        yield number, Record(base + line, key, fields, payload)


def _odd(fields: Mapping[str, object], id_field: str) -> str:
    """Return what is wrong with an id."""
    if id_field not in fields:
        return f"has no field {id_field!r}, which input.id names{did_you_mean(id_field, fields)}"
    shown = clean(repr(fields[id_field]), 60)
    return f"the id {id_field!r} must be a number or a text that is not empty, found {shown}"
