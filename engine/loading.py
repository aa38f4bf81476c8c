"""Brings the input of a job into its workspace, unless it is there already."""

from collections.abc import Callable
from pathlib import Path

from .errors import InputError
from .job import JobSpec, fingerprint
from .source import open_source
from .store import items
from .store.items import Loaded
from .store.writer import Writer


def input_stamp(spec: JobSpec) -> str:
    """Return what tells one state of the input, and of what makes the answers, from another."""
    path = Path(spec.input.path)
    try:
        facts = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return f"{path}|{facts.st_size}|{facts.st_mtime_ns}|{spec.input.id or ''}|{fingerprint(spec)}"


async def load(spec: JobSpec, job: int, writer: Writer, unwanted: Callable[[], bool]) -> Loaded | None:
    """Load the input where it is new or has changed, and return what that found.

    Returns None when the workspace holds it already, or when `unwanted` said so on the way; the next run loads it then.
    """
    stamp = input_stamp(spec)
    if await writer.run(lambda db: items.stamp(db, job)) == stamp:
        return None
    rows = open_source(spec.input, fingerprint(spec))
    number = await writer.run(lambda db: items.begin_load(db, job))
    while not unwanted():
        if not await writer.run(lambda db: items.load_chunk(db, job, number, rows)):
            return await writer.run(lambda db: items.finish_load(db, job, number, stamp))
    return None
