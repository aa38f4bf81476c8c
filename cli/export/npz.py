"""Vectors as an archive that `numpy.load` reads: their ids, and a table with a row for each.

What NumPy wants to know before the first number, a look at all of them tells; then each is written as it is stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from ...engine.errors import UsageError
from ...engine.store.results import Result
from ...engine.vector import HALF, length, singles
from .columns import id_text, id_value, no_vector
from .formats import Export

MEMBERS: Final = ["id.npy", "output.npy"]

_MAGIC: Final = b"\x93NUMPY\x01\x00"
_ALIGNED: Final = 64
"""Bytes that a header is a multiple of."""
_LONG: Final = 1 << 63
_WIDEST: Final = 1_000
"""Characters of an id: NumPy gives each of them the room of the longest."""


@dataclass(slots=True)
class _Shape:
    """What there is to write."""

    rows: int = 0
    numbers: int = 0
    """Of each vector."""
    are_half: bool = True
    """Whether all of them are float16."""
    are_int: bool = True
    """Whether all ids are whole numbers of 64 bits."""
    widest: int = 1
    """Characters of the longest id."""

    def add(self, result: Result) -> None:
        """Take one more into account; raises UsageError for one that does not go with those before."""
        numbers = _length(result)
        if self.rows and numbers != self.numbers:
            raise UsageError(
                f"the vector of item {result.key} has {numbers:,} numbers, that of the first {self.numbers:,}:"
                " an archive of NumPy's wants them alike; export the job as Parquet or jsonl"
            )
        self.rows, self.numbers = self.rows + 1, numbers
        self.are_half &= result.output.startswith(HALF)
        self.are_int &= isinstance(number := id_value(result.key), int) and -_LONG <= number < _LONG
        self.widest = max(self.widest, len(id_text(result.key)))
        if self.widest > _WIDEST:
            raise UsageError(
                f"the id {result.key[:40]}… has {self.widest:,} characters, and an archive of NumPy's gives each id the"
                f" room of the longest: {_WIDEST:,} at most; export the job as Parquet or jsonl"
            )

    def id_bytes(self, result: Result) -> bytes:
        """Return an id as its array holds it."""
        if self.are_int:
            return int(result.key).to_bytes(8, "little", signed=True)
        return id_text(result.key).encode("utf-32-le").ljust(4 * self.widest, b"\0")

    def vector_bytes(self, result: Result) -> bytes | memoryview:
        """Return a vector as its array holds it."""
        return memoryview(result.output)[1:] if self.are_half else singles(result.output)


def write_npz(file: BinaryIO, export: Export) -> int:
    """Write an archive and return how many vectors it has; raises UsageError where they are none, or not alike."""
    if not export.vectors:
        raise UsageError("the outputs of this job are no vectors, which is all that an archive of NumPy's takes")
    with export.results.one_moment():
        shape = _Shape()
        for result in _each(export):
            shape.add(result)
        ids = "<i8" if shape.are_int else f"<U{shape.widest}"
        numbers = "<f2" if shape.rows and shape.are_half else "<f4"
        with ZipFile(file, "w") as archive:
            _write(archive, "id.npy", _header(ids, (shape.rows,)), map(shape.id_bytes, _each(export)))
            rows = map(shape.vector_bytes, _each(export))
            _write(archive, "output.npy", _header(numbers, (shape.rows, shape.numbers)), rows)
    return shape.rows


def member_names(path: Path) -> list[str]:
    """Return what is in an archive, nothing where it is no archive."""
    try:
        with ZipFile(path) as archive:
            return archive.namelist()
    except (BadZipFile, OSError):
        return []


def _each(export: Export) -> Iterator[Result]:
    return (result for page in export.results.pages(export.wanted) for result in page)


def _write(archive: ZipFile, name: str, header: bytes, rows: Iterable[bytes | memoryview]) -> None:
    with archive.open(ZipInfo(name), "w", force_zip64=True) as member:
        member.write(header)
        for row in rows:
            member.write(row)


def _header(kind: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the numbers of an array, in the format's first version."""
    told = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    padded = told + b" " * (-(len(_MAGIC) + 2 + len(told) + 1) % _ALIGNED) + b"\n"
    return _MAGIC + len(padded).to_bytes(2, "little") + padded


def _length(result: Result) -> int:
    try:
        return length(result.output)
    except ValueError as error:
        raise no_vector(result) from error
