"""`batchtop export`: the results of a job as JSON lines, as they were completed."""

import sys
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..engine.errors import OutputError
from ..engine.store.reader import Reader


def export(options: Namespace) -> int:
    """Write every result once."""
    with Reader(options.db) as reader:
        job = reader.known_job(options.job)
        written = 0
        with _target(options.output) as file:
            for _, line in reader.output_lines(job.id, failed=options.failed):
                file.write(line)
                written += 1
    print(f"{written:,} {'failed items' if options.failed else 'results'} of {job.name}", file=sys.stderr)
    return 0


@contextmanager
def _target(name: str) -> Generator[BinaryIO]:
    """Yield standard output, or a file that takes its name only when it is whole."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
