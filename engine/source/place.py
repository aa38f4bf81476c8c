"""Where a row stands in its input: one number, also where that is many files, in the order of the rows."""

from typing import Final

from ..errors import InputError
from ..job import InputSpec
from .faults import where
from .files import InputFile, files_of

_BITS: Final = 32
"""Lines of one file; those of the n-th file of many begin behind n times as many."""


def offset(number: int, *, many: bool) -> int:
    """Return what is added to the lines of the n-th file, from 1."""
    return number << _BITS if many else 0


def unit(file: InputFile) -> str:
    """Return what the rows of a file are counted in."""
    return "row" if file.kind in {"parquet", "sqlite"} else "line"


def line_in_words(line: int) -> str:
    """Return the place of a row without the names of its files."""
    file, own = divmod(line, 1 << _BITS)
    words = ([f"file {file:,}"] if file else []) + ([f"line {own:,}"] if own else [])
    return ", ".join(words)


def place(spec: InputSpec, line: int) -> str:
    """Return the place of a row, with the name of its file as far as that is still there."""
    file, own = divmod(line, 1 << _BITS)
    try:
        found = files_of(spec)[max(0, file - 1)]
    except (InputError, IndexError):
        return f"{spec.path}, {line_in_words(line)}"
    return where(found.told, unit(found), own)


def twice(spec: InputSpec, key: str, line: int, first: int) -> InputError:
    """Return what to say of a row whose id another row has already."""
    before = line_in_words(first) if line >> _BITS == first >> _BITS else place(spec, first)
    return InputError(f"{place(spec, line)}: the id {key} was used before, on {before}; ids have to differ")
