"""The tables [[task.route]] of a job file: which items go to another model, and which of its answers are no good."""

import re
from typing import Final, cast, get_args

from ..expression import Expression, ExpressionError
from ..settings import did_you_mean
from ..tasks.json_path import compile_path
from ..taskspec import ChatSpec, Check, Flaw, Rule, places
from ..toml_file import Table, TomlFile

_EXAMPLE: Final = '{ field = "confidence", below = 0.7 }'


_FLAWS: Final = get_args(Flaw)


def checks_of(file: TomlFile, table: Table, *, of: str) -> Table:
    """Return the checks of a rule's answers, each a word or a table; raises the file's error for any that is not."""
    found = table.get("escalate_when", [])
    if not isinstance(found, list):
        return {}
    checks = enumerate(cast("list[object]", found))
    return {"escalate_when": [_check(file, each, of=f"{of}escalate_when[{number}]") for number, each in checks]}


def _check(file: TomlFile, found: object, *, of: str) -> Flaw | Check:
    if isinstance(found, dict):
        return file.build(cast("Table", found), Check, of=f"{of}.")
    if found not in _FLAWS:
        told = f"; it can also be a table, as in {_EXAMPLE}"
        file.fail(of, f"{found!r} is nothing to escalate for{did_you_mean(str(found), _FLAWS)}{told}")
    return cast("Flaw", found)


def check_rule(file: TomlFile, rule: Rule, *, of: str) -> None:
    """Raise the file's error for a rule that can't be kept; `of` is the dotted name before its keys, with its dot."""
    if rule.values and rule.field is None:
        file.fail(f"{of}values", f"needs {of}field, the name of the field that is one of them")
    if rule.field is not None and not rule.values and rule.shorter_than is None:
        file.fail(f"{of}field", f"needs {of}values or {of}shorter_than, which say what it has to be")
    try:
        if rule.when:
            Expression(rule.when)
    except ExpressionError as error:
        file.fail(f"{of}when", f"{rule.when!r} is no expression: {error}")
    for number, check in enumerate(rule.escalate_when):
        if isinstance(check, Check):
            _check_check(file, check, of=f"{of}escalate_when[{number}]")


def check_rules(file: TomlFile, task: ChatSpec) -> None:
    """Raise the file's error for a rule that has answers checked which nobody could do better."""
    for place in places(task):
        is_own = (place.task.model, place.task.base_url) == (task.model, task.base_url)
        if place.rule and is_own and task.route[place.rule - 1].escalate_when:
            file.fail(f"{place.table}.escalate_when", f"has no other model to go to: {task.model} is the task's own")


def _check_check(file: TomlFile, check: Check, *, of: str) -> None:
    if (check.below is None) is (check.matches is None):
        file.fail(of, f"needs `below` or `matches`, one of them, as in {_EXAMPLE}")
    if check.below is not None and check.field is None:
        file.fail(f"{of}.below", "needs a `field`: where the number stands in an answer that is JSON")
    try:
        compile_path(check.field or "", of)
    except ValueError as error:
        file.fail(f"{of}.field", str(error))
    try:
        re.compile(check.matches or "")
    except re.error as error:
        file.fail(f"{of}.matches", f"{check.matches!r} is no regular expression: {error}")
