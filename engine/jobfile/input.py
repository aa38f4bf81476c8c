"""The table [input] of a job file, as far as it is about files."""

from pathlib import Path

import msgspec

from ..job import InputSpec
from ..source.files import kind_of
from ..source.globs import takes_in
from ..toml_file import TomlFile


def in_folder(file: TomlFile, found: InputSpec, folder: Path, name: str) -> InputSpec:
    """Return the input of a job, with its paths relative to a folder; raises the file's error."""
    if found.live:
        path = found.path
    else:
        _check_query(file, found)
        path = str(folder / found.path)
    return msgspec.structs.replace(found, path=path, rejects=_rejects(file, found, folder, name))


def _check_query(file: TomlFile, found: InputSpec) -> None:
    kind = found.format or ("sqlite" if found.query else kind_of(found.path))
    if found.query and kind != "sqlite":
        file.fail("input.query", f"asks an SQLite file, and input.format is {kind}")
    if kind == "sqlite" and not found.query:
        file.fail("input.query", "is missing: a SELECT says which rows of an SQLite file are the items")


def _rejects(file: TomlFile, found: InputSpec, folder: Path, name: str) -> str | None:
    if found.bad_rows == "reject":
        return str(folder / (found.rejects or f"{name}.rejects.jsonl"))
    if found.rejects:
        file.fail("input.rejects", 'is for rows that are set aside: set input.bad_rows = "reject" too')
    return None


def check_apart(file: TomlFile, source: InputSpec, key: str, name: str) -> None:
    """Raise for a file to be written that the next run would read as one of a folder's or a glob's."""
    if not source.live and takes_in(source.path, name):
        file.fail(key, f"would be among the files that input.path takes in: {source.path}; write it elsewhere")
