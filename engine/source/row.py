"""One row of an input: its id, its content, and the hash that says whether either has changed."""

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Never

import msgspec

from ..errors import InputError
from ..settings import did_you_mean
from ..text import clean

_encode = msgspec.json.Encoder(order="sorted").encode


class Row(NamedTuple):
    """What the workspace stores of a row."""

    line: int
    """Where it starts in the file, from 1."""
    key: str
    """Its id as JSON text, so that `7` and `"7"` stay apart."""
    payload: bytes
    """Its fields as a JSON object with sorted keys."""
    digest: bytes
    """16 bytes that change with the payload and with what makes the answer."""


def fail(path: Path, line: int, problem: str) -> Never:
    """Raise InputError for one line of a file."""
    raise InputError(f"{path}, line {line}: {problem}")


def row_maker(path: Path, id_field: str | None, fingerprint: str) -> Callable[[int, int, Mapping[str, object]], Row]:
    """Return a function that makes a Row of a line number, a row number and the row's fields."""
    salt = fingerprint.encode()

    def make(line: int, number: int, fields: Mapping[str, object]) -> Row:
        key = str(number) if id_field is None else _key(path, line, fields, id_field)
        payload = _encode(fields)
        return Row(line, key, payload, hashlib.blake2b(payload + salt, digest_size=16).digest())

    return make


def _key(path: Path, line: int, fields: Mapping[str, object], id_field: str) -> str:
    value = fields.get(id_field)
    if isinstance(value, str) and value:
        return _encode(value).decode()
    if isinstance(value, float) and math.isfinite(value):
        return _encode(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if id_field not in fields:
        fail(path, line, f"the id {id_field!r} is missing{did_you_mean(id_field, fields)}")
    shown = clean(repr(value), 60)
    fail(path, line, f"the id {id_field!r} must be a number or a text that is not empty, found {shown}")
