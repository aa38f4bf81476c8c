"""`batchtop doctor`: everything that can be wrong with a job, looked at before anything is spent on it."""

import time
from argparse import Namespace
from typing import Final

from msgspec.structs import replace

from ..engine.item import Item
from ..engine.job import JobSpec
from ..engine.prepare import Tally
from ..engine.preparespec import counts_in_words
from ..engine.rows import records_of
from ..engine.rules import Rules
from ..engine.source import Rejects
from ..engine.taskspec import OpenAIBatchSpec, ProviderSpec, places, tiers
from ..engine.text import clean
from ..tui.words.format import count, plural
from .preflight import Key, preflight, usable_key
from .run import job_of

READ_S: Final = 10.0
"""A long input is read for so long, and then trusted."""


def doctor(options: Namespace) -> int:
    """Check the file, the input, the key, the model, and one real answer; the first that is wrong is raised."""
    spec = job_of(options)
    _good("job file", str(options.job_file))
    item = preflight(spec)
    if item is None:
        _told_of("input", f"{spec.input.name}: items come while the job runs, so none is asked now", mark="!")
        return 0
    _good("input", _input(spec))
    key = usable_key(spec)
    if isinstance(spec.task, OpenAIBatchSpec):
        _told_of("batch", "one item is asked now by itself, at the full price", mark="!")
        spec = replace(spec, task=spec.task.asked)
    if isinstance(spec.task, ProviderSpec) or key:
        _good("key", _told(spec, key))
    (_ask_provider if isinstance(spec.task, ProviderSpec) else _ask)(spec, key, item)
    return 0


def _ask_provider(spec: JobSpec, key: Key | None, item: Item) -> None:
    from .probe_provider import ProviderProbe

    for task in tiers(spec.task)[1:]:
        _good("fallback", f"{task.model} at {task.base_url} is not asked before it is needed")
    for place in places(spec.task):
        if place.rule:
            used = usable_key(replace(spec, task=place.task))
            listed, told = ProviderProbe(replace(spec, task=place.task), used and used.value).model()
            _told_of("route", f"{place.table}: {told}", mark="✓" if listed else "!")
    if spec.task.route:
        _good("routes", _routes(spec, item))
    probe = ProviderProbe(spec, key and key.value)
    listed, told = probe.model()
    _told_of("model", told, mark="✓" if listed else "!")
    for line in probe.answer(item):
        _good("answer", line)
    if limits := probe.limits():
        _good("limits", limits)


def _routes(spec: JobSpec, item: Item) -> str:
    """Return which rule has the first item; the task's own model answers it here, whoever has it in a run."""
    unfit: list[str] = []
    rules = Rules(spec.task, unfit.append)
    number = rules.first(item)
    whose = f"task.route[{number - 1}]" if number else "no rule, and so the task's own model,"
    return "; ".join((f"{plural(len(rules), 'rule')}; {whose} has the first item", *unfit))


def _ask(spec: JobSpec, key: Key | None, item: Item) -> None:
    """Have the item answered by whatever else the task goes to: a function, a program, any HTTP API."""
    from .probe import Probe

    probe = Probe(spec, key and key.value)
    _good("task", f"{spec.task.model} at {spec.task.base_url}" if spec.task.base_url else spec.task.model)
    for line in probe.answer(item):
        _good("answer", line)


def _good(what: str, told: str) -> None:
    _told_of(what, told, mark="✓")


def _told_of(what: str, told: str, *, mark: str) -> None:
    print(f"{mark} {what:<9} {clean(told, 300)}")


def _told(spec: JobSpec, key: Key | None) -> str:
    """Return which key is used; a job uses all it has, and one question is asked with one of them."""
    if key is None:
        return "none is named, none is sent"
    others = " and ".join(name for name in spec.task.api_key_env if name != key.name)
    return f"{key.name} is set" + (f" and is the one checked, not {others}" if others else "")


def _input(spec: JobSpec) -> str:
    """Read the input through, or as much of it as can be read in a while."""
    deadline = time.monotonic() + READ_S
    rows, rejects = 0, Rejects(None)
    tally = Tally()
    for rows, _ in enumerate(records_of(spec, rejected=rejects.add, tally=tally, quick=True), 1):
        if rows % 10_000 == 0 and time.monotonic() > deadline:
            return f"{spec.input.path}: the first {count(rows)} rows are fine{_set_aside(rejects.count)}"
    told = counts_in_words(spec.prepare, tally.rows, quick=True)
    return f"{spec.input.path}: {told}{_set_aside(rejects.count)}"


def _set_aside(rows: int) -> str:
    return f", {count(rows)} can't be read and would be set aside" if rows else ""
