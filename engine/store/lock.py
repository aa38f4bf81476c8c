"""One engine a workspace: an advisory lock that the operating system lets go when its process dies."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from ..errors import WorkspaceError


class WorkspaceBusyError(WorkspaceError):
    """Another engine owns the workspace."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(f"{path}: the engine with pid {pid} runs on this workspace")
        self.pid = pid


class WorkspaceLock:
    """Held while an engine runs; the lock file beside the workspace names the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = _lock_path(path)

    def __enter__(self) -> Self:
        if self._path.is_dir():
            raise WorkspaceError(f"{self._path}: is a folder, and a file is wanted")
        try:
            self._file = self._lock_path.open("a+")
        except OSError as error:
            raise WorkspaceError(f"{self._lock_path}: cannot be made ({error.strerror})") from error
        if not self._taken():
            pid = _pid_in(self._lock_path)
            self._file.close()
            raise WorkspaceBusyError(self._path, pid)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.truncate(0)
        self._file.close()

    def _taken(self) -> bool:
        """Try for a moment, since `owner` looks by holding a shared lock for an instant."""
        for _ in range(20):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return True
        return False


def owner(path: Path) -> int | None:
    """Return the pid of the engine that runs on a workspace, or None when there is none.

    Raises WorkspaceError when that can't be told.
    """
    lock_path = _lock_path(path)
    try:
        with lock_path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _pid_in(lock_path)
    except OSError as error:
        raise WorkspaceError(f"{lock_path}: cannot be read ({error.strerror})") from error
    return None


def _lock_path(path: Path) -> Path:
    """Return the lock's place beside the file itself, whatever links lead there: SQLite's own files lie there too."""
    return Path(f"{os.path.realpath(path)}.lock")


def _pid_in(lock_path: Path) -> int:
    text = lock_path.read_text().strip()
    return int(text) if text.isdigit() else 0
