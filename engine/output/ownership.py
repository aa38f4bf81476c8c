"""Whose file it is: a job's own may be torn and is written over, anybody else's is left alone."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Final, Literal

import msgspec

from ..outcome import Outcome
from ..store.record import Place
from ..store.results import Results

_LONGEST: Final = 1 << 20
"""Bytes of a first line that are looked at."""
_CHUNK: Final = 1 << 20
_FRESH: Final = 1 << 25
"""Bytes at the end of an output that a power cut may have left without their data: more than some seconds bring."""

_ID: Final = rb'\{"id":("(?:[^"\\]|\\.)*"|[^",]+),"status":'
_OUTPUT_HEAD: Final = re.compile(_ID + rb'"ok",')
_FAILURE_HEAD: Final = re.compile(
    _ID + rb'"failed","error":\{"kind":"(?:%b)","message":"' % "|".join(Outcome).encode(), re.DOTALL
)


class _Failure(msgspec.Struct, forbid_unknown_fields=True):
    """A line of the failures file."""

    id: msgspec.Raw
    status: Literal["failed"]
    error: dict[str, str]
    attempts: int


class Ownership:
    """Compares files with the results that one job has, or ever had.

    A first line counts as its own when it is whole, or when it is a part of one with nothing but zero bytes behind it,
    as a file has where its data never reached the disk.
    """

    def __init__(self, results: Results, job: int) -> None:
        self._results = results
        self._job = job

    def is_intact(self, file: BinaryIO, known: Place) -> bool:
        """Tell whether an output still ends at the place where this job left it, and nothing before is missing."""
        last = self._results.line_ever(self._job, up_to=known.seq)
        file.seek(max(0, known.size - len(last)))
        if not last or file.read(len(last)) != last:
            return False
        file.seek(max(0, known.size - _FRESH))
        return not any(b"\0" in chunk for chunk in _chunks(file, min(known.size, _FRESH)))

    def is_output(self, file: BinaryIO) -> bool:
        """Tell whether a file begins with an answer that this job has or had."""
        file.seek(0)
        head = _OUTPUT_HEAD.match(file.read(_LONGEST))
        of_its_item = self._results.lines_ever(self._job, head[1].decode(errors="replace")) if head else []
        return any(_begins_with(file, line) for line in [*self._firsts(), *of_its_item])

    def _firsts(self) -> Iterator[bytes]:
        """Yield what an output may begin with that is torn before the id of its first line is told."""
        yield b""
        yield self._results.line_ever(self._job)
        yield from (line for _, line in islice(self._results.lines(self._job), 1))

    def is_failures(self, file: BinaryIO) -> bool:
        """Tell whether a file begins as a failures file does, or holds nothing that could be lost."""
        file.seek(0)
        line = file.readline(_LONGEST)
        try:
            msgspec.json.decode(line, type=_Failure)
        except msgspec.ValidationError:
            return False
        except msgspec.DecodeError:
            firsts = islice(self._results.lines(self._job, failed=True), 1)
            return bool(_FAILURE_HEAD.match(line)) or any(
                _begins_with(file, first) for first in (b"", *(line for _, line in firsts))
            )
        return True


def _begins_with(file: BinaryIO, line: bytes) -> bool:
    file.seek(0)
    head = file.read(len(line))
    if line and head == line:
        return True
    return line.startswith(head.rstrip(b"\0")) and not any(chunk.strip(b"\0") for chunk in _chunks(file))


def _chunks(file: BinaryIO, limit: int | None = None) -> Iterator[bytes]:
    left = limit
    while chunk := file.read(_CHUNK if left is None else min(left, _CHUNK)):
        yield chunk
        left = None if left is None else left - len(chunk)
