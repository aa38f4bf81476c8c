"""The reads of a workspace that may take seconds: each on its own connection, from any thread, until it is given up."""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

from ...engine.errors import WorkspaceError
from ...engine.failures import Group, Grouped, grouped, pattern
from ...engine.output.whole import own_files, save_new
from ...engine.store.latest import Latest
from ...engine.store.reader import Reader
from ...engine.store.results import Failed, Selection
from .resultlist import RESULTS_SHOWN, Wanted
from .saving import Saving, names

ITEMS_SHOWN: Final = 200
"""Items of one cause that are looked at one by one; an export has them all."""


class LongReads:
    """Reads one workspace file, whichever that is at the moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def failures(self, job: str, given_up: Event) -> Grouped:
        """Return a job's failed items by cause."""
        with self._reading_apart(given_up) as reader:
            return grouped(reader.results.failures(reader.known_job(job).id))

    def failed_items(self, job: str, group: Group, given_up: Event) -> tuple[Failed, ...]:
        """Return the first items of a cause."""
        with self._reading_apart(given_up) as reader:
            return reader.results.failed(
                reader.known_job(job).id, group.kind, lambda message: pattern(message) == group.pattern, ITEMS_SHOWN
            )

    def results(self, job: str, wanted: Wanted, after_seq: int, given_up: Event) -> Latest:
        """Return the newest results that are wanted, behind a number."""
        with self._reading_apart(given_up) as reader:
            return reader.latest(
                reader.known_job(job).id,
                most=RESULTS_SHOWN,
                after_seq=after_seq,
                find=wanted.find,
                failed=wanted.failed,
                stop=given_up.is_set,
            )

    def export(self, job: str, group: Group, folder: Path, saving: Saving) -> Path:
        """Write the items of a cause to a new file, as `batchtop export --failed` does."""
        with self._reading_apart(saving.given_up) as reader:
            number = reader.known_job(job).id
            lines = _lines(reader, Selection(number, failed=True), group, saving)
            kept = own_files(self._path, reader.results.files(number))
            return save_new(names(folder, job, group.kind), lines, kept)

    @contextmanager
    def _reading_apart(self, given_up: Event) -> Generator[Reader]:
        """Have a reader for one long read, beside which the others go on."""
        try:
            with Reader(self._path) as reader:
                reader.results.give_up_when(given_up.is_set)
                yield reader
        except (OSError, sqlite3.Error) as error:
            raise WorkspaceError(f"{self._path}: cannot be read ({error})") from error


def _lines(reader: Reader, wanted: Selection, group: Group, saving: Saving) -> Iterator[bytes]:
    for page in reader.results.pages(wanted):
        for result in page:
            if result.outcome == group.kind and pattern(result.message) == group.pattern:
                saving.written += 1
                yield result.line()
