"""Where a command's data goes: standard output, or a file that is there whole or not at all."""

import sys
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..engine.output.whole import whole_file


@contextmanager
def target(name: str, what: str, may_replace: Callable[[Path], bool], kept: Collection[Path]) -> Generator[BinaryIO]:
    """Yield standard output for `-`, or a whole file; see `whole_file`."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole_file(Path(name), what, may_replace, kept) as file:
        yield file
