"""One row of an input: its id, its content, and the hash that says whether either has changed."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Never

import msgspec

from ..errors import InputError
from ..settings import did_you_mean
from ..text import clean

_encode = msgspec.json.encode


class Row(NamedTuple):
    """What the workspace stores of a row."""

    line: int
    """Where it starts in the file, from 1."""
    key: str
    """Its id as JSON text, so that `7` and `"7"` stay apart."""
    payload: bytes
    """Its fields as a JSON object."""
    digest: bytes
    """16 bytes that change with all that makes its answer."""


def fail(path: Path, line: int, problem: str) -> Never:
    """Raise InputError for one line of a file."""
    raise InputError(f"{path}, line {line}: {problem}")


def key_reader(path: Path, id_field: str | None) -> Callable[[int, int, Mapping[str, object]], str]:
    """Return a function that gives the id of a row as JSON text, of its line, its number and its fields."""
    if id_field is None:
        return lambda _line, number, _fields: str(number)
    return lambda line, _number, fields: _key(path, line, fields, id_field)


def _key(path: Path, line: int, fields: Mapping[str, object], id_field: str) -> str:
    value = fields.get(id_field)
    if isinstance(value, str) and value:
        return _encode(value).decode()
    if isinstance(value, float) and math.isfinite(value):
        return _encode(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if id_field not in fields:
        fail(path, line, f"has no field {id_field!r}, which input.id names{did_you_mean(id_field, fields)}")
    shown = clean(repr(value), 60)
    fail(path, line, f"the id {id_field!r} must be a number or a text that is not empty, found {shown}")
