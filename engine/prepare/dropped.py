"""Files of the rows that steps dropped, for those who want to see them."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ..errors import OutputError
from ..preparespec import DuplicatesSpec, FilterSpec, StepSpec, dropped_paths
from ..source.row import Record
from .step import Drop

_LONGEST: Final = 1 << 20
"""Bytes of a first line that are looked at."""


class _Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A line of such a file."""

    id: msgspec.Raw
    dropped_by: str
    line: int
    row: msgspec.Raw
    same_as: object = None
    """The id of the row that stays."""


@contextmanager
def dropped_files(steps: Sequence[StepSpec]) -> Generator[Sequence[Drop]]:
    """Open the files that steps name, written anew, and yield whom to tell of what each step drops.

    Raises OutputError where one can't be written, or holds something else.
    """
    for path in dropped_paths(steps).values():
        _check(Path(path))
    with ExitStack() as files:
        yield [_drop(step, files) for step in steps]


def _drop(step: StepSpec, files: ExitStack) -> Drop:
    if not isinstance(step, FilterSpec | DuplicatesSpec) or not step.dropped:
        return lambda _record, _same: None
    path, kind = step.dropped, str(step.__struct_config__.tag)
    file = files.enter_context(_opened(Path(path)))

    def drop(record: Record, same: str | None) -> None:
        known = None if same is None else msgspec.Raw(same.encode())
        line = _Line(msgspec.Raw(record.key.encode()), kind, record.line, msgspec.Raw(record.payload), known)
        try:
            file.write(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise _unwritable(path, error) from error

    return drop


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO]:
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise _unwritable(str(path), error) from error


def _check(path: Path) -> None:
    """Raise OutputError unless a file may be written over."""
    try:
        ours = not path.is_file() or _is_ours(path)
    except OSError as error:
        raise _unwritable(str(path), error) from error
    if not ours:
        raise OutputError(f"{path}: is no file of dropped rows; move it away, or choose another")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(_LONGEST)
    try:
        return not first or bool(msgspec.json.decode(first, type=_Line))
    except msgspec.MsgspecError:
        torn = not first.endswith(b"\n")
        return torn and first.startswith(b'{"id":') and b',"dropped_by":"' in first


def _unwritable(path: str, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written ({error.strerror or error})")
