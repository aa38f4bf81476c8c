"""Standard input as rows, each as soon as its line is there."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from io import BufferedReader, RawIOBase
from select import POLLIN, poll
from typing import Any, BinaryIO, Final, cast

from ..ending import End
from ..errors import InputError
from ..job import InputSpec
from ..source import Record, lines
from ..source.csv import read_csv, read_tsv
from ..source.faults import Faults
from ..source.jsonl import read_jsonl
from ..source.packed import Opened
from ..source.rejects import Rejects
from ..source.row import RawRow, identified, key_reader
from ..source.text import read_lines
from ..store.arrivals import Last

NAME: Final = "standard input"
STREAMED: Final[Mapping[str, Callable[[Opened, Faults], Iterator[RawRow]]]] = {
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
    "lines": read_lines,
}
"""What can be read as it comes, by format."""
_NO_STREAM: Final = "no standard input is at hand; this run goes on with the rows that came before"
_BUFFER_BYTES: Final = 1 << 16


class _ShutError(Exception):
    """Nobody wants any more."""


class StandardInput:
    """Yields the rows of a stream, once; where there is none, a job goes on with what it took of an earlier one."""

    def __init__(self, spec: InputSpec, descriptor: int | None) -> None:
        self.rejected = 0
        self.note = _NO_STREAM if descriptor is None else ""
        self._spec = spec
        self._tap = None if descriptor is None else Tap(descriptor)

    def records(self, last: Last) -> Iterator[Record]:
        """Yield rows as their lines come; without ids of their own they are counted on from the last one there is."""
        if self._tap is None or self._tap.closed:
            return
        try:
            with BufferedReader(self._tap, _BUFFER_BYTES) as file, closing(Rejects(self._spec.rejects)) as rejects:
                yield from self._records(cast("BinaryIO", file), last, rejects)
        except _ShutError:
            return
        except OSError as error:
            raise InputError(f"{NAME}: {error.strerror or error}") from None

    def _records(self, file: BinaryIO, last: Last, rejects: Rejects) -> Iterator[Record]:
        faults = Faults(rejects.add if self._spec.bad_rows == "reject" else None)
        faults.path = NAME
        rows = STREAMED[self._spec.format or "jsonl"](Opened(NAME, file, int), faults)
        number = last.number
        for count, record in identified(rows, key_reader(self._spec.id), faults, after=number, base=last.line):
            number = count
            yield record
        self.rejected = faults.count
        if faults.count and number == last.number:
            raise faults.all_bad(NAME)

    def shut(self) -> None:
        """Read no more."""
        if self._tap:
            self._tap.shut()

    def cut_short(self) -> End | None:
        """Return None: a stream that came to its end is all there is."""
        return None


class Tap(RawIOBase):
    """A descriptor to read from that can be shut from another thread: whoever reads is told, as half a row is none."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._shut, self._shutter = os.pipe()
        self._closing = threading.Lock()
        self._lines = self._begun = 0
        self._poll = poll()
        for each in (self._descriptor, self._shut):
            self._poll.register(each, POLLIN)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (whatever has the buffer protocol)
        """Wait for something to read, and read what is there."""
        if self._shut in dict(self._poll.poll()):
            raise _ShutError
        data = os.read(self._descriptor, len(buffer))
        self._measure(data)
        buffer[: len(data)] = data
        return len(data)

    def _measure(self, data: bytes) -> None:
        """Raise InputError for a line that never ends, as it would fill the memory."""
        end = data.rfind(b"\n")
        self._begun = self._begun + len(data) if end < 0 else len(data) - end - 1
        self._lines += data.count(b"\n")
        if self._begun > lines.LONGEST:
            raise InputError(f"{NAME}, line {self._lines + 1:,}: {lines.too_long()}")

    def shut(self) -> None:
        """End what waits for more."""
        with self._closing:
            if not self.closed:
                os.write(self._shutter, b"!")

    def close(self) -> None:
        """Let go of it; the descriptor itself is somebody else's, and stays open."""
        with self._closing:
            if not self.closed:
                os.close(self._shut)
                os.close(self._shutter)
            super().close()
