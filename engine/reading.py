"""Reads and prepares an input on a thread of its own, so that neither the loop nor the writer waits for it."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from .job import JobSpec
from .prepare import Tally
from .prepare.dropped import dropped_files
from .rows import rows_of
from .source import Rejected, Row
from .store.loads import next_rows


class UnwantedError(Exception):
    """The reading was given up on the way."""


class Reading:
    """Gives rows a chunk at a time; closes where they come from, if that can be closed."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._thread = ThreadPoolExecutor(1, "batchtop-reading")

    async def next(self) -> list[Row]:
        """Return the next rows, none at the end; raises what the reading raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, next_rows, self._rows)

    def close(self) -> None:
        """Let go of all that the reading holds, as soon as it can be."""
        if close := getattr(self._rows, "close", None):
            self._thread.submit(close)
        self._thread.shutdown(wait=False)


def prepared_rows(
    spec: JobSpec,
    *,
    tally: Tally,
    at: Callable[[int], None],
    rejected: Callable[[Rejected], None],
    unwanted: Callable[[], bool],
) -> Generator[Row]:
    """Yield the rows of a job, and write those that its preparation drops where the job wants them kept.

    Raises UnwantedError once `unwanted` says so, InputError and OutputError.
    """

    def look() -> None:
        if unwanted():
            raise UnwantedError

    tally.look = look
    with dropped_files(spec.prepare) as drop:
        yield from rows_of(spec, at=at, rejected=rejected, tally=tally, drop=drop)
