"""Types of task that other packages add: found by their entry points, loaded when a job wants one."""

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import msgspec

from .errors import BatchtopError, TaskError
from .taskspec import PluginSpec
from .text import safe

if TYPE_CHECKING:
    from .plugin import TaskPlugin

    Plugin: TypeAlias = TaskPlugin[Any]

GROUP: Final = "batchtop.tasks"
"""The group of entry points: the name of a type of task, and the class that is it."""


def plugin_names() -> tuple[str, ...]:
    """Return the types that installed packages add, in alphabetical order."""
    return tuple(sorted(entry_points(group=GROUP).names))


def plugin_class(kind: str) -> "type[Plugin]":
    """Return the class of a type of task; raises TaskError where no package has it, or its package is broken."""
    entry = _entry(kind)
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:
        raise TaskError(f"task.type: {_whose(entry)} can't be used: {told(error)}") from error
    from .plugin import TaskPlugin  # noqa: PLC0415 (a plug-in's own import is what needs the rest of the engine)

    if not (isinstance(found, type) and issubclass(found, TaskPlugin)):
        raise TaskError(f"task.type: {_whose(entry)} can't be used: {entry.value} is no class of TaskPlugin")
    return cast("type[Plugin]", found)


def open_plugin(spec: PluginSpec) -> "Plugin":
    """Return what a task's package makes of its options; raises TaskError."""
    found = plugin_class(spec.kind)
    try:
        return found(msgspec.convert(spec.options, found.takes), Path(spec.path))
    except BatchtopError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"task: a task of type {spec.kind!r} can't be made of these options: {told(error)}") from error


def texts_of(spec: PluginSpec) -> tuple[str, ...]:
    """Return the templates whose fields a task's answers depend on, as its package says; raises TaskError."""
    plugin = open_plugin(spec)
    try:
        return msgspec.convert(plugin.texts(), tuple[str, ...])
    except (Exception, SystemExit) as error:
        raise TaskError(f"task.type: the texts() of {spec.kind!r} can't be used: {told(error)}") from error


def told(error: BaseException) -> str:
    """Return what went wrong in somebody else's code."""
    return safe(f"{type(error).__name__}: {error}".removesuffix(": "))


def _entry(kind: str) -> EntryPoint:
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=kind)}
    if not found:
        raise TaskError(
            f"task.type: no package here adds tasks of type {kind!r}; install the one that does where the engine runs"
        )
    if len(found) > 1:
        both = " and ".join(map(_package, found.values()))
        raise TaskError(f"task.type: {kind!r} is added by {both}; uninstall all but one")
    return next(iter(found.values()))


def _whose(entry: EntryPoint) -> str:
    return f"{entry.name!r} of {_package(entry)}"


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else entry.value
