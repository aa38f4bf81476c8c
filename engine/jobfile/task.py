"""The table [task] of a job file: what is done with each item."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..plugins import plugin_names
from ..settings import did_you_mean
from ..taskspec import (
    ChatSpec,
    CommandSpec,
    EmbeddingsSpec,
    HttpSpec,
    OpenAIBatchSpec,
    PythonSpec,
    TaskSpec,
    TransformersSpec,
)
from ..toml_file import Table, TomlFile
from .command import read_command_task
from .http import read_http_task
from .openai_batch import read_openai_batch_task
from .plugin import read_plugin_task
from .provider import read_provider_task
from .python import read_python_task
from .transformers import read_transformers_task

_KINDS: Final[dict[str, type[TaskSpec]]] = {
    "chat": ChatSpec,
    "embeddings": EmbeddingsSpec,
    "openai_batch": OpenAIBatchSpec,
    "python": PythonSpec,
    "command": CommandSpec,
    "transformers": TransformersSpec,
    "http": HttpSpec,
}

_READERS: Final[dict[str, Callable[[TomlFile, Table, Path], TaskSpec]]] = {
    "openai_batch": read_openai_batch_task,
    "python": read_python_task,
    "command": read_command_task,
    "transformers": read_transformers_task,
}


def read_task(file: TomlFile, folder: Path) -> TaskSpec:
    """Return the task that a job file describes; raises the file's error. Paths in it are relative to `folder`."""
    table = file.table("task")
    name = _type(file, table)
    if name not in _KINDS:
        return read_plugin_task(file, table, name, folder)
    kind = _KINDS[name]
    _check_kind(file, table, kind)
    if kind is ChatSpec or kind is EmbeddingsSpec:
        return read_provider_task(file, table, kind, folder)
    if kind is HttpSpec:
        return read_http_task(file, table)
    return _READERS[name](file, table, folder)


def _type(file: TomlFile, table: Table) -> str:
    wanted = file.text("type", table, of="task.")
    if wanted in _KINDS:
        return wanted
    known = (*_KINDS, *plugin_names())
    if wanted is None:
        file.fail("task.type", f"is missing; it can be: {', '.join(known)}")
    if wanted not in known:
        near = did_you_mean(wanted, (*known, "one that a package adds"))
        file.fail("task.type", f"{wanted!r} is no type of task{near}")
    return wanted


def _check_kind(file: TomlFile, table: Table, kind: type[TaskSpec]) -> None:
    """Raise for a key that another type of task has."""
    for name, other in _KINDS.items():
        for key in set(other.__struct_fields__) - set(kind.__struct_fields__):
            if key in table:
                file.fail(f"task.{key}", f"is for tasks of type {name!r}; this one is {table['type']!r}")
