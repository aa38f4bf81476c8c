"""Brings the input of a job into its workspace, unless it is there already, and says what is to be done."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from .identity import fingerprint, identify, used_fields
from .job import InputSpec, JobSpec
from .prepare import Tally
from .preparespec import counts_in_words, fingerprint_of
from .reading import Reading, UnwantedError, prepared_rows
from .redo import PASSING, Redo
from .source import Rejected, Rejects, Row, state_of
from .store import arrivals, items, loads
from .store.loads import Loaded
from .store.remote import RemoteBatches
from .store.writer import Writer
from .taskspec import OpenAIBatchSpec
from .text import plural


@dataclass(slots=True)
class Progress:
    """How far the reading of an input has come."""

    rows: int = 0
    bytes: int = 0
    size: int = 0
    """Bytes there are; 0 where that says nothing of how far it has come."""
    prepared: Tally = field(default_factory=Tally)

    @property
    def share(self) -> float:
        """What is read of the input, from 0 to 1; 0 where nobody knows."""
        return min(1.0, self.bytes / self.size) if self.size else 0.0


def input_stamp(spec: JobSpec) -> tuple[str, int]:
    """Return what tells one state of the input, and of what makes the answers, from another; and the input's bytes."""
    if spec.input.live:
        return f"{spec.input.name}|{spec.input.id or ''}|{fingerprint(spec)}", 0
    state = state_of(spec.input)
    prepared = fingerprint_of(spec.prepare)
    return f"{state.stamp}|{prepared}{spec.input.id or ''}|{fingerprint(spec)}", state.size


async def load(
    spec: JobSpec, job: int, writer: Writer, unwanted: Callable[[], bool], *, afresh: bool = False
) -> Loaded | None:
    """Load the input where it is new or has changed, or is to be read afresh, and return what that found.

    Returns None when the workspace holds it already, or when `unwanted` said so on the way; the next run loads it then.
    """
    stamp, size = await asyncio.to_thread(input_stamp, spec)
    if not afresh and await writer.run(lambda db: loads.stamp(db, job)) == stamp:
        return None
    progress = Progress(size=size)
    with closing(Rejects(None if spec.input.live else spec.input.rejects)) as rejects:
        rows = _rows(spec, job, writer, progress, rejected=rejects.add, unwanted=unwanted)
        while await writer.run(lambda db: loads.discard_chunk(db, job)):
            pass
        number = await writer.run(lambda db: loads.begin_load(db, job))
        with closing(Reading(rows)) as reading, suppress(UnwantedError):
            while not unwanted():
                chunk = await reading.next()
                if not await writer.run(partial(loads.load_chunk, job=job, load=number, rows=iter(chunk))):
                    loaded = await writer.run(lambda db: loads.finish_load(db, job, number, stamp))
                    counts = progress.prepared.rows if spec.prepare else ()
                    return replace(loaded, rejected=rejects.count, prepared=tuple(counts))
                progress.rows += len(chunk)
                await writer.run(lambda db: loads.tell_progress(db, job, progress.rows, progress.share))
    return None


def _rows(
    spec: JobSpec,
    job: int,
    writer: Writer,
    progress: Progress,
    *,
    rejected: Callable[[Rejected], None],
    unwanted: Callable[[], bool],
) -> Iterator[Row]:
    """Return the rows of the input.

    Of a stream it is those that came, told apart by what is asked of them now; the answers of another job come again.
    """
    if spec.input.job is not None:
        return iter(())
    if spec.input.live:
        return arrivals.stored(writer.path, job, identify(spec))
    at = partial(setattr, progress, "bytes")
    return prepared_rows(spec, tally=progress.prepared, at=at, rejected=rejected, unwanted=unwanted)


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
        number = plural(unsure, "item")
        tell(f"up to {number} may have been sent, and billed, when the last engine died: sent again", "warn")
    if redo.fresh:
        await writer.run(lambda db: items.redo(db, job, redo, at))
        tell("all is asked afresh: what was answered before counts no more", "warn")
        if names := await RemoteBatches(writer, job).forget():
            tell(f"forgotten, though they go on at the provider and may be billed: {', '.join(names)}", "warn")
    loaded = await load(spec, job, writer, unwanted, afresh=redo.fresh and spec.input.job is not None)
    if loaded:
        for message, level in told(loaded, spec):
            tell(message, level)
    if not redo.fresh and (rows := await writer.run(lambda db: items.redo(db, job, redo, at))):
        why = "for a passing cause" if redo == PASSING else f"({', '.join(sorted(redo.failed))})"
        tell(f"trying {plural(len(rows), 'item')} again that failed {why}", "info")
    if spec.input.job is None and not unwanted():  # else nobody knows yet what is wanted
        for message in await _unwanted_batches(spec, RemoteBatches(writer, job)):
            tell(message, "warn")


async def _unwanted_batches(spec: JobSpec, remote: RemoteBatches) -> list[str]:
    """Return what is to be told of batches at a provider with answers that the job has no use for any more."""
    waited_for = isinstance(spec.task, OpenAIBatchSpec)
    lost = [(each.name, each.gone + (0 if waited_for else len(each.digests))) for each in await remote.sifted()]
    why = "rows or prompt changed" if waited_for else "the type of the job changed"
    told = "{} goes on at the provider: of its items {} no longer wanted, as {}; they may be billed"
    return [told.format(name, f"{gone:,} {'is' if gone == 1 else 'are'}", why) for name, gone in lost if gone]


def told(loaded: Loaded, spec: JobSpec) -> list[tuple[str, str]]:
    """Return what a load found, in lines with their level."""
    size = f"{spec.input.name}, while the job runs" if spec.input.live else plural(loaded.total, "item")
    lines = [(f"input: {size}", "info")]
    if loaded.prepared:
        lines.append((f"prepared: {counts_in_words(spec.prepare, loaded.prepared)}", "info"))
    if loaded.rejected:
        lines.append((rejected_in_words(loaded.rejected, spec.input), "warn"))
    if spec.input.job is not None:
        return lines
    if loaded.changed or loaded.removed:
        found = f"{loaded.new:,} new, {loaded.changed:,} changed, {loaded.removed:,} removed"
        lines.append((f"since the last run: {found}", "info"))
    if loaded.changed and loaded.pending == loaded.total:
        lines.append(("every item asks something else than before: prompt, model or all rows changed", "warn"))
    if loaded.total > 1 and used_fields(spec.task) == () and spec.input.duplicates == "once":
        how = 'asked once, and all get that answer; input.duplicates = "each" asks it for each row'
        lines.append((f"every row asks the same, as what is asked names no {{field}}: it is {how}", "warn"))
    return lines


def rejected_in_words(rows: int, spec: InputSpec) -> str:
    """Return how many rows could not be read, and where they went."""
    where = f", each with what is wrong with it → {spec.rejects}" if spec.rejects else ""
    return f"{plural(rows, 'row')} rejected{where}"
