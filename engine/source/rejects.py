"""The rejects file of a job: rows that could not be read, written anew by each load."""

from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ..errors import OutputError
from .faults import Rejected

_LONGEST: Final = 1 << 20


class Rejects:
    """Counts rows that are set aside, and keeps them where a job wants them kept. Raises OutputError.

    What an earlier load left is gone from the start; a file that is no rejects file is never written over.
    """

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path)
        self._file: BinaryIO | None = None
        self.count = 0
        if self._path is not None:
            self._clear(self._path)

    def add(self, row: Rejected) -> None:
        """Write a row."""
        self.count += 1
        if self._path is None:
            return
        try:
            if self._file is None:
                self._file = self._path.open("wb" if _is_device(self._path) else "xb", buffering=0)
            self._file.write(msgspec.json.encode(row) + b"\n")
        except OSError as error:
            raise self._unwritable(self._path, error) from error

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()

    def _clear(self, path: Path) -> None:
        try:
            if _is_device(path):
                return
            if path.exists() and not _is_ours(path):
                told = "holds something else than rejected rows; move it away, or name another in input.rejects"
                raise OutputError(f"{path}: {told}")
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(path, error) from error

    @staticmethod
    def _unwritable(path: Path, error: OSError) -> OutputError:
        return OutputError(f"{path}: cannot be written ({error.strerror or error})")


def _is_device(path: Path) -> bool:
    """Return whether a path is for everybody, as /dev/null is: nothing there is cleared or removed."""
    return path.exists() and not (path.is_file() or path.is_dir())


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        line = file.readline(_LONGEST)
    try:
        return not line or bool(msgspec.json.decode(line, type=Rejected))
    except msgspec.DecodeError:
        return False
