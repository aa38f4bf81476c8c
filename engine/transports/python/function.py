"""Finds the function that a task names, and says in one line why it can't be had."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from importlib.machinery import PathFinder
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Final

from ...errors import TaskError
from ...taskspec import Mode, PythonSpec
from .call import Function, is_async
from .prints import prints_aside
from .told import told

_importing: Final = Lock()
_imported: Final[set[str]] = set()
"""Modules that were imported for a task, from its folder: another run reads their files again."""


def find_function(spec: PythonSpec) -> Function:
    """Return the function that a task names; raises TaskError. The task's folder is looked through first."""
    module_name, _, name = spec.call.partition(":")
    with _importing, _looking_in(spec.path), prints_aside():
        try:
            found: Any = import_module(module_name)
        except (Exception, SystemExit) as error:  # a module may do anything
            raise _unusable(spec, told(error, spec.path)) from error
    _check_origin(spec, module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise _unusable(spec, f"there is no {part!r} in {_shown(found)}")
        found = getattr(found, part)
    if not callable(found):
        raise _unusable(spec, f"it is no function, but a value of type {type(found).__name__}")
    return found


def mode_of(spec: PythonSpec, function: Function) -> Mode:
    """Return where a function runs; raises TaskError for one that can't run where its task wants it."""
    waits = is_async(function)
    if spec.mode and waits != (spec.mode == "async"):
        kind, fit = ("an async", "async") if waits else ("a plain", "thread' or 'process")
        raise TaskError(f"task.mode: {spec.call} is {kind} function, so it can't be {spec.mode!r}: set '{fit}'")
    return spec.mode or ("async" if waits else "thread")


@contextmanager
def _looking_in(folder: str) -> Generator[None]:
    """Have modules found in a folder before any other, and read again those that were found in one before.

    Afterwards the folder comes last: what the function imports later is found, and nothing of ours is hidden.
    """
    for name in _imported:
        sys.modules.pop(name, None)
    _imported.clear()
    invalidate_caches()  # or a file that is a moment old may be overlooked
    known = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)
        _imported.update(name for name in set(sys.modules) - known if _is_in(sys.modules[name], folder))


def _check_origin(spec: PythonSpec, module_name: str) -> None:
    """Raise TaskError where a file beside the job file is hidden by another module of its name, as `random.py` is."""
    top = module_name.partition(".")[0]
    beside = PathFinder.find_spec(top, [spec.path])
    if beside and beside.has_location and not _is_in(sys.modules[top], spec.path):
        raise _unusable(spec, f"{beside.origin} is hidden by a module of the same name in use; give it another name")


def _is_in(module: ModuleType, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    return (
        bool(file)
        and "site-packages" not in Path(file).parts
        and Path(file).resolve().is_relative_to(Path(folder).resolve())
    )


def _unusable(spec: PythonSpec, why: str) -> TaskError:
    return TaskError(f"task.call: {spec.call} can't be used: {why}")


def _shown(found: object) -> str:
    return f"the module {found.__name__} ({found.__file__})" if isinstance(found, ModuleType) else repr(found)
