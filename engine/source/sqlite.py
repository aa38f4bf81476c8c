"""SQLite: the rows of a query, as they come, out of a file that is only read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from ..errors import InputError
from ..text import clean
from .faults import NOT_TEXT, Faults
from .row import RawRow

_LOOK_STEPS: Final = 1_000_000
"""Of SQLite's: some 10 ms."""

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


def read_sqlite(path: Path, query: str | None, faults: Faults) -> Iterator[RawRow]:
    """Yield the number of each row of a query, its fields, and these as JSON; a BLOB becomes base64."""
    if query is None:
        raise InputError(f"{path}: is read by input.query, which is missing: a SELECT")
    try:
        # Python would have each thread close what it opened; a row may be asked for from any, one after the other.
        with closing(sqlite3.connect(_address(path), uri=True, check_same_thread=False)) as db:
            db.text_factory = _text
            db.set_progress_handler(lambda: 0, _LOOK_STEPS)  # Python sees Ctrl-C only while it does something itself
            cursor = db.execute(query)
            names = _names(path, cursor)
            for row, values in enumerate(cursor, 1):
                try:
                    payload = _encode(dict(zip(names, values, strict=True)))
                except UnicodeEncodeError:
                    faults.bad(row, NOT_TEXT, repr(values).encode(errors="replace"))
                else:
                    yield row, _decode(payload), payload
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:  # by nobody but a person
            raise KeyboardInterrupt from None
        raise InputError(f"{path}: input.query: {clean(str(error), 300)}") from None


def _address(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _names(path: Path, cursor: sqlite3.Cursor) -> list[str]:
    names = [str(column[0]) for column in cursor.description or ()]
    if not names:
        raise InputError(f"{path}: input.query yields no rows: a SELECT is wanted")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: input.query yields two columns {name!r}: call one of them otherwise, with AS")
    return names
