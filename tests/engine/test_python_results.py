"""What users' functions return, as results."""

import datetime as dt
import enum
from collections import OrderedDict, deque
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from batchtop.engine import TryAgain
from batchtop.engine.outcome import Outcome
from batchtop.engine.transports import TransportError
from batchtop.engine.transports.python.results import entries_of, result_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel


class Array:
    """As NumPy's arrays and scalars, pandas' series and torch's tensors have it."""

    def __init__(self, value):
        self.value = value

    def tolist(self):
        return self.value


class Model(BaseModel):
    when: dt.date
    of: list[int] = []


@dataclass
class Data:
    x: object
    y: object = None


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "another text"


class Pair(NamedTuple):
    a: int
    b: int


class Colour(enum.Enum):
    RED = "red"


class Whole(int):
    pass


class Broken:
    def tolist(self):
        raise ZeroDivisionError("no list today")


@pytest.mark.parametrize(
    ("value", "output"),
    [
        (None, None),
        ({"a": [1, 2.5, True, None, "é"]}, {"a": [1, 2.5, True, None, "é"]}),
        ((1, 2), [1, 2]),
        (Array([[0, 1], [2, 3]]), [[0, 1], [2, 3]]),
        ({"vector": Array([1.5]), "n": [Array(3)]}, {"vector": [1.5], "n": [3]}),
        (Data(Array([1]), Model(when="2026-02-03")), {"x": [1], "y": {"when": "2026-02-03", "of": []}}),
        ([Model(when="2026-02-03", of=[7])], [{"when": "2026-02-03", "of": [7]}]),
        (Text("text"), "text"),
        (Whole(7), 7),
        (Colour.RED, "red"),
        (OrderedDict(a=1), {"a": 1}),
        (Pair(1, 2), [1, 2]),
        (dt.date(2026, 2, 3), "2026-02-03"),
        (Decimal("1.50"), "1.50"),
        (2**80, 2**80),
        (float("nan"), None),
    ],
)
def test_what_json_can_say_is_the_output(value, output):
    result = result_of(value)
    assert (msgspec.json.decode(result.output), result.error) == (output, "")


def endless():
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (object(), ["a value of type object, which JSON has no word for"]),
        ([1, {"x": 1j}], ["of type list that holds one of type complex"]),
        ({(1, 2): 3}, ["holds one of type tuple"]),
        ((n for n in "ab"), ["of type generator"]),
        (deque([1]), ["of type deque"]),
        (endless(), ["of type list", "RecursionError"]),
        (["\ud800"], ["of type list", "surrogates not allowed"]),
        (Broken(), ["of type Broken", "ZeroDivisionError: no list today"]),
        (Model, ["of type ModelMetaclass"]),
    ],
    ids=lambda value: None if isinstance(value, list) else type(value).__name__,
)
def test_what_json_can_not_say_fails_the_item_and_names_the_type(value, parts):
    result = result_of(value)
    assert (bytes(result.output), result.outcome) == (b"", Outcome.BAD_ITEM)
    for part in parts:
        assert part in result.error


class LateError(TimeoutError):
    pass


def of_a_client(name, base=Exception):
    """Return an error as HTTP clients have it: no base in common, but names that say it."""
    return type("Special", (type(name, (base,), {}),), {})("told")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("no digits"), Outcome.BAD_ITEM),
        (KeyError("x"), Outcome.BAD_ITEM),
        (SystemExit(3), Outcome.BAD_ITEM),
        (FileNotFoundError("x"), Outcome.BAD_ITEM),
        (TimeoutError(), Outcome.TIMEOUT),
        (LateError("late"), Outcome.TIMEOUT),
        (ConnectionResetError("gone"), Outcome.CONNECTION),
        (TryAgain("later"), Outcome.OVERLOADED),
        (of_a_client("Timeout", OSError), Outcome.TIMEOUT),
        (of_a_client("ConnectError"), Outcome.CONNECTION),
        (of_a_client("HTTPError", OSError), Outcome.BAD_ITEM),
    ],
    ids=repr,
)
def test_an_exception_as_an_entry_fails_its_item(error, outcome):
    result = result_of(error)
    assert result.outcome is outcome
    assert result.error.startswith(type(error).__name__)


def test_the_text_of_an_exception_is_made_fit_to_show():
    class UnspeakableError(Exception):
        def __str__(self):
            raise RuntimeError

    assert result_of(ValueError("a\x1b[31m red\n" + "x" * 9_999)).error.startswith("ValueError: a red xxx")
    assert len(result_of(ValueError("x" * 9_999)).error) < 450
    assert result_of(UnspeakableError()).error == "UnspeakableError"
    assert result_of(ValueError("Bearer abcdef123456, sk-abcdefgh12345678")).error == "ValueError: Bearer ***, ***"


@pytest.mark.parametrize(
    "value",
    [[1, 2], (1, 2), iter([1, 2]), (n for n in (1, 2)), range(1, 3), Array([1, 2])],
    ids=lambda v: type(v).__name__,
)
def test_all_that_has_an_order_is_a_list_of_results(value):
    assert entries_of(value, 2) == [1, 2]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ([1], "of 2 results, one for each item, the function returned only 1"),
        ([1, 2, 3], "returned more than 2"),
        (iter(int, 1), "returned more than 2"),  # it never ends
        ("ab", "returned a str, not a list"),
        ({"a": 1, "b": 2}, "returned a dict, not a list"),
        ({1, 2}, "returned a set, not a list"),
        (None, "returned a NoneType, not a list"),
        (Array(2.5), "returned a Array, not a list"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_another_number_of_results_is_one_clear_message(value, part):
    with pytest.raises(TransportError) as raised:
        entries_of(value, 2)
    assert raised.value.outcome is Outcome.BAD_ITEM
    assert part in str(raised.value)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
    | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.builds(Data, inner),
)


@given(ANY)
def test_any_value_is_json_or_an_error(value):
    result = result_of(value)
    assert bool(result.error) != bool(bytes(result.output))
    msgspec.json.decode(bytes(result.output) or b"null")
