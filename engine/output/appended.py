"""A file that lines are appended to, and that somebody may take away, replace or cut meanwhile."""

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, Literal, Self, TypeAlias

STDOUT: Final = "-"

Standing: TypeAlias = Literal["there", "gone", "replaced", "cut"]


class Appended:
    """Writes whole blocks; what is no regular file, a pipe or standard output, is never looked at, cut or synced."""

    def __init__(self, path: Path, file: BinaryIO, *, sync: bool) -> None:
        self._path = path
        self._file = file
        self._sync = sync
        self.is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        self.size = 0

    @classmethod
    def open(cls, path: str, *, keep: int = 0, sync: bool = False, new: bool = False) -> Self:
        """Open a file behind its first `keep` bytes, which stay; `new` refuses one that is there already.

        With `sync`, a block is on the disk when `write` returns.
        """
        if path == STDOUT:
            return cls(Path(), sys.stdout.buffer, sync=False)
        place = Path(path)
        made = cls(place, place.open("xb" if new else "ab"), sync=sync)
        made.size = keep
        if made.is_regular:
            made._file.truncate(keep)
            if sync:
                sync_folder(place)
        return made

    def write(self, lines: Iterable[bytes]) -> None:
        """Append lines."""
        block = b"".join(lines)
        self._file.write(block)
        self._file.flush()
        if self._sync and self.is_regular:
            os.fdatasync(self._file.fileno())
        self.size += len(block)

    def standing(self) -> Standing:
        """Tell whether the file is still the one that its path names, and as long as it was made."""
        if not self.is_regular:
            return "there"
        mine = os.fstat(self._file.fileno())
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return "gone"
        if not os.path.samestat(mine, found):
            return "replaced"
        return "cut" if mine.st_size < self.size else "there"

    def handle(self, stack: ExitStack) -> int:
        """Return a handle of its own, which `stack` closes, for who brings the file to the disk."""
        handle = os.dup(self._file.fileno())
        stack.callback(os.close, handle)
        return handle

    def close(self) -> None:
        """Bring the file to the disk and let it go."""
        if self._file is sys.stdout.buffer:
            return
        with self._file as file:
            file.flush()
            if self.is_regular:
                os.fsync(file.fileno())


def part_of(path: str) -> str:
    """Return where a file is written before it takes its name."""
    return f"{path}.part"


def sync_folder(path: Path) -> None:
    """Bring the name of a file to the disk."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
