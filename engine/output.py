"""The output and failures files: every result once, whatever happened before."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from .errors import OutputError
from .outcome import Outcome
from .settle import Settled
from .store.reader import Reader, failure_line, output_line
from .store.record import Place

STDOUT: Final = "-"
BLOCK_LINES: Final = 1_000
"""Lines that are written at once when a file catches up with the database."""
_LONGEST_FAILURE: Final = 1 << 20
"""Bytes of a failures file that are looked at to see whose it is."""


class OutputFiles:
    """Appends results as they are committed; the database knows how far the file came, and a torn tail is cut there.

    Its methods run on the writer's thread; a failed write is kept in `failure` and stops the job, not the writer.
    """

    def __init__(self, output: str, failures: str) -> None:
        self.failure: OSError | None = None
        self.place = "" if output in {"", STDOUT} else str(Path(output).resolve())
        """The output file by its real name, empty when there is none."""
        self._output_path = output
        self._failures_path = failures
        self._output: BinaryIO | None = None
        self._failures: BinaryIO | None = None
        self._seq = 0
        self._bytes = 0
        self._moved = False

    def start(self, workspace: Path, job: int, known: Place) -> Place:
        """Return where the output goes on; nothing is written yet. `known` is the output that this job wrote last.

        Raises OutputError when a file holds something that is not this job's, or can't be read.
        """
        try:
            if not _holds_failures(self._failures_path):
                raise _foreign(self._failures_path)
            size = Path(self.place).stat().st_size if _is_file(self.place) else 0
            if not size:
                return Place(self.place)
            if known.path != self.place or not self._is_ours(workspace, job, known, size):
                raise _foreign(self._output_path)
        except OSError as error:
            raise self._unusable(error) from error
        return Place(self.place) if known.stale or size < known.size else replace(known, stale=False)

    def _is_ours(self, workspace: Path, job: int, known: Place, size: int) -> bool:
        """Tell whether the file ends there as this job left it; where that is gone, whether it begins as it began."""
        with Reader(workspace) as reader, Path(self.place).open("rb") as file:
            if size >= known.size > 0:
                last = reader.line_ever(job, up_to=known.seq)
                file.seek(max(0, known.size - len(last)))
                return bool(last) and file.read(len(last)) == last
            firsts = [reader.line_ever(job), *(line for _, line in islice(reader.output_lines(job), 1))]
            head = file.read(max(map(len, firsts)))
            return any(first.startswith(head[: len(first)]) for first in firsts if first)

    def open(self, workspace: Path, job: int, start: Place) -> None:
        """Open both files, the output where `start` told, and make them agree with the database.

        Raises OutputError when one can't be written.
        """
        try:
            self._output = self._open_output(start)
            if self._failures_path:
                self._failures = Path(self._failures_path).open("wb")  # noqa: SIM115 (closed by close)
            with Reader(workspace) as reader:
                self._catch_up(reader, job)
        except OSError as error:
            raise self._unusable(error) from error

    def _open_output(self, start: Place) -> BinaryIO | None:
        if not start.path:
            return sys.stdout.buffer if self._output_path == STDOUT else None
        self._seq, self._bytes = start.seq, start.size
        path = Path(start.path)
        file = path.open("ab")
        if path.is_file():  # a pipe or /dev/null has nothing to cut
            file.truncate(start.size)
        return file

    def _catch_up(self, reader: Reader, job: int) -> None:
        if self._failures:
            for block in _blocks(reader.output_lines(job, failed=True)):
                self._write(self._failures, [line for _, line in block])
        if self._output:
            for block in _blocks(reader.output_lines(job, after=self._seq)):
                self._advance([line for _, line in block], block[-1][0])

    def append(self, settled: Sequence[Settled], last_seq: int) -> None:
        """Write what was committed."""
        if self.failure:
            return
        try:
            good = [
                output_line(s.item.key, s.answer.output, s.answer.finish_reason, s.model)
                for s in settled
                if s.answer.outcome is Outcome.OK
            ]
            self._advance(good, last_seq)
            if self._failures:
                bad = (s for s in settled if s.answer.outcome is not Outcome.OK)
                self._write(
                    self._failures,
                    [failure_line(s.item.key, s.answer.outcome, s.answer.message, s.attempts) for s in bad],
                )
        except OSError as error:
            self.failure = error

    def position(self) -> tuple[int, int] | None:
        """Return the last result in the output file and its length, when that changed since the last call."""
        moved, self._moved = self._moved, False
        return (self._seq, self._bytes) if moved and self.place else None

    def close(self) -> None:
        """Bring both files to the disk and close them; where that fails, `failure` says so."""
        for file in (self._output, self._failures):
            if file and file is not sys.stdout.buffer:
                try:
                    with file:
                        _sync(file)
                except OSError as error:
                    self.failure = self.failure or error

    def _advance(self, lines: list[bytes], seq: int) -> None:
        """Write lines, the last of them that of result `seq` or the last good one before it."""
        if self._output and lines:
            self._bytes += self._write(self._output, lines)
            self._seq = seq
            self._moved = True

    @staticmethod
    def _write(file: BinaryIO, lines: list[bytes]) -> int:
        block = b"".join(lines)
        file.write(block)
        file.flush()
        return len(block)

    def _unusable(self, error: OSError) -> OutputError:
        return OutputError(f"{error.filename or self._output_path}: cannot be written ({error.strerror})")


class _Failure(msgspec.Struct, forbid_unknown_fields=True):
    """A line of the failures file."""

    id: msgspec.Raw
    status: Literal["failed"]
    error: dict[str, str]
    attempts: int


def _holds_failures(path: str) -> bool:
    """Tell whether a file begins as a failures file does, or holds nothing that could be lost."""
    if not _is_file(path):
        return True
    with Path(path).open("rb") as file:
        line = file.readline(_LONGEST_FAILURE)
    try:
        return not line or bool(msgspec.json.decode(line, type=_Failure))
    except msgspec.DecodeError:
        return False


def _is_file(path: str) -> bool:
    return bool(path) and Path(path).is_file()


def _blocks(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    rest = iter(lines)
    while block := list(islice(rest, BLOCK_LINES)):
        yield block


def _foreign(path: str) -> OutputError:
    return OutputError(f"{path}: holds something this job did not write; move it away, or choose another output")


def _sync(file: BinaryIO) -> None:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        os.fsync(file.fileno())
