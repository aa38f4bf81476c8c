"""The columns of a table: no value loses a digit, whatever stands beside it."""

import pytest
from batchtop.cli.export.columns import MOST_FIELDS, Kind, cell, id_text, id_value, infer_columns, text_of
from batchtop.engine.errors import OutputError
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

SCALARS = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | st.text()
FINITE = SCALARS.filter(lambda value: value not in {float("inf"), float("-inf")})
PYTHON = {Kind.BOOL: bool, Kind.INT64: int, Kind.DOUBLE: float, Kind.STRING: str, Kind.JSON: str}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], Kind.STRING),
        ([None, None], Kind.STRING),
        ([True, None], Kind.BOOL),
        ([True, 1], Kind.JSON),
        ([1, (1 << 63) - 1, -(1 << 63)], Kind.INT64),
        ([1 << 63], Kind.JSON),
        ([1, 0.5], Kind.DOUBLE),
        ([(1 << 53) + 1, 0.5], Kind.JSON),
        (["a", None, ""], Kind.STRING),
        (["a", 1], Kind.JSON),
        ([[1]], Kind.JSON),
        ([{"a": 1}, None], Kind.JSON),
    ],
)
def test_the_kind_of_a_field(values: list[object], kind: Kind):
    columns = infer_columns(("1", json.encode({"f": value})) for value in values)
    assert columns.fields == ({"f": kind} if values else {})


@given(st.lists(FINITE | st.lists(FINITE) | st.dictionaries(st.text(), FINITE)))
def test_a_column_holds_every_value_of_its_field(values: list[object]):
    columns = infer_columns(("1", json.encode({"f": value})) for value in values)
    for value in values:
        kind = columns.fields["f"]
        held = cell(value, kind)
        if value is None:
            assert held is None
        else:
            assert type(held) is PYTHON[kind]
            assert (json.decode(held) if kind is Kind.JSON else held) == json.decode(json.encode(value))


@given(st.integers() | st.text(min_size=1))
def test_an_id_is_spelled_as_it_is(value: int | str):
    key = str(value) if isinstance(value, int) else json.encode(value).decode()
    assert id_value(key) == value
    assert id_text(key) == str(value)


def test_what_is_no_text_stays_json():
    assert text_of(b"[0.1, 2e-7]") == "[0.1, 2e-7]"


def test_fields_are_in_alphabetical_order_and_not_endless():
    columns = infer_columns([("1", b'{"b":1}'), ('"x"', b'{"a":1}'), ("2", b"")])
    assert (list(columns.fields), columns.ids) == (["a", "b"], Kind.JSON)
    with pytest.raises(OutputError, match="different fields: export them as jsonl"):
        infer_columns((str(number), json.encode({f"f{number}": 1})) for number in range(MOST_FIELDS + 1))
