"""The tables [[prepare]] of a job file: what is done with the rows before they become items, step by step."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import msgspec

from ..job import InputSpec
from ..preparespec import ChunkSpec, DuplicatesSpec, FilterSpec, PrioritySpec, SampleSpec, StepSpec
from ..settings import did_you_mean
from ..toml_file import Table, TomlFile

_KINDS: Final[dict[str, type[StepSpec]]] = {
    "chunk": ChunkSpec,
    "filter": FilterSpec,
    "duplicates": DuplicatesSpec,
    "sample": SampleSpec,
    "priority": PrioritySpec,
}


def read_steps(file: TomlFile, folder: Path) -> tuple[StepSpec, ...]:
    """Return the steps of a job file; raises the file's error. Paths in it are relative to `folder`."""
    return tuple(_step(file, table, folder, of=of) for table, of in _tables(file))


def check_steps(file: TomlFile, steps: Iterable[StepSpec], source: InputSpec) -> None:
    """Raise for a step that rows can't go through as they come, where they come while the job runs."""
    if not source.live:
        return
    for number, step in enumerate(steps):
        key = f"prepare[{number}].step"
        if step.reads_all:
            file.fail(key, f"needs all rows before the first can go; {source.name} has no last one")
        if isinstance(step, ChunkSpec) and source.job is None and source.id is None:
            file.fail(key, "chunks are told apart by the ids of their rows: name a field in input.id")


def _tables(file: TomlFile) -> Iterator[tuple[Table, str]]:
    """Yield each table of a step, and the dotted name before its keys."""
    found = file.root.get("prepare", [])
    for number, each in enumerate(cast("list[object]", found) if isinstance(found, list) else [found]):
        if not isinstance(each, dict) or not isinstance(found, list):
            file.fail("prepare", "expected a list of steps, each under its own [[prepare]]")
        yield cast("Table", each), f"prepare[{number}]."


def _step(file: TomlFile, table: Table, folder: Path, *, of: str) -> StepSpec:
    from ..prepare import StepError, build_step  # noqa: PLC0415 (only jobs that prepare anything pay for it)

    kind = _KINDS[_kind(file, table, of)]
    _check_keys(file, table, kind, of)
    spec = file.build(table, kind, of=of)
    try:
        build_step(spec)
    except StepError as error:
        file.fail(f"{of}{error.key}", error.problem)
    if isinstance(spec, FilterSpec | DuplicatesSpec) and spec.dropped:
        return msgspec.structs.replace(spec, dropped=str(folder / spec.dropped))
    return spec


def _kind(file: TomlFile, table: Table, of: str) -> str:
    wanted = file.text("step", table, of=of)
    if wanted is None:
        file.fail(f"{of}step", f"is missing; it can be: {', '.join(_KINDS)}")
    if wanted not in _KINDS:
        file.fail(f"{of}step", f"{wanted!r} is no step{did_you_mean(wanted, _KINDS)}")
    return wanted


def _check_keys(file: TomlFile, table: Table, kind: type[StepSpec], of: str) -> None:
    """Raise for a key that another step has."""
    for name, other in _KINDS.items():
        for key in set(other.__struct_fields__) - set(kind.__struct_fields__):
            if key in table:
                file.fail(f"{of}{key}", f"is for steps of {name!r}; this one is {table['step']!r}")
