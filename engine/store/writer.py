"""The one writer of a workspace: everything waits here for the next group commit, on a thread of its own.

Work for the database is handed over as whole transactions, one hop to the thread each. A statement-by-statement bridge
makes four hops a group, and beside a saturated event loop each of them waits for the interpreter lock.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from ..errors import WorkspaceError, WorkspaceLostError
from ..metrics import Tally
from ..settle import Settled
from . import answers
from .group import Group, Sink
from .migrations import LOG_PAGES, connect

T = TypeVar("T")

GROUP_ROWS = 500
GROUP_S = 0.025
"""How long the first result of a group waits for others; a crash loses no more, and those items are sent again."""
BACKLOG_LIMIT = 2 * GROUP_ROWS
"""Results that may wait for their commit before sending is held back: a loop that never rests starves the thread."""
BACKLOG_BYTES = 64 * 1024 * 1024
"""And so much of their outputs, so that memory stays flat where they are large."""

LOCKED_S = 300.0
"""How long a commit waits for another program that has the workspace locked; sending is held meanwhile."""
_TRY_S = 1.0


class Writer:
    """Owns the connection that writes; one in a process, and one process a workspace."""

    def __init__(self, path: Path, *, patience_s: float = LOCKED_S) -> None:
        self.path = path
        self._patience_s = patience_s
        self.failure: WorkspaceError | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batchtop-writer")
        self._open = Group()
        self._rows = 0
        self._bytes = 0
        self._sinks: dict[int, Sink] = {}
        self._wanted = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        self._listeners: dict[int, Callable[[], None]] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._connect)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._file = _identity(self.path)
        self._group_task = asyncio.create_task(self._commit_groups(), name="batchtop-writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._wanted.set()
        self._full.set()
        try:
            await self._group_task
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._db.close)
            self._thread.shutdown(wait=False)

    async def durable(self) -> None:
        """Have each commit reach the disk before it counts, from now on, so that no power cut takes it back."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._db.execute, "PRAGMA synchronous = FULL")

    def to_disk(self) -> None:
        """Bring to the disk what is committed so far, on any thread; the next checkpoint meets what goes wrong."""
        with suppress(OSError), Path(f"{os.path.realpath(self.path)}-wal").open("rb") as log:
            os.fdatasync(log.fileno())

    def check_file(self) -> None:
        """Raise WorkspaceLostError once the file is gone or another has taken its place: nothing is kept any more."""
        if _identity(self.path) != self._file:
            self.failure = self.failure or WorkspaceLostError(
                f"{self.path}: was removed or replaced while the engine ran; what it did since is in no workspace"
            )
            raise self.failure

    @property
    def backlog(self) -> int:
        """Results that wait for their commit."""
        return self._rows

    @property
    def crowded(self) -> bool:
        """Whether so much waits for its commit that no more should come."""
        return self._rows >= BACKLOG_LIMIT or self._bytes >= BACKLOG_BYTES

    def put(self, job: int, settled: Settled) -> None:
        """Take a result for the next group."""
        if len(self._open.results) >= GROUP_ROWS:
            self._hand_over()  # only now: what else is told of its last result belongs to it
        self._open.results.append((job, settled))
        self._open.size += len(settled.answer.output)
        self._rows += 1
        self._bytes += len(settled.answer.output)
        self._wanted.set()
        if len(self._open.results) >= GROUP_ROWS or self._bytes >= BACKLOG_BYTES:
            self._full.set()

    def tally(self, job: int) -> Tally:
        """Return the counters that the next group adds to the job's totals."""
        self._wanted.set()
        return self._open.tallies[job]

    def do(self, statement: str, values: Sequence[object]) -> None:
        """Take a statement for the next group; only the modules of this package call it."""
        self._open.statements.append((statement, values))
        self._wanted.set()

    def attach(self, job: int, sink: Sink, on_commit: Callable[[], None]) -> None:
        """Give a job's results to `sink` from now on, as they are committed, and call `on_commit` on the loop."""
        self._sinks[job] = sink
        self._listeners[job] = on_commit

    async def detach(self, job: int) -> None:
        """Commit what waits, write down how far the sink came, and let it go."""
        try:
            await self.flush()
        finally:
            self._sinks.pop(job, None)
            self._listeners.pop(job, None)

    async def flush(self) -> None:
        """Return when everything taken so far is committed, and the sinks' positions too."""
        for _ in range(2):
            await self._committed()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in a transaction on the writer's thread, once all that was taken before it is committed.

        What it raises undoes its own part alone. Raises WorkspaceError when the database can't be written, and from
        the first group that was lost for good: its items are pending, though their jobs think them done.
        """
        if self.failure:
            raise self.failure
        self._hand_over()
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)
        return await asyncio.shield(done)  # a cancelled caller does not undo what the thread is at

    async def gather(self) -> None:
        """Have all that was answered be found by who asks the same, see `answers`, in turns with the groups."""
        while await self.run(answers.gather):
            pass

    async def _committed(self) -> None:
        """Return when everything taken so far is committed; raises as `run` does."""
        if self.failure:
            raise self.failure
        await asyncio.shield(asyncio.wrap_future(self._hand_over()))
        if self.failure:
            raise self.failure

    async def _commit_groups(self) -> None:
        while not self._closing:
            await self._wanted.wait()
            await self._group_is_due()
            with suppress(WorkspaceError):  # it stays in `failure`
                await self._committed()
            if self.failure:
                return
        await self.flush()

    async def _group_is_due(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GROUP_S):
                while not self._full.is_set():  # one that was full may be with the thread already
                    await self._full.wait()

    def _hand_over(self) -> "Future[None]":
        """Give the open group to the thread, at once: a loop that is busy comes round late."""
        self._open.sinks.update(self._sinks)
        group, self._open = self._open, Group()
        if not self._closing:
            self._wanted.clear()
            self._full.clear()
        over = partial(asyncio.get_running_loop().call_soon_threadsafe, self._over)
        return self._thread.submit(self._write, group, over)

    def _over(self, group: Group) -> None:
        """Take note that a group waits no more, and let those know who hold back until then."""
        self._rows -= len(group.results)
        self._bytes -= group.size
        for listener in self._listeners.values():
            listener()

    def _write(self, group: Group, over: Callable[[Group], object]) -> None:
        """Commit a group, unless one before it was lost; `failure` tells of it."""
        try:
            if not self.failure:
                group.hand_on(self._commit(group.write))
        except Exception as error:  # noqa: BLE001 (whatever it is, the group is lost)
            self.failure = self._told(error)
            self.failure.__cause__ = error
        finally:
            over(group)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self.failure:
            raise self.failure
        try:
            return self._commit(work)
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._begin()
            result = work(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.rollback()
            raise
        return result

    def _begin(self) -> None:
        """Begin a transaction as soon as nobody else is in one: it may be a person at a prompt, who took a break."""
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() >= deadline:
                    raise
            else:
                return

    def _connect(self) -> None:
        self._db = connect(self.path)
        self._db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        self._db.execute(f"PRAGMA busy_timeout = {1000 * min(_TRY_S, self._patience_s):.0f}")

    def _told(self, error: Exception) -> WorkspaceError:
        if _is_busy(error):
            return WorkspaceLostError(
                f"{self.path}: another program has had it locked for {self._patience_s:.0f} s; end its transaction and"
                " run the job again, nothing committed before is lost"
            )
        return WorkspaceLostError(f"{self.path}: cannot be written ({error}); nothing committed before is lost")


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
