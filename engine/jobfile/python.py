"""A task that is a function of the user's own: where it is, and where it runs."""

import re
from pathlib import Path
from typing import Final, get_args

import msgspec

from ..settings import did_you_mean
from ..taskspec import Mode, PythonSpec
from ..toml_file import Table, TomlFile

_CALL: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def read_python_task(file: TomlFile, table: Table, folder: Path) -> PythonSpec:
    """Return the task that a job file describes, without a look at the function; raises the file's error."""
    mode = file.text("mode", table, of="task.")
    if mode not in {None, *get_args(Mode)}:
        file.fail("task.mode", f"{mode!r} is not understood{did_you_mean(str(mode), get_args(Mode))}")
    task = file.build(table, PythonSpec, of="task.")
    _check(file, task)
    return msgspec.structs.replace(task, path=str(folder / task.path))


def _check(file: TomlFile, task: PythonSpec) -> None:
    if not _CALL.fullmatch(task.call):
        file.fail("task.call", f'{task.call!r} is not as in "words:count": a module, a colon, a function in it')
    if task.workers is not None and task.mode != "process":
        file.fail("task.workers", 'is for mode = "process"; elsewhere settings.concurrency says how many run at once')
    for number, field in enumerate(task.fields):
        if "{" in field or "}" in field:
            file.fail(f"task.fields[{number}]", "has a brace in it; leave task.fields out, which gives all fields")
