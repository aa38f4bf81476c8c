"""Standard output and standard error that may be lost: a full disk, a reader that has gone, a terminal that died."""

import io
import os
import sys
from typing import Final, TextIO

from ..engine.errors import StoppedError

OUT: Final = 1
ERR: Final = 2


class _Said(io.FileIO):
    """Takes what it is given also when nobody can read it: not being heard is no reason to stop the work."""

    def write(self, data: "bytes | bytearray | memoryview", /) -> int | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _Data(io.FileIO):
    """Raises once when it can't be written, and then takes what is left in buffers, so that leaving does not fail too.

    What it raises is BrokenPipeError where the reader has gone, else StoppedError.
    """

    _lost = False

    def write(self, data: "bytes | bytearray | memoryview", /) -> int | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self._lost:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            self._lost = True
            if isinstance(error, BrokenPipeError):
                raise
            raise StoppedError(f"standard output can't be written: {error.strerror}") from error


def secure() -> None:
    """Have standard error never fail from now on, and standard output fail in a way that people understand."""
    _fill()
    # A terminal without our signs is no reason to fail either.
    sys.stdout = _text(_Data(OUT, "wb", closefd=False), like=sys.stdout, errors="replace")
    sys.stderr = _text(_Said(ERR, "wb", closefd=False), like=sys.stderr, errors="backslashreplace")
    sys.__stderr__ = sys.stderr  # pyright: ignore[reportAttributeAccessIssue] (the dashboard draws there)


def _text(file: io.FileIO, *, like: TextIO | None, errors: str) -> io.TextIOWrapper:
    """Return a stream to write text to as Python made it; it made none where the other end was closed."""
    lines = file.fileno() == ERR or file.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(file), like.encoding if like else "utf-8", errors=errors, line_buffering=lines
    )


def _fill() -> None:
    """Put nothing in the place of a standard stream that is closed: a file of ours would get its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= ERR:
        pass
    os.close(number)
