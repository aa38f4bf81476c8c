"""Copies the log of a workspace into its file beside the writer, so that a commit that has to has little to copy."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final

from .migrations import LOG_PAGES, connect

PASS_PAGES: Final = LOG_PAGES // 3
"""So many pages are committed between one copying and the next."""


class Checkpoints:
    """Begins to copy, on a thread of its own, whenever enough was committed; its methods are the writer's alone.

    While somebody writes, the log can't begin anew, which is left to the commit that finds it longer than LOG_PAGES:
    it copies what is left, and waits for the disk. That one, too, meets what goes wrong here: the log goes on growing
    until a commit has no room for it.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect(path)  # now: later, another file may have that name
        self._pages = 0
        self._copying: Thread | None = None

    def grown(self, pages: int) -> None:
        """Take note of a commit and its pages; the one after each copying has the log, should it be long, to itself."""
        self._pages += pages
        if self._copying:
            self._copying = self._copying if self._copying.is_alive() else None
        elif self._pages >= PASS_PAGES:
            self._pages = 0
            self._copying = Thread(target=self._copy, name="batchtop-checkpoint")
            self._copying.start()

    def close(self) -> None:
        """Return when nothing is copied any more, and the connection is closed."""
        if self._copying:
            self._copying.join()
        self._db.close()

    def _copy(self) -> None:
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
