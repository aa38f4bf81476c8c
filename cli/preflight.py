"""What can be known to be wrong before anything starts: said in one line, while the person still looks."""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..engine.errors import AuthError, InputError, OutputError
from ..engine.item import Item
from ..engine.job import JobSpec
from ..engine.preparespec import dropped_paths
from ..engine.rows import records_of
from ..engine.tasks import build_task
from ..engine.taskspec import TaskSpec, places


def preflight(spec: JobSpec) -> Item | None:
    """Return the first item of a job whose input can be read, whose template fits it, and whose key is set.

    Returns None where items come as the job runs. Raises InputError, OutputError or AuthError.
    """
    key = usable_key(spec)
    check_output(spec)
    if spec.input.live:
        return None
    item = first_item(spec)
    plan = build_task(spec.task, key and key.value).plan([item])
    for _, answer in plan.unfit:
        raise InputError(f"{spec.input.path}, the first item: {answer.message}")
    return item


def check_output(spec: JobSpec) -> None:
    """Raise OutputError where a file of results can't be; whose it is, if there is one, the engine knows."""
    names = (spec.output.path, spec.output.failures, spec.input.rejects, *dropped_paths(spec.prepare).values())
    for path in (Path(name) for name in names if name and name != "-"):
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

    Raises AuthError where one is missing, the task's own or that of a fallback or a rule.
    """
    own, *_ = [_first_key(place.task, place.table) for place in places(spec.task)]
    return own


def key_names(task: TaskSpec) -> Sequence[str]:
    """Return the variables of the keys that a run would have, all that are named where none is set here."""
    return [key.name for key in _keys(task)] or task.api_key_env


def _keys(task: TaskSpec) -> list[Key]:
    """Return the keys that are set here, each once, by the first variable that holds it."""
    found = {name: os.environ.get(name, "").strip() for name in task.api_key_env}
    first = {value: name for name, value in reversed(found.items())}
    return [Key(name, value) for name, value in found.items() if value and first[value] == name]


def _first_key(task: TaskSpec, table: str) -> Key | None:
    names, keys = task.api_key_env, _keys(task)
    if names and not keys:
        raise AuthError(
            f"no API key: {' or '.join(names)} is not set; export it, or name another variable in {table}.api_key_env"
        )
    return keys[0] if keys else None


def first_item(spec: JobSpec) -> Item:
    """Return the first row of the input as an item, prepared; not the one of the highest priority."""
    first = next(islice(records_of(spec, quick=True), 1))
    return Item(0, first.key, first.fields)
