"""The output and failures files: every result once, whatever happened before or happens meanwhile."""

import errno
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ..errors import OutputError, OutputLostError
from ..outcome import Outcome
from ..settle import Settled
from ..store.reader import Reader
from ..store.record import Place
from ..store.results import Order, Results, failure_line, output_line
from .appended import STDOUT, Appended, part_of
from .ordered import foreign, opened, write_ordered
from .ownership import Ownership

BLOCK_LINES: Final = 1_000
"""Lines that are written at once when a file catches up with the database."""

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_File: TypeAlias = Literal["output", "failures"]


class OutputFiles:
    """Appends results as they are committed; the database knows how far the file came, and a torn tail is cut there.

    `append` and `look` run on the writer's thread. What goes wrong is kept in `failure` and stops the job, not the
    writer. In the order of the input, the output is not touched before `write_whole`.
    """

    def __init__(self, output: str, failures: str, *, order: Order = "completed", sync: bool = False) -> None:
        self.failure: OSError | OutputError | None = None
        self.place = "" if output in {"", STDOUT} else str(Path(output).resolve())
        """The output file by its real name, empty when there is none."""
        self.ordered = bool(output) and order == "input"
        """Whether `write_whole` is to be called when all is done."""
        self.others = tuple(
            path for path in (failures, part_of(self.place) if self.ordered and self.place else "") if path
        )
        """What else no other job may write to."""
        self.started = False
        """Whether `start` found that all is well."""
        self._output_path = output
        self._failures_path = failures
        self._sync = sync
        self._files: dict[_File, Appended] = {}
        self._swap = threading.Lock()
        """Held while a file is opened or closed, so that nobody syncs what is no more."""
        self._start = Place(self.place)
        self._seq = 0
        self._moved = False

    def start(self, workspace: Path, job: int, known: Place) -> Place:
        """Return where the output goes on; nothing is written yet. `known` is the output that this job wrote last.

        Raises OutputError when a file holds something that is not this job's, or can't be read.
        """
        try:
            with Reader(workspace) as reader:
                self._start = self._checked(Ownership(reader.results, job), known)
        except OSError as error:
            raise self._unusable(error) from error
        self.started = True
        return self._start

    def _checked(self, owner: Ownership, known: Place) -> Place:
        if (file := opened(self._failures_path)) is not None:
            with file:
                if not owner.is_failures(file):
                    raise foreign(self._failures_path)
        if self.ordered and self.place:
            self._check_part(owner, part_of(self.place))
        return self._checked_output(owner, known)

    @staticmethod
    def _check_part(owner: Ownership, part: str) -> None:
        if Path(part).exists() and not Path(part).is_file():
            raise foreign(part)
        if (file := opened(part)) is not None:
            with file:
                if not owner.is_output(file):
                    raise foreign(part)

    def _checked_output(self, owner: Ownership, known: Place) -> Place:
        if (file := opened(self.place)) is None:
            return Place(self.place)
        with file:
            intact = known.path == self.place and owner.is_intact(file, known)
            if not intact and not (known.path == self.place and owner.is_output(file)):
                raise foreign(self._output_path)
        return known if intact and (self.ordered or not known.stale) else Place(self.place)

    def open(self, workspace: Path, job: int, start: Place) -> None:
        """Open the files that grow, the output where `start` told, and make them agree with the database.

        Raises OutputError when one can't be written.
        """
        self._seq = start.seq
        try:
            with Reader(workspace) as reader:
                if self._failures_path:
                    self._open("failures", self._failures_path, reader.results, job)
                if self._output_path and not self.ordered:
                    self._open("output", start.path or STDOUT, reader.results, job, keep=start.size)
        except OSError as error:
            raise self._unusable(error) from error

    def _open(self, which: _File, path: str, results: Results, job: int, *, keep: int = 0, new: bool = False) -> None:
        """Open a file and write what is not in it yet."""
        with self._swap:
            if earlier := self._files.pop(which, None):
                earlier.close()
            self._files[which] = Appended.open(path, keep=keep, sync=self._sync, new=new)
        failed = which == "failures"
        for block in _blocks(results.lines(job, after=0 if failed else self._seq, failed=failed)):
            self._files[which].write(line for _, line in block)
            self._advanced(which, block[-1][0])

    def append(self, settled: Sequence[Settled], last_seq: int) -> None:
        """Write what was committed."""
        if self.failure:
            return
        good = (
            output_line(s.item.key, s.answer.output, s.answer.finish_reason, s.model)
            for s in settled
            if s.answer.outcome is Outcome.OK
        )
        bad = (
            failure_line(s.item.key, s.answer.outcome, s.answer.message, s.attempts)
            for s in settled
            if s.answer.outcome is not Outcome.OK
        )
        try:
            self._append("output", good, last_seq)
            self._append("failures", bad, last_seq)
        except OSError as error:
            self.failure = error

    def _append(self, which: _File, lines: Iterable[bytes], seq: int) -> None:
        """Write lines to a file, which are made only where there is one."""
        if (file := self._files.get(which)) and (made := list(lines)):
            file.write(made)
            self._advanced(which, seq)

    def _advanced(self, which: _File, seq: int) -> None:
        """Keep that the last line of the output is that of result `seq`, or of the last good one before it."""
        if which == "output":
            self._seq = seq
            self._moved = True

    def position(self) -> tuple[int, int] | None:
        """Return the last result in the output file and its length, when that changed since the last call."""
        moved, self._moved = self._moved, False
        return (self._seq, self._files["output"].size) if moved and self.place else None

    def look(self, db: sqlite3.Connection, job: int) -> list[str]:
        """See that the files are still in their places; write anew what was removed, and return what to tell of it.

        What stands in the place of a file stays as it is, and is a `failure`.
        """
        told: list[str] = []
        paths: dict[_File, str] = {"output": self._output_path, "failures": self._failures_path}
        try:
            for which, file in list(self._files.items()):
                standing = file.standing()
                if standing == "gone" and not self.failure:
                    self._seq = 0 if which == "output" else self._seq
                    self._open(which, self.place if which == "output" else paths[which], Results(db), job, new=True)
                    told.append(f"{paths[which]} was removed while the job ran; it is written again")
                elif standing in {"replaced", "cut"}:
                    self.failure = self.failure or _meddled(paths[which], standing)
        except FileExistsError as error:
            self.failure = _meddled(str(error.filename), "replaced")
        except OSError as error:
            self.failure = error
        return told

    def renew(self, db: sqlite3.Connection, job: int) -> None:
        """Write anew what grows, on the writer's thread, as `append` is; a pipe keeps what it was given."""
        self.renew_failures(db, job)
        if self.place and "output" in self._files and not self.failure:
            self._seq = 0
            try:
                self._open("output", self.place, Results(db), job)
            except OSError as error:
                self.failure = error

    def renew_failures(self, db: sqlite3.Connection, job: int) -> None:
        """Write the failures file anew; on the writer's thread, as `append` is."""
        if "failures" in self._files and not self.failure:
            try:
                self._open("failures", self._failures_path, Results(db), job)
            except OSError as error:
                self.failure = error

    def to_disk(self) -> None:
        """Bring to the disk what was appended so far; on any thread, and nobody waits for it meanwhile."""
        try:
            with ExitStack() as stack:
                with self._swap:
                    handles = [file.handle(stack) for file in self._files.values() if file.is_regular]
                for handle in handles:
                    os.fdatasync(handle)
        except OSError as error:
            self.failure = self.failure or error

    def close(self) -> None:
        """Bring the files to the disk and close them; where that fails, `failure` says so."""
        with self._swap:
            for file in self._files.values():
                try:
                    file.close()
                except OSError as error:
                    self.failure = self.failure or error
            self._files = {}

    def write_whole(self, workspace: Path, job: int) -> Place:
        """Write the output in the order of the input, in the place of what stood there, and return how far it goes.

        Raises OutputError when it can't be written, or somebody else's file has come into its place.
        """
        try:
            with Reader(workspace) as reader:
                self._checked_output(Ownership(reader.results, job), self._start)
            return write_ordered(workspace, job, self.place or STDOUT)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> OutputError:
        kind = OutputLostError if error.errno in NO_ROOM else OutputError
        return kind(f"{error.filename or self._output_path}: cannot be written ({error.strerror})")


def _meddled(path: str, how: str) -> OutputError:
    done = "something else was put in its place" if how == "replaced" else "it was cut short by another program"
    return OutputError(f"{path}: {done} while the job ran; see to that and run the job again, no result is lost")


def _blocks(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    rest = iter(lines)
    while block := list(islice(rest, BLOCK_LINES)):
        yield block
