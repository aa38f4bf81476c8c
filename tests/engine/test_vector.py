"""Vectors as they are stored: every number comes back, none is lost or made up, and JSON text is left as it is."""

import json
import struct
from array import array
from base64 import b64encode

import msgspec
import pytest
from batchtop.engine.vector import (
    SINGLE,
    VectorError,
    beginning,
    decode,
    is_packed,
    is_whole,
    json_of,
    length,
    numbers,
    pack,
    singles,
)
from hypothesis import given
from hypothesis import strategies as st

SINGLES = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1)
HALVES = st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda value: json.dumps(value).encode())


def base64(vector: list[float]) -> bytes:
    return json.dumps(b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()).encode()


@given(SINGLES)
def test_base64_and_a_list_of_the_same_numbers_are_stored_alike(vector: list[float]):
    stored = pack(decode(base64(vector)), "float32")
    assert (
        stored
        == pack(decode(json.dumps(vector).encode()), "float32")
        == b"\x01" + struct.pack(f"<{len(vector)}f", *vector)
    )
    assert json.loads(json_of(stored)) == numbers(stored).tolist() == vector
    assert (length(stored), bytes(singles(stored))) == (len(vector), stored[1:])


@given(HALVES)
def test_float16_takes_half_and_gives_every_number_back_that_it_has(vector: list[float]):
    stored = pack(vector, "float16")
    assert stored == b"\x02" + struct.pack(f"<{len(vector)}e", *vector)
    assert json.loads(json_of(stored)) == numbers(stored).tolist() == vector
    assert (length(stored), bytes(singles(stored))) == (len(vector), struct.pack(f"<{len(vector)}f", *vector))


@given(st.lists(st.floats(-60_000, 60_000), min_size=1))
def test_float16_is_the_nearest_it_has(vector: list[float]):
    found = numbers(pack(vector, "float16"))
    for number, stored in zip(vector, found, strict=True):
        assert stored == pytest.approx(number, rel=2**-10, abs=2**-24)


@given(JSON)
def test_json_text_is_no_vector_and_stays_as_it_is(text: bytes):
    assert not is_packed(text)
    assert json_of(text) is text
    assert beginning(text[:7], cut=True) == text[:7]


@given(SINGLES | HALVES, st.sampled_from(["float32", "float16"]), st.data())
def test_of_a_part_only_whole_numbers_are_told(vector: list[float], form, data: st.DataObject):
    try:
        stored = pack(vector, form)
    except VectorError:
        return
    whole = json_of(stored)
    assert beginning(stored, cut=False) == whole
    begun = beginning(stored[: data.draw(st.integers(1, len(stored)))], cut=True)
    assert whole.startswith(begun)
    told = json.loads(begun + b"]")
    assert told == numbers(stored).tolist()[: len(told)]


@pytest.mark.parametrize(
    ("vector", "form", "told"),
    [
        ([1.0, float("nan")], "float32", "none at all"),
        ([float("-inf")], "float32", "infinite"),
        ([1e39], "float32", "too large for float32"),
        ([float("nan")], "float16", "none at all"),
    ],
)
def test_what_no_number_can_be_is_refused(vector: list[float], form, told: str):
    for sent in (vector, array("f", vector).tobytes()):
        with pytest.raises(VectorError, match=told):
            pack(sent, form)


@pytest.mark.parametrize("vector", [[65_520.0, 0.1], [-1e38, 0.1]])
def test_what_float16_cannot_hold_stays_float32(vector: list[float]):
    stored = pack(vector, "float16")
    assert stored.startswith(SINGLE)
    assert numbers(stored) == array("f", vector)


@pytest.mark.parametrize("vector", [[3.4e38], [-1.75e38, 1.0], [0.0, -0.0, 1e-45]])
def test_the_largest_and_the_smallest_are_numbers(vector: list[float]):
    assert numbers(pack(vector, "float32")) == array("f", vector)


@pytest.mark.parametrize("text", ['""', "[]", '"AAAA"', '"AAAAAAAA"'])
def test_a_vector_without_numbers_or_with_a_torn_one_is_not_whole(text: str):
    assert not is_whole(decode(text.encode()))


@pytest.mark.parametrize(
    "text", ['"A"', '"AAA"', '"____"', '"AAAA\\n"', "null", "1", "[1, null]", '["1"]', "[[1]]", "[true]", "{}", "[1"]
)
def test_what_is_no_vector_is_told_apart(text: str):
    with pytest.raises(msgspec.DecodeError):
        decode(text.encode())


def test_json_text_of_an_earlier_version_has_the_same_numbers():
    assert numbers(b"[1,0.5,-2e-3]") == array("f", [1, 0.5, -2e-3])
    assert (length(b"[1,0.5]"), bytes(singles(b"[1,0.5]"))) == (2, struct.pack("<2f", 1, 0.5))
    with pytest.raises(ValueError, match="Expected"):
        numbers(b'"text"')
