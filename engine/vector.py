"""Vectors as the workspace has them: a byte that no JSON text begins with, and the numbers, little-endian. Pure.

A third of the size of their digits, and no digit is written before somebody wants to read it.
"""

import struct
import sys
from array import array
from math import isfinite
from typing import Final, Literal, TypeAlias

import msgspec

Form: TypeAlias = Literal["float32", "float16"]
Sent: TypeAlias = bytes | list[float]
"""A vector as it comes in JSON: base64 of float32, which msgspec has made bytes of, or a list of numbers."""

SINGLE: Final = b"\x01"
"""The first byte where the numbers behind it are float32."""
HALF: Final = b"\x02"
"""And where they are float16."""
_SIZES: Final = {SINGLE: 4, HALF: 2}
_TAGS: Final = tuple(_SIZES)
_HUGE: Final = (0x7F, 0xFF)
"""The last byte of any float32 that is infinite or no number, and of few others."""


class VectorError(ValueError):
    """A vector that can't be stored; its text says why."""


def decode(text: bytes) -> Sent:
    """Return the vector that JSON text is, nothing of one that is empty; raises ValueError where it is none."""
    sent = _decode(text)
    return sent if is_whole(sent) else b""


def is_whole(sent: Sent) -> bool:
    """Return whether there are numbers in it, and none of them is cut."""
    return bool(sent) and (isinstance(sent, list) or len(sent) % _SIZES[SINGLE] == 0)


def pack(sent: Sent, form: Form) -> bytes:
    """Return a vector as it is stored, with a number beyond 65,504 as float32 in any case.

    Raises VectorError for a number that is none, or too large for that too.
    """
    packed = SINGLE + (sent if isinstance(sent, bytes) else _swapped(array("f", sent)).tobytes())
    if not _is_finite(packed):
        raise VectorError("a number in the vector is infinite, too large for float32, or none at all (nan)")
    return packed if form == "float32" else _halved(packed)


def is_packed(output: bytes) -> bool:
    """Return whether an output is a vector as it is stored; JSON text is the other thing it can be."""
    return output.startswith(_TAGS)


def numbers(output: bytes) -> "array[float]":
    """Return the numbers of an output, stored or JSON text; raises ValueError where it is no list of them."""
    if not is_packed(output):
        return array("f", _decode_list(output))
    if output.startswith(HALF):
        return array("f", struct.unpack(f"<{len(output) // 2}e", memoryview(output)[1:]))
    found = array("f")
    found.frombytes(memoryview(output)[1:])
    return _swapped(found)


def length(output: bytes) -> int:
    """Return how many numbers an output has; raises ValueError as `numbers` does."""
    return (len(output) - 1) // _SIZES[output[:1]] if is_packed(output) else len(numbers(output))


def singles(output: bytes) -> bytes | memoryview:
    """Return the numbers of an output as float32, little-endian; raises ValueError as `numbers` does."""
    return memoryview(output)[1:] if output.startswith(SINGLE) else _swapped(numbers(output)).tobytes()


def json_of(output: bytes) -> bytes:
    """Return an output as JSON text."""
    return _encode(numbers(output).tolist()) if is_packed(output) else output


def beginning(output: bytes, *, cut: bool) -> bytes:
    """Return the JSON text of an output of which only so much was read, where it is `cut`; it ends with a number."""
    if not cut or not is_packed(output):
        return json_of(output)
    size = _SIZES[output[:1]]
    return json_of(output[: len(output) - (len(output) - 1) % size])[:-1]


def _swapped(found: "array[float]") -> "array[float]":
    """Return numbers in the order of bytes that this machine has, for little-endian ones, or the other way about."""
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _is_finite(packed: bytes) -> bool:
    lasts = packed[4::4]
    return (_HUGE[0] not in lasts and _HUGE[1] not in lasts) or all(map(isfinite, numbers(packed)))


def _halved(packed: bytes) -> bytes:
    """Return numbers as float16, where it holds them: what is paid for is kept, and some models have a few beyond."""
    try:
        return HALF + struct.pack(f"<{length(packed)}e", *numbers(packed))
    except OverflowError:
        return packed


_decode = msgspec.json.Decoder(Sent).decode
_decode_list = msgspec.json.Decoder(list[float]).decode
_encode = msgspec.json.Encoder().encode
