"""Where the dashboard's data comes from and its commands go: the workspace, or a stand-in for it."""

import os
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Protocol

import msgspec

from ...engine.errors import WorkspaceError
from ...engine.failures import Group, Grouped
from ...engine.job import JobSpec
from ...engine.snapshot import ACTIVE, WINDOW_S, EngineRow, JobRow, Snapshot
from ...engine.store import commands
from ...engine.store.latest import Latest
from ...engine.store.rates import Rates
from ...engine.store.reader import CHANGES_SHOWN, Reader
from ...engine.store.results import Failed
from ...engine.store.story import ItemStory
from ..figures.good import History, pace_since
from ..figures.turns import MINUTE_S, last_turns
from .longreads import LongReads
from .resultlist import Wanted
from .saving import Saving


@dataclass(frozen=True, slots=True)
class Jobs:
    """Every job, the newest first, and the engine that has the active ones in hand, if one lives."""

    rows: tuple[JobRow, ...]
    engine: EngineRow | None


class Answered(Protocol):
    """What became of a command."""

    @property
    def applied(self) -> bool:
        """Whether the engine did it."""
        ...

    @property
    def message(self) -> str:
        """What it did, or why it did not."""
        ...


class Source(Protocol):
    """A workspace as the dashboard sees it. All calls come from one thread; they raise BatchtopError for a person."""

    def jobs(self) -> Jobs:
        """Return every job."""
        ...

    def rates(self, jobs: Sequence[JobRow], now: float, *, live: bool) -> Mapping[int, Rates]:
        """Return how fast these jobs went, by id; a long run's comes with a later call.

        Without a `live` engine no job is active, whatever its state says.
        """
        ...

    def snapshot(self, name: str, window_s: float = WINDOW_S) -> Snapshot | None:
        """Return one job for charts of so much time, endless for all, or None when there is none of that name.

        For no time at all it has no samples.
        """
        ...

    def moment(self, name: str, at: float) -> Snapshot | None:
        """Return one job as it stood at a moment of the past, or None when there is none of that name."""
        ...

    def history(self, job: str) -> History:
        """Return the last `TURNS_SHOWN` turns of a job's settings, and how it went since."""
        ...

    def failures(self, job: str, given_up: Event) -> Grouped:
        """Return a job's failed items by cause. Takes seconds for a million; comes from any thread.

        Raises WorkspaceError soon after `given_up` is set.
        """
        ...

    def failed_items(self, job: str, group: Group, given_up: Event) -> tuple[Failed, ...]:
        """Return the first `ITEMS_SHOWN` items of a cause, in the order in which they failed; else as `failures`."""
        ...

    def results(self, job: str, wanted: Wanted, after_seq: int, given_up: Event) -> Latest:
        """Return the newest results that are wanted, none up to a number; else as `failures`."""
        ...

    def export(self, job: str, group: Group, folder: Path, saving: Saving) -> Path:
        """Write a line an item of a cause to a new file and return which; else as `failures`.

        Raises OutputError where no file can be written.
        """
        ...

    def item(self, job: str, key: str) -> ItemStory | None:
        """Return one item in full, told by its id as JSON text, or None where there is none."""
        ...

    def spec(self, job: str) -> JobSpec:
        """Return a job as it ran last."""
        ...

    def send(self, job: str, verb: str, args: Mapping[str, object]) -> int:
        """Ask the engine for something and return the command's number."""
        ...

    def answer(self, command: int) -> Answered | None:
        """Return what became of a command, or None while that is open."""
        ...

    def withdraw(self, command: int) -> bool:
        """Take back a command that is still open; False when it is not."""
        ...

    def close(self) -> None:
        """Let the workspace go."""
        ...


class WorkspaceSource(LongReads):
    """The workspace file; it is opened again when it was replaced, and may come and go."""

    def __init__(self, path: Path, *, who: str = "you") -> None:
        super().__init__(path)
        self._who = who
        self._reader: Reader | None = None
        self._identity: tuple[int, int] | None = None

    def jobs(self) -> Jobs:
        """Return every job."""
        with self._reading() as reader:
            return Jobs(reader.jobs(), reader.engine())

    def rates(self, jobs: Sequence[JobRow], now: float, *, live: bool) -> Mapping[int, Rates]:
        """Return how fast these jobs went, as far as that is read by now."""
        with self._reading() as reader:
            return reader.rates(jobs, now, live=live)

    def snapshot(self, name: str, window_s: float = WINDOW_S) -> Snapshot | None:
        """Return one job, or None when there is none of that name. Beside a short chart, numbers need more."""
        with self._reading() as reader:
            found = reader.snapshot(name, max(window_s, WINDOW_S) if window_s else 0.0)
        return replace(found, window_s=window_s) if found else None

    def moment(self, name: str, at: float) -> Snapshot | None:
        """Return one job as it stood at a moment of the past, or None when there is none of that name."""
        with self._reading() as reader:
            return reader.moment(name, at)

    def history(self, job: str) -> History:
        """Return the last turns of a job's settings, from the samples near them and its last ones."""
        with self._reading() as reader:
            found = reader.job(job)
            if found is None:
                return History()
            changes, samples = reader.changes(found.id, CHANGES_SHOWN), partial(reader.samples_between, found.id)
            turns = last_turns(changes, samples, ended=found.state not in ACTIVE)
            last = turns[-1].at if turns else 0.0
            return History(turns, pace_since(reader.recent(found.id, MINUTE_S), last))

    def item(self, job: str, key: str) -> ItemStory | None:
        """Return one item in full."""
        with self._reading() as reader:
            return reader.item(reader.known_job(job).id, key)

    def spec(self, job: str) -> JobSpec:
        """Return a job as it ran last."""
        with self._reading() as reader:
            return reader.spec(job)

    def send(self, job: str, verb: str, args: Mapping[str, object]) -> int:
        """Write a command and return its number."""
        with self._asking():
            return commands.send(self._path, job, verb, args, self._who)

    def answer(self, command: int) -> Answered | None:
        """Return what became of a command, or None while that is open."""
        with self._asking():
            return commands.answer(self._path, command)

    def withdraw(self, command: int) -> bool:
        """Take back a command that is still open."""
        with self._asking():
            return commands.withdraw(self._path, command)

    def close(self) -> None:
        """Close the reader, if there is one."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    @contextmanager
    def _reading(self) -> Generator[Reader]:
        try:
            yield self._opened()
        except (OSError, sqlite3.Error, msgspec.MsgspecError, ValueError, TypeError) as error:
            self.close()
            raise WorkspaceError(f"{self._path}: cannot be read ({error})") from error

    @contextmanager
    def _asking(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise WorkspaceError(f"{self._path}: cannot be written ({error})") from error

    def _opened(self) -> Reader:
        """Return a reader of the file that is there now."""
        identity = self._file_identity()
        if self._reader is None or identity != self._identity:
            self.close()
            self._reader, self._identity = Reader(self._path), identity
        return self._reader

    def _file_identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - the path may be missing, and only two numbers are wanted
        except OSError:
            return None
        return found.st_dev, found.st_ino
