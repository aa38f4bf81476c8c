"""A look at a file of items, and at what a folder has of them: bounded, whatever their size. Comes from any thread."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from ...engine.errors import InputError
from ...engine.job import InputSpec
from ...engine.source import ENDINGS, Record, open_source
from ...engine.source.files import files_of
from ...engine.source.packed import opened
from ...engine.text import clean
from .draft import absolute

JOB_ENDS: Final = (".toml", ".out.jsonl")
"""What the names of a job's files end in."""
SAMPLE_ROWS: Final = 200
KEPT_ROWS: Final = 3
READ_S: Final = 0.4
_LONGEST_LINE: Final = 16 << 20
_SAMPLE_BYTES: Final = 32 << 20
_MOST_ENTRIES: Final = 5_000
_MOST_FIELDS: Final = 500
_EXAMPLE: Final = 200
_MOST_LETTERS: Final = 20_000
_BIG_ROW: Final = 1 << 20


@dataclass(slots=True)
class Field:
    """A field of the rows looked at."""

    name: str
    example: str = ""
    """Its first value that says something."""
    present: int = 0
    """How many rows have a value there, and not nothing."""


@dataclass(slots=True)
class Peek:
    """What the first rows of a file hold."""

    path: Path
    size: int
    """Bytes."""
    rows: int = 0
    """How many were read."""
    whole: bool = False
    """Whether these are all."""
    sampled: int = 0
    """How many rows the fields are told from."""
    fields: dict[str, Field] = field(default_factory=dict[str, Field])
    sample: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    beside: frozenset[str] = frozenset()
    """Names that jobs in its folder have: of their job files and their outputs."""
    problem: str = ""
    """Why it can't be read, or not to its end, with the line."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in the order in which the rows bring them."""
        return tuple(self.fields)


@dataclass(frozen=True, slots=True)
class Matches:
    """How a path may go on."""

    paths: tuple[str, ...] = ()
    """As they would be typed; folders end in a slash."""
    more: bool = False
    """Whether the folder has so many entries that not all were looked at."""
    problem: str = ""


def look(typed: str) -> Peek | Matches:
    """Return what a file holds, or else how the path may go on."""
    path = absolute(typed)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False
    return peek(path) if is_file and path.name.lower().endswith(ENDINGS) else matches(typed)


def peek(path: Path, now: Callable[[], float] = time.monotonic) -> Peek:
    """Look at the first rows of a file, and count the others as far as that is quick."""
    found = Peek(path, 0)
    try:
        found.size, found.beside = path.stat().st_size, _jobs_in(path.parent)
        _check_first_line(path)
        _read(found, open_source(InputSpec(str(path))), now() + READ_S, now)
    except InputError as error:
        found.problem = str(error)
    except (OSError, ValueError) as error:
        found.problem = f"{path}: cannot be read ({error})"
    return found


def _check_first_line(path: Path) -> None:
    """Raise InputError where the file is not made of lines that fit into memory."""
    (found,) = files_of(InputSpec(str(path)))
    if found.kind == "parquet":
        return
    with opened(found) as content:
        if len(content.file.readline(_LONGEST_LINE + 1)) > _LONGEST_LINE:
            raise InputError(f"{path}, line 1: is longer than {_LONGEST_LINE >> 20} MB")


def _jobs_in(folder: Path) -> frozenset[str]:
    with os.scandir(folder) as entries:
        names = [each.name for each in islice(entries, _MOST_ENTRIES)]
    return frozenset(name.removesuffix(end) for name in names for end in JOB_ENDS if name.endswith(end))


def _read(found: Peek, rows: Iterator[Record], deadline: float, now: Callable[[], float]) -> None:
    left = _SAMPLE_BYTES
    for row in rows:
        found.rows += 1
        if found.sampled < SAMPLE_ROWS and left > 0:
            left -= len(row.payload)
            _sample(found, row.fields, is_big=len(row.payload) > _BIG_ROW)
        elif now() > deadline:
            return
    found.whole = True


def _sample(found: Peek, values: Mapping[str, object], *, is_big: bool) -> None:
    found.sampled += 1
    if len(found.sample) < KEPT_ROWS:  # of a big row, as much as is looked at
        found.sample.append({name: shown(value, _MOST_LETTERS) for name, value in values.items()} if is_big else values)
    for name, value in values.items():
        if name not in found.fields and len(found.fields) == _MOST_FIELDS:
            break
        known = found.fields.setdefault(name, Field(name))
        if value is not None and value != "":
            known.present += 1
            known.example = known.example or shown(value)


def shown(value: object, limit: int = _EXAMPLE) -> str:
    """Return a value on one line: a text as it is, anything else as JSON."""
    return clean(value if isinstance(value, str) else msgspec.json.encode(value).decode(), limit)


def matches(typed: str) -> Matches:
    """Return the folders, and the files that can be read, whose paths begin as typed."""
    head, slash, start = typed.rpartition("/")
    folder = absolute(head + slash)
    try:
        with os.scandir(folder) as entries:
            seen = list(islice(entries, _MOST_ENTRIES + 1))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Matches(problem=f"{folder}: {reason}")
    names = sorted(_as_typed(each) for each in seen[:_MOST_ENTRIES] if _fits(each, start))
    files_first = sorted(names, key=lambda name: name.endswith("/"))
    return Matches(tuple(f"{head}{slash}{name}" for name in files_first), len(seen) > _MOST_ENTRIES)


def _fits(entry: os.DirEntry[str], start: str) -> bool:
    name = entry.name
    if not name.startswith(start) or (name.startswith(".") and not start.startswith(".")) or not name.isprintable():
        return False
    return name.lower().endswith(ENDINGS) or _is_folder(entry)


def _as_typed(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}/" if _is_folder(entry) else entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
