"""Lines with their numbers; one that is too long for an item is set aside before it fills the memory."""

from collections.abc import Iterator
from typing import Final

from .faults import Faults
from .packed import Opened

LONGEST: Final = 64 << 20
"""Bytes that may become one item."""
BOM: Final = b"\xef\xbb\xbf"

_PIECE: Final = 1 << 20


def lines_of(opened: Opened, faults: Faults) -> Iterator[tuple[int, bytes]]:
    """Yield each line, and its number from 1; the mark that some programs begin a text with is no part of it."""
    read, number = opened.file.readline, 0
    while raw := read(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            beginning = raw[:_PIECE]
            while raw and not raw.endswith(b"\n"):
                raw = read(_PIECE)
            faults.bad(number, too_long(), beginning)
        else:
            yield number, raw.removeprefix(BOM) if number == 1 else raw


def too_long() -> str:
    """Say what is wrong with what is longer than an item may be."""
    return f"is longer than {LONGEST >> 20} MB, which is too much for one item"
