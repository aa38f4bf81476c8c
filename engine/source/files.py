"""Which files an input is, and what is in each."""

import os
import stat
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import InputError
from ..job import InputSpec
from .globs import find, is_many, split

_KINDS: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "lines",
    ".parquet": "parquet",
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
}
"""What is in a file, by the ending of its name."""

_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
"""What the names of compressed files end in."""

_ROWS: Final = {"jsonl", "csv", "tsv", "parquet"}
"""Kinds that are rows in a folder too; whatever else is there is a text."""

_WHOLE: Final = {"parquet", "sqlite"}
"""Kinds that are read here and there, and so not out of a compressed file."""

ENDINGS: Final = tuple(
    ending + packed
    for (ending, kind), packed in product(_KINDS.items(), ("", *_PACKED))
    if kind != "sqlite" and not (packed and kind in _WHOLE)
)
"""What the names of files end in that need nothing but their name to be read."""


class InputFile(NamedTuple):
    """A file to be read, as it stood when it was looked for."""

    path: Path
    name: str
    """Its path within the folder that is read, or its name."""
    kind: str
    size: int
    """Bytes."""
    mtime_ns: int

    @property
    def told(self) -> str:
        """Its path in messages, where a name need not be text."""
        return in_words(self.path)


def in_words(path: Path | str) -> str:
    """Return a path, or a part of it, fit to be told and stored: what is no text in it is replaced."""
    return str(path).encode(errors="replace").decode()


def files_of(spec: InputSpec) -> list[InputFile]:
    """Return the files of an input in the order of their names; raises InputError where there is none to be read."""
    path = Path(spec.path)
    if is_many(spec.path):
        return _listed(spec)
    kind = spec.format or ("sqlite" if spec.query else kind_of(spec.path))
    if kind is None:
        raise InputError(
            f"{path}: its name must end in one of {', '.join(_KINDS)}, maybe with {', '.join(_PACKED)} behind it;"
            " or input.format says what it is"
        )
    return [_file(path, path.name, kind)]


def _listed(spec: InputSpec) -> list[InputFile]:
    base, parts = split(spec.path)
    try:
        names = find(base, parts)
    except OSError as error:
        raise InputError(f"{in_words(error.filename)}: {error.strerror or error}") from None
    kinds = dict.fromkeys(names, spec.format) if spec.format else _kinds(spec.path, names)
    if not kinds:
        raise InputError(f"{spec.path}: {'no file is called so' if parts else 'has no files'}")
    if spec.query or spec.format == "sqlite":
        raise InputError(f"{spec.path}: input.query asks one SQLite file, and this names {len(names):,}")
    return [_file(base / name, name, kind) for name, kind in kinds.items()]


def _kinds(named: str, names: list[str]) -> dict[str, str]:
    """Return the files to be read, each with what is in it: rows, or else one text each."""
    kinds = {name: kind_of(name) for name in names}
    rows = {name: kind for name, kind in kinds.items() if kind in _ROWS}
    texts = [name for name in names if name not in rows]
    beside = next(
        (name for name in texts if name.rpartition("/")[2][:1] != "_"), None
    )  # writers of Parquet leave marks
    if rows and beside:
        told = f"{in_words(next(iter(rows)))} has rows and {in_words(beside)} has none"
        raise InputError(f"{named}: {told}: name those you want with a glob, or say in input.format what all are")
    return rows or dict.fromkeys(texts, "text")


def kind_of(name: str) -> str | None:
    """Return what a file has in it by its name, None for a name that tells nothing."""
    stem, ending = os.path.splitext(name.lower())  # noqa: PTH122 - a tenth of the time, and there may be many
    return _KINDS.get(os.path.splitext(stem)[1] if ending in _PACKED else ending)  # noqa: PTH122


def _file(path: Path, name: str, kind: str) -> InputFile:
    if kind in _WHOLE and path.suffix.lower() in _PACKED:
        raise InputError(f"{in_words(path)}: unpack it first: {kind} can't be read out of a compressed file")
    try:
        facts = path.stat()
        log = _log_of(path) if kind == "sqlite" else None
    except OSError as error:
        raise InputError(f"{in_words(path)}: {error.strerror or error}") from None
    if not stat.S_ISREG(facts.st_mode):  # what is read of a pipe is gone, and an input is read more than once
        raise InputError(f'{in_words(path)}: is no file; rows that come through a pipe are read with path = "-"')
    size, mtime_ns = facts.st_size, facts.st_mtime_ns
    if log and log.st_size:  # where changes of a database stay for a while
        size, mtime_ns = size + log.st_size, max(mtime_ns, log.st_mtime_ns)
    return InputFile(path, name, kind, size, mtime_ns)


def _log_of(path: Path) -> os.stat_result | None:
    try:
        return Path(f"{path}-wal").stat()
    except FileNotFoundError:
        return None
