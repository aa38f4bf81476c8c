"""Takes the rows of a live input into the workspace as they come, and only then has them sent."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from ..clock import Clock
from ..ending import End, interrupted
from ..errors import BatchtopError, StoppedError
from ..feed import Feed
from ..hold import Hold
from ..job import JobSpec
from ..loading import rejected_in_words
from ..rows import told_apart
from ..snapshot import JobState
from ..source import Record, Row
from ..store import arrivals
from ..store.arrivals import Last
from ..store.writer import Writer

MOST_ROWS: Final = 2_000
"""Rows that may wait for their commit; a source that is quicker waits too, so that memory stays flat."""
MOST_BYTES: Final = 8 * 1024 * 1024
LOOK_S: Final = 0.05


class Live(Protocol):
    """Where rows come from while a job runs."""

    rejected: int
    """Rows that could not be read and were set aside, once they have come to their end."""
    note: str
    """What a person should know before any row comes; empty where there is nothing to say."""

    def records(self, last: Last) -> Iterator[Record]:
        """Yield rows as they come, on a thread of their own; `last` is how far those before came. Raises InputError."""
        ...

    def shut(self) -> None:
        """Have `records` end soon, wherever it waits; called from another thread."""
        ...

    def cut_short(self) -> End | None:
        """Return how a job ends because its rows ended before their time, or None where all came."""
        ...


class Intake:
    """Brings what a source gives, on a thread, to a job's workspace and then to its feed."""

    def __init__(
        self,
        spec: JobSpec,
        job: int,
        live: Live,
        *,
        writer: Writer,
        feed: Feed,
        clock: Clock,
        tell: Callable[[str, str], None],
    ) -> None:
        self._spec = spec
        self._job = job
        self._live = live
        self._writer = writer
        self._feed = feed
        self._clock = clock
        self._tell = tell
        self.stale = False
        """Whether an output file has lines that no longer hold."""
        self._over = False
        self._failure: BatchtopError | None = None
        self._wanted = asyncio.Event()
        self._arrived = asyncio.Event()
        self._room = threading.Condition()
        self._rows: list[Row] = []
        self._bytes = 0
        self._shut = False

    async def run(self) -> None:
        """Take all that comes, and what comes when it is wanted again, until cancelled."""
        if self._live.note:
            self._tell(self._live.note, "warn")
        while True:
            self._wanted.clear()
            arrivals.mark_open(self._writer, self._job, is_open=True)
            await self._take_all()
            if self._wanted.is_set() and not self._failure:
                continue  # the source may have come to its end before it was asked for more
            self._over = True
            self._wanted.clear()
            if self._failure is None:
                arrivals.mark_open(self._writer, self._job, is_open=False)
            if self._live.rejected:
                self._tell(rejected_in_words(self._live.rejected, self._spec.input), "warn")
            self._feed.ended()
            await self._wanted.wait()

    def again(self) -> None:
        """Look for more rows, once the last has come: the source may have some again."""
        self._wanted.set()
        if self._over:
            self._over = False
            self._feed.reopen()

    def ended(self, end: End, stop: StoppedError | Hold | None) -> End:
        """Return how a run ends that would end like this if all its rows had come."""
        if end.state is not JobState.FINISHED:
            return end
        if self._failure:
            return End(JobState.STOPPED, str(self._failure), self._failure.exit_code)
        if not self._over:
            return interrupted(stop, f"{self._spec.input.name} had not come to an end")
        return self._live.cut_short() or end

    # ── on the loop ──

    async def _take_all(self) -> None:
        last = await self._writer.run(lambda db: arrivals.last(db, self._job))
        thread = ThreadPoolExecutor(1, "batchtop-input")
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(thread, self._read, loop, last)
        reading.add_done_callback(lambda _: self._arrived.set())
        try:
            waiting: list[Row] = []
            while rows := [*waiting, *await self._next(reading, len(waiting))]:
                waiting = await self._add(rows)
        finally:
            if not reading.done():
                self._close()
                await asyncio.wait({reading})
            thread.shutdown(wait=False)
            self._failure = _failure(reading)

    async def _next(self, reading: asyncio.Future[None], waiting: int) -> list[Row]:
        """Return what has come since the last call, as soon as there is something; nothing at the end.

        While some wait for answers it is looked at them again soon, and once they are many nothing is taken besides.
        """
        if waiting:
            await self._clock.sleep(LOOK_S)
            return self._taken() if waiting < MOST_ROWS else []
        while True:
            self._arrived.clear()
            is_last = reading.done()
            if (rows := self._taken()) or is_last:
                return rows
            await self._arrived.wait()

    def _taken(self) -> list[Row]:
        with self._room:
            rows, self._rows, self._bytes = self._rows, [], 0
            self._room.notify_all()
        return rows

    async def _add(self, rows: list[Row]) -> list[Row]:
        """Commit rows, have them sent then, and return those that wait: their items are asked as they were before."""
        while self._feed.full or self._feed.behind:
            await self._clock.sleep(LOOK_S)
        arrived = await self._feed.bring(lambda: self._writer.run(lambda db: arrivals.arrive(db, self._job, rows)))
        self.stale = self.stale or arrived.stale
        return arrived.waiting

    def _close(self) -> None:
        self._live.shut()
        with self._room:
            self._shut = True
            self._room.notify_all()

    # ── on the thread ──

    def _read(self, loop: asyncio.AbstractEventLoop, last: Last) -> None:
        for row in told_apart(self._spec, self._live.records(last)):
            with self._room:
                self._room.wait_for(lambda: self._shut or not self._is_full())
                if self._shut:
                    return
                self._rows.append(row)
                self._bytes += len(row.payload)
                first = len(self._rows) == 1
            if first:
                loop.call_soon_threadsafe(self._arrived.set)

    def _is_full(self) -> bool:
        return len(self._rows) >= MOST_ROWS or self._bytes >= MOST_BYTES


def _failure(reading: asyncio.Future[None]) -> BatchtopError | None:
    """Return what is wrong with the rows, for people; anything else is a mistake of the program, and raised."""
    error = reading.exception()
    if error is None or isinstance(error, BatchtopError):
        return error
    raise error
