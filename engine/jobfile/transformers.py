"""A task that is a model on this machine: which one, and what it is given."""

from pathlib import Path

import msgspec

from ..tasks.template import compile_template
from ..taskspec import TransformersSpec
from ..toml_file import Table, TomlFile


def read_transformers_task(file: TomlFile, table: Table, folder: Path) -> TransformersSpec:
    """Return the task that a job file describes, without a look for the model; raises the file's error."""
    task = file.build(table, TransformersSpec, of="task.")
    try:
        compile_template(task.text)
    except ValueError as error:
        file.fail("task.text", str(error))
    if task.pipeline and "vectors" in table:
        file.fail("task.vectors", "says how vectors are stored, which a pipeline's results are not: leave it out")
    return msgspec.structs.replace(task, path=str(folder / task.path))
