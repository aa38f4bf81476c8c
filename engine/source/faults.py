"""Rows that can't be read: the first ends the reading, or each is set aside and the reading goes on."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Never

from msgspec import Struct

from ..errors import InputError
from ..text import clean

NOT_TEXT: Final = "is not UTF-8 text"

_LONGEST: Final = 2_000


class Rejected(Struct, frozen=True, forbid_unknown_fields=True):
    """A row that was set aside, as a line of the rejects file."""

    file: str
    line: int | None
    """From 1; None where the whole file is the row."""
    error: str
    text: str
    """As much of the row as is worth keeping."""


class Faults:
    """Told by readers what is wrong with which line of the file they are at."""

    def __init__(self, rejected: Callable[[Rejected], None] | None) -> None:
        self._rejected = rejected
        self._first = ""
        self.path = ""
        """The file that is being read."""
        self.unit = "line"
        """What its rows are counted in."""
        self.count = 0
        """How many rows were set aside."""
        self._vital = False

    def bad(self, line: int, problem: str, text: bytes) -> None:
        """Take note of one row that can't be read; raises InputError where none is to be set aside."""
        if self._vital:
            self.fail(line, problem)
        if self._rejected is None:
            self.fail(line, f'{problem} (input.bad_rows = "reject" sets such rows aside)')
        self.count += 1
        self._first = self._first or f"{self._where(line)}: {problem}"
        kept = text[: 4 * _LONGEST].decode(errors="replace")[:_LONGEST]
        self._rejected(Rejected(self.path, line or None, problem, kept))

    @contextmanager
    def vital(self) -> Generator[None]:
        """Meanwhile nothing is set aside: what comes next is needed to read all else."""
        self._vital = True
        yield
        self._vital = False

    def fail(self, line: int, problem: str) -> Never:
        """Raise InputError for a fault that leaves nothing behind it to be read."""
        raise InputError(f"{self._where(line)}: {problem}")

    def all_bad(self, path: str) -> InputError:
        """Return what to say of an input without a single good row."""
        if not self.count:
            return InputError(f"{path}: has no rows")
        return InputError(f"{path}: none of its {self.count:,} rows can be read; the first is {self._first}")

    def _where(self, line: int) -> str:
        return where(self.path, self.unit, line)


def where(path: str, unit: str, line: int) -> str:
    """Return a place in words; line 0 is the whole file."""
    return f"{path}, {unit} {line}" if line else path


def excerpt(text: bytes) -> str:
    """Return the beginning of a row, fit to be shown in a message."""
    return clean(text[:400].decode(errors="replace"), 60)
