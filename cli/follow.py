"""Follows a job through its workspace until it ends: progress to standard error, results to standard output."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ..engine.errors import StoppedError
from ..engine.snapshot import ACTIVE, JobState, Snapshot
from ..engine.store.lock import owner
from ..engine.store.reader import Reader
from ..tui.series import ETA_S
from .opened import opened
from .tell import Report, teller

LOOK_S: Final = 0.2
UNSETTLED: Final = frozenset({JobState.QUEUED, JobState.LOADING})
"""Until the input is loaded, there may be results of rows that have changed since."""


async def follow(path: Path, name: str, report: Report) -> Snapshot:
    """Tell of a job until it has ended and return its last state; raises StoppedError when its engine dies."""
    tell = teller(report)
    written = 0
    loop = asyncio.get_running_loop()
    # The thread stands inside: a read that goes on when this is cancelled ends before its connection is closed.
    with opened(path) as reader, ThreadPoolExecutor(1) as thread, tell:
        while True:
            dead = owner(path) is None
            snapshot = await loop.run_in_executor(thread, reader.snapshot, name, ETA_S)
            if snapshot is None:
                raise StoppedError(f"{path}: {name} is no longer there")
            if report.results and snapshot.job.state not in UNSETTLED:
                written = await loop.run_in_executor(thread, _write_results, reader, snapshot.job.id, written)
            ended = snapshot.job.state not in ACTIVE
            tell(snapshot, ended=ended)
            if ended:
                return snapshot
            if dead:
                raise StoppedError(f"{path}: the engine died; run the job again to continue")
            await asyncio.sleep(LOOK_S)


def _write_results(reader: Reader, job: int, after: int) -> int:
    """Write the results behind number `after` and return the last one's number."""
    out = sys.stdout.buffer
    last = after
    for last, line in reader.output_lines(job, after=after):  # noqa: B007 (the last one's number is wanted)
        out.write(line)
    out.flush()
    return last
