"""Brings the input of a job into its workspace, unless it is there already, and says what is to be done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .identity import fingerprint, identify, used_fields
from .job import JobSpec
from .redo import PASSING, Redo
from .source import open_source
from .store import items, loads
from .store.loads import Loaded
from .store.writer import Writer


@dataclass(slots=True)
class Progress:
    """How far the reading of an input has come."""

    rows: int = 0
    bytes: int = 0


def input_stamp(spec: JobSpec) -> tuple[str, int]:
    """Return what tells one state of the input, and of what makes the answers, from another; and the input's bytes."""
    path = Path(spec.input.path)
    try:
        facts = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    stamp = f"{path}|{facts.st_size}|{facts.st_mtime_ns}|{spec.input.id or ''}|{fingerprint(spec)}"
    return stamp, facts.st_size


async def load(spec: JobSpec, job: int, writer: Writer, unwanted: Callable[[], bool]) -> Loaded | None:
    """Load the input where it is new or has changed, and return what that found.

    Returns None when the workspace holds it already, or when `unwanted` said so on the way; the next run loads it then.
    """
    stamp, size = input_stamp(spec)
    if await writer.run(lambda db: loads.stamp(db, job)) == stamp:
        return None
    progress = Progress()
    rows = open_source(spec.input, identify(spec), at=lambda byte: setattr(progress, "bytes", byte))
    while await writer.run(lambda db: loads.discard_chunk(db, job)):
        pass
    number = await writer.run(lambda db: loads.begin_load(db, job))
    while not unwanted():
        count = await writer.run(lambda db: loads.load_chunk(db, job, number, rows))
        if not count:
            return await writer.run(lambda db: loads.finish_load(db, job, number, stamp))
        progress.rows += count
        await writer.run(lambda db: loads.tell_progress(db, job, progress.rows, progress.bytes / max(1, size)))
    return None


async def prepare(
    spec: JobSpec,
    job: int,
    writer: Writer,
    *,
    redo: Redo,
    at: float,
    unwanted: Callable[[], bool],
    tell: Callable[[str, str], None],
) -> None:
    """Bring the input in, make pending what is to be done again, and tell of both, before anything is sent."""
    if unsure := await writer.run(lambda db: items.reclaim(db, job)):
        tell(f"up to {unsure:,} items may have been sent, and billed, when the last engine died; they go again", "warn")
    if redo.fresh:
        await writer.run(lambda db: items.redo(db, job, redo, at))
        tell("all is asked afresh: what was answered before counts no more", "warn")
    loaded = await load(spec, job, writer, unwanted)
    if loaded:
        for message, level in told(loaded, spec):
            tell(message, level)
    if not redo.fresh and (rows := await writer.run(lambda db: items.redo(db, job, redo, at))):
        why = "for a passing cause" if redo == PASSING else f"({', '.join(sorted(redo.failed))})"
        tell(f"trying {len(rows):,} items again that failed {why}", "info")


def told(loaded: Loaded, spec: JobSpec) -> list[tuple[str, str]]:
    """Return what a load found, in lines with their level."""
    lines = [(f"input: {loaded.total:,} items", "info")]
    if loaded.changed or loaded.removed:
        found = f"{loaded.new:,} new, {loaded.changed:,} changed, {loaded.removed:,} removed"
        lines.append((f"since the last run: {found}", "info"))
    if loaded.changed and loaded.pending == loaded.total:
        lines.append(("every item asks something else than before: prompt, model or all rows changed", "warn"))
    if loaded.total > 1 and not used_fields(spec.task) and spec.input.duplicates == "once":
        how = 'asked once, and all get that answer; input.duplicates = "each" asks it for each row'
        lines.append((f"every row asks the same, as what is asked names no {{field}}: it is {how}", "warn"))
    return lines
