"""A task that is a program: its words, what it is given, and where it is started."""

from pathlib import Path
from typing import Final

import msgspec

from ..tasks.template import compile_template
from ..taskspec import CommandSpec
from ..text import holds_key
from ..toml_file import Table, TomlFile

_WHERE_KEYS_GO: Final = "words are stored and shown: have the program read it from a variable of the environment"


def read_command_task(file: TomlFile, table: Table, folder: Path) -> CommandSpec:
    """Return the task that a job file describes, without a look for the program; raises the file's error."""
    if isinstance(table.get("command"), str):
        file.fail("task.command", 'must be a list of words, as in ["wc", "-w"]: no shell takes a line apart')
    task = file.build(table, CommandSpec, of="task.")
    for number, word in enumerate(task.command):
        if holds_key(word):
            file.fail(f"task.command[{number}]", f"would hold a key, which a job file must not; {_WHERE_KEYS_GO}")
    if not task.command[0]:
        file.fail("task.command", "begins with an empty word, and the program is wanted")
    _check_given(file, task)
    return msgspec.structs.replace(task, path=str(folder / task.path))


def _check_given(file: TomlFile, task: CommandSpec) -> None:
    if task.takes == "item":
        for number, word in enumerate(task.command):
            _check_template(file, f"task.command[{number}]", word)
        if compile_template(task.command[0]).fields:
            file.fail("task.command[0]", "is the program, which can't be another for each item")
    elif task.stdin:
        file.fail("task.stdin", f'is for takes = "item"; a {task.takes} is given a line of JSON for each item')
    if task.stdin and task.fields:
        file.fail("task.fields", "is what it is given as JSON, and task.stdin gives it a text: leave one out")
    _check_template(file, "task.stdin", task.stdin or "")


def _check_template(file: TomlFile, key: str, text: str) -> None:
    try:
        compile_template(text)
    except ValueError as error:
        file.fail(key, str(error))
