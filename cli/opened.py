"""Opens a workspace to read it; what is wrong with the file is said in one line."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..engine.errors import WorkspaceError
from ..engine.store.reader import Reader


@contextmanager
def opened(path: Path) -> Generator[Reader]:
    """Yield a reader; raises WorkspaceError when there is no workspace, or when it can't be read to its end."""
    with Reader(path) as reader:
        try:
            yield reader
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise WorkspaceError(f"{path}: cannot be read as a workspace ({error})") from error
