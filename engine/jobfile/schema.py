"""The JSON schema of a task: a table of the job file, or a file beside it."""

from pathlib import Path
from typing import cast

import msgspec

from ..tasks.schema import Schema
from ..toml_file import Table, TomlFile


def read_schema(file: TomlFile, table: Table, folder: Path) -> dict[str, object] | None:
    """Return the schema that answers are to keep, None where there is none; raises the file's error."""
    given = table.get("schema")
    if given is None:
        if "strict" in table:
            file.fail("task.strict", "is about task.schema, which is missing")
        return None
    schema, place = _of_file(file, folder / given) if isinstance(given, str) else (given, "")
    if not isinstance(schema, dict):
        file.fail("task.schema", f"{place}expected a JSON schema: a table, or the path of a JSON file that holds one")
    found = cast("dict[str, object]", schema)
    if _of_json(found) != found:
        file.fail("task.schema", "holds a value that JSON has no word for (a date, nan or inf)")
    try:
        Schema(found)
    except ValueError as error:
        file.fail("task.schema", f"{place}is no JSON schema: {error}")
    return found


def _of_file(file: TomlFile, path: Path) -> tuple[object, str]:
    """Return what a file holds, and its name for messages."""
    try:
        return msgspec.json.decode(path.read_bytes()), f"{path}: "
    except OSError as error:
        file.fail("task.schema", f"{path}: can't be read: {error.strerror or error}")
    except (ValueError, RecursionError) as error:
        file.fail("task.schema", f"{path}: is not JSON: {error}")


def _of_json(value: object) -> object:
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (ValueError, TypeError):
        return None
