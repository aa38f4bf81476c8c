"""A task of a type that another package adds: its options, checked as that package says."""

from pathlib import Path

import msgspec

from ..errors import TaskError
from ..plugins import plugin_class, texts_of
from ..shape import texts_in
from ..tasks.template import compile_template
from ..taskspec import PluginSpec
from ..text import holds_key
from ..toml_file import Table, TomlFile
from .provider import key_names

_OURS = ("type", "api_key_env")


def read_plugin_task(file: TomlFile, table: Table, kind: str, folder: Path) -> PluginSpec:
    """Return the task that a job file describes; raises the file's error."""
    own = {"kind": kind, "path": str(folder), "api_key_env": key_names(file, table, of="task.")}
    for place, text in texts_in(table, "task"):
        if holds_key(text):
            file.fail(place, "would hold a key, which a job file must not; name its variable in task.api_key_env")
    try:
        takes = plugin_class(kind).takes
        options = file.build({key: value for key, value in table.items() if key not in _OURS}, takes, of="task.")
        spec = msgspec.structs.replace(
            file.build(own, PluginSpec, of="task."), options=msgspec.to_builtins(options, builtin_types=())
        )
        spec = msgspec.structs.replace(spec, texts=texts_of(spec))
    except TaskError as error:
        file.fail("", str(error))
    for text in spec.texts:
        try:
            compile_template(text)
        except ValueError as error:
            file.fail("task", f"{text!r} is no template: {error}")
    return spec
