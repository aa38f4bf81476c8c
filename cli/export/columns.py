"""The columns of a table of results: which fields its items have, and what each holds in all of them. Pure."""

from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from ...engine.errors import OutputError, UsageError
from ...engine.store.results import Result
from ...engine.vector import json_of, numbers

MOST_FIELDS: Final = 2_000
_EXACT: Final = 1 << 53
"""Up to here a double holds every whole number."""
_LONG: Final = 1 << 63

_decode_fields = msgspec.json.Decoder(dict[str, object]).decode


class Kind(StrEnum):
    """What all values of a column are."""

    BOOL = "bool"
    INT64 = "int64"
    DOUBLE = "double"
    STRING = "string"
    JSON = "json"
    """Values of several kinds, or nested ones: each as its JSON text."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The kinds of the ids and of each field, by name in alphabetical order."""

    ids: Kind
    fields: Mapping[str, Kind]


def infer_columns(items: Iterable[tuple[str, bytes]]) -> Columns:
    """Return the columns of items, each an id as JSON text and its fields as a JSON object, or nothing.

    Raises OutputError where the fields of all items together are too many for a table.
    """
    ids: set[str] = set()
    fields: dict[str, set[str]] = {}
    for key, payload in items:
        ids.add(_look(id_value(key)))
        for name, value in fields_of(payload).items():
            looks = fields.setdefault(name, set())
            if value is not None:
                looks.add(_look(value))
        if len(fields) > MOST_FIELDS:
            raise OutputError(f"the items have more than {MOST_FIELDS:,} different fields: export them as jsonl")
    return Columns(narrowest(ids), {name: narrowest(fields[name]) for name in sorted(fields)})


def fields_of(payload: bytes) -> dict[str, object]:
    """Return the fields of a payload, none where it is empty."""
    return _decode_fields(payload) if payload else {}


def id_value(key: str) -> object:
    """Return an id as what it is; a whole number of any length keeps every digit."""
    return int(key) if key.lstrip("-").isdecimal() else msgspec.json.decode(key)


def _look(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int" if abs(value) <= _EXACT else "long" if -_LONG <= value < _LONG else "huge"
        case float():
            return "double"
        case str():
            return "string"
        case _:
            return "nested"


_COVERS: Final = {
    Kind.STRING: {"string"},
    Kind.BOOL: {"bool"},
    Kind.INT64: {"int", "long"},
    Kind.DOUBLE: {"int", "double"},
}


def narrowest(looks: Collection[str]) -> Kind:
    """Return the kind that holds values of all these looks without losing a digit."""
    return next((kind for kind, covered in _COVERS.items() if covered.issuperset(looks)), Kind.JSON)


def cell(value: object, kind: Kind) -> object:
    """Return a value as a column of this kind holds it."""
    if value is None:
        return None
    if kind is Kind.JSON:
        return msgspec.json.encode(value).decode()
    return float(value) if kind is Kind.DOUBLE and isinstance(value, int) else value


def id_text(key: str) -> str:
    """Return an id as it is spelled, a text without its quotes."""
    return text_of(key.encode())


def text_of(output: bytes) -> str:
    """Return what an output says: a text itself, anything else as JSON."""
    return msgspec.json.decode(output, type=str) if output.startswith(b'"') else json_of(output).decode()


def vector_of(result: Result) -> "array[float]":
    """Return the vector that an output is; raises UsageError where it is none."""
    try:
        return numbers(result.output)
    except ValueError as error:
        raise no_vector(result) from error


def no_vector(result: Result) -> UsageError:
    """Return what to say of an output that is no vector."""
    return UsageError(f"the output of item {result.key} is no list of numbers: export the job as jsonl or csv")
