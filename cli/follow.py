"""Follows a job through its workspace until it ends: progress to standard error, results to standard output."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ..engine.errors import StoppedError
from ..engine.snapshot import ACTIVE, JobRow, JobState, Snapshot
from ..engine.store.lock import owner
from ..engine.store.reader import Reader
from ..engine.store.results import Selection
from ..engine.store.writer import LOCKED_S
from ..tui.figures.series import ETA_S
from .opened import opened
from .say import LogFormat, say
from .tell import Report, Sent, teller

LOOK_S: Final = 0.2
SILENT_S: Final = 10.0
UNSETTLED: Final = frozenset({JobState.QUEUED, JobState.LOADING})
"""Until the input is loaded, there may be results of rows that have changed since."""


async def follow(path: Path, name: str, report: Report) -> Snapshot:
    """Tell of a job until it has ended and return its last state; raises StoppedError when its engine dies."""
    tell = teller(report)
    written, silence = 0, Silence(path, report)
    loop = asyncio.get_running_loop()
    # The thread stands inside: a read that goes on when this is cancelled ends before its connection is closed.
    with opened(path) as reader, ThreadPoolExecutor(1) as thread, tell:
        while True:
            dead = owner(path) is None
            snapshot = await loop.run_in_executor(thread, reader.snapshot, name, ETA_S)
            if snapshot is None:
                raise StoppedError(f"{path}: {name} is no longer there")
            ended = snapshot.job.state not in ACTIVE
            if report.results and snapshot.job.state not in UNSETTLED:
                written = await loop.run_in_executor(thread, _write_results, reader, snapshot.job, written)
            silence.look(snapshot)
            if ended:
                tell(snapshot, sent=await loop.run_in_executor(thread, _sent, reader, snapshot.job, report.since))
                return snapshot
            tell(snapshot)
            if dead:
                raise StoppedError(f"{path}: the engine died; run the job again to continue")
            await asyncio.sleep(LOOK_S)


def _sent(reader: Reader, job: JobRow, since: float) -> Sent:
    """Return what was asked since then, which the totals of a job that ran before don't tell."""
    lately = [(sample.requests, sample.cost) for sample in reader.history(job.id) if sample.at > since]
    return Sent(sum(requests for requests, _ in lately), sum(cost for _, cost in lately))


class Silence:
    """Says once when an engine that lives has written nothing for a while."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path = path
        self._log_format: LogFormat = report.log_format
        self._is_told = False

    def look(self, snapshot: Snapshot) -> None:
        """Look at the engine's sign of life; reading a large input may keep it from giving one."""
        if snapshot.engine is None or snapshot.job.state in UNSETTLED:
            return
        silent = snapshot.taken_at - snapshot.engine.heartbeat_at > SILENT_S
        if silent and not self._is_told:
            say(
                f"{self._path}: the engine could write nothing for {SILENT_S:.0f} s; is there an open transaction in"
                f" another program? It keeps trying for {LOCKED_S / 60:.0f} minutes",
                self._log_format,
            )
        self._is_told = silent


def _write_results(reader: Reader, job: JobRow, after: int) -> int:
    """Write the results behind number `after`, or all in the order of the input at the end; return the last number."""
    out = sys.stdout.buffer
    last = after
    if reader.spec(job.name).output.order == "completed":
        for last, line in reader.results.lines(job.id, after=after):  # noqa: B007 (the last one's number is wanted)
            out.write(line)
    elif job.state not in ACTIVE:
        for page in reader.results.pages(Selection(job.id, order="input")):
            out.writelines(result.line() for result in page)
    out.flush()
    return last
