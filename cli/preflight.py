"""What can be known to be wrong before anything starts: said in one line, while the person still looks."""

import os
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..engine.errors import AuthError, InputError, OutputError
from ..engine.item import Item
from ..engine.job import JobSpec, TaskSpec, tiers
from ..engine.source import open_source
from ..engine.tasks import build_task


def preflight(spec: JobSpec) -> Item:
    """Return the first item of a job whose input can be read, whose template fits it, and whose key is set.

    Raises InputError, OutputError or AuthError.
    """
    key = usable_key(spec)
    check_output(spec)
    item = first_item(spec)
    plan = build_task(spec.task, key and key.value).plan([item])
    for _, answer in plan.unfit:
        raise InputError(f"{spec.input.path}, the first item: {answer.message}")
    return item


def check_output(spec: JobSpec) -> None:
    """Raise OutputError where a file of results can't be; whose it is, if there is one, the engine knows."""
    for path in (Path(name) for name in (spec.output.path, spec.output.failures) if name and name != "-"):
        try:
            _check_file(path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, and a file is wanted")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it, or choose another")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written (permission denied)")


class Key(NamedTuple):
    """A key, and the variable that holds it."""

    name: str
    value: str


def usable_key(spec: JobSpec) -> Key | None:
    """Return the task's first key that is set, None where none is needed.

    Raises AuthError where one is missing, the task's own or a fallback's.
    """
    own, *_ = [
        _first_key(task, f"task.fallback[{number - 1}]" if number else "task")
        for number, task in enumerate(tiers(spec.task))
    ]
    return own


def _first_key(task: TaskSpec, table: str) -> Key | None:
    names = task.api_key_env
    keys = [Key(name, value) for name in names if (value := os.environ.get(name, "").strip())]
    if names and not keys:
        raise AuthError(
            f"no API key: {' or '.join(names)} is not set; export it, or name another variable in {table}.api_key_env"
        )
    return keys[0] if keys else None


def first_item(spec: JobSpec) -> Item:
    """Return the first row of the input as an item."""
    import msgspec

    row = next(islice(open_source(spec.input), 1))
    return Item(0, row.key, msgspec.json.decode(row.payload, type=dict[str, object]))
