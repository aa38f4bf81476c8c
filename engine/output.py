"""The output and failures files: every result once, whatever happened before."""

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from .errors import OutputError
from .outcome import Outcome
from .settle import Settled
from .store.reader import Reader, failure_line, output_line

STDOUT = "-"
_LINE_HEAD = b'{"id":'


class OutputFiles:
    """Appends results as they are committed; the database knows how far the file came, and a torn tail is cut there.

    Its methods run on the writer's thread; a failed write is kept in `failure` and stops the job, not the writer.
    """

    def __init__(self, output: str, failures: str) -> None:
        self.failure: OSError | None = None
        self._output_path = output
        self._failures_path = failures
        self._output: BinaryIO | None = None
        self._failures: BinaryIO | None = None
        self._seq = 0
        self._bytes = 0
        self._moved = False

    def claim(self) -> None:
        """Raise OutputError when the output, which this job has never touched, holds something."""
        if self._output_path not in {"", STDOUT} and _head(self._output_path):
            raise _foreign(self._output_path)

    def open(self, workspace: Path, job: int, *, seq: int, size: int) -> None:
        """Open both files and make them agree with the database, which says how far the output came (-1: never).

        Raises OutputError where that can't be done, or would lose something that is not this job's.
        """
        try:
            self._output = self._open_output(seq, size)
            with Reader(workspace) as reader:
                self._catch_up(reader, job)
        except OSError as error:
            raise OutputError(f"{error.filename or self._output_path}: cannot be written ({error.strerror})") from error

    def _catch_up(self, reader: Reader, job: int) -> None:
        if self._failures_path:
            if not _LINE_HEAD.startswith(_head(self._failures_path)):
                raise _foreign(self._failures_path)
            self._failures = Path(self._failures_path).open("wb")  # noqa: SIM115 (closed by close)
            self._write(self._failures, [line for _, line in reader.output_lines(job, failed=True)])
        if self._output:
            for seq, line in reader.output_lines(job, after=self._seq):
                self._advance([line], seq)

    def append(self, settled: Sequence[Settled], last_seq: int) -> None:
        """Write what was committed."""
        if self.failure:
            return
        try:
            good = [output_line(s.item.key, s.answer.output) for s in settled if s.answer.outcome is Outcome.OK]
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
        return (self._seq, self._bytes) if moved and self._output_path != STDOUT else None

    def close(self) -> None:
        """Bring both files to the disk and close them; where that fails, `failure` says so."""
        for file in (self._output, self._failures):
            if file and file is not sys.stdout.buffer:
                try:
                    with file:
                        _sync(file)
                except OSError as error:
                    self.failure = self.failure or error

    def _open_output(self, seq: int, size: int) -> BinaryIO | None:
        if not self._output_path:
            return None
        if self._output_path == STDOUT:
            return sys.stdout.buffer
        path = Path(self._output_path)
        found = path.stat().st_size if path.exists() else 0
        self._seq, self._bytes = (seq, size) if found >= size >= 0 else (0, 0)
        file = path.open("ab")
        file.truncate(self._bytes)
        return file

    def _advance(self, lines: list[bytes], seq: int) -> None:
        if self._output:
            self._bytes += self._write(self._output, lines)
            self._seq = seq
            self._moved = True

    @staticmethod
    def _write(file: BinaryIO, lines: list[bytes]) -> int:
        block = b"".join(lines)
        file.write(block)
        file.flush()
        return len(block)


def _head(path: str) -> bytes:
    """Return how a file begins, as long as a line's head at most; nothing where there is none to read."""
    if not Path(path).is_file():
        return b""
    with Path(path).open("rb") as file:
        return file.read(len(_LINE_HEAD))


def _foreign(path: str) -> OutputError:
    return OutputError(f"{path}: holds something this job did not write; move it away, or choose another output")


def _sync(file: BinaryIO) -> None:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        os.fsync(file.fileno())
