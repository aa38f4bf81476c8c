"""One job from its start to its end: loads the items, runs the loop, says how it ended."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from .ending import End, ended, interrupted, stopped
from .errors import BatchtopError
from .hold import Hold
from .job import JobSpec
from .limits import LaneClosed
from .loading import input_stamp, prepare
from .parts import Parts
from .redo import Redo
from .running import RunningJob
from .snapshot import JobRow, JobState
from .store import loads
from .store.items import Pages
from .store.reader import read_job
from .transports import Around, Transport, Warming
from .warming import first_wave


class Runner(RunningJob):
    """Runs one job, once."""

    def __init__(
        self, spec: JobSpec, job: JobRow, parts: Parts, around: Around, *, worker: Transport | None, redo: Redo
    ) -> None:
        super().__init__(spec, job, parts, around, worker)
        self._redo = redo
        self._http = around.http if worker is None and isinstance(around.http, Warming) else None
        if self._afar:
            self._afar.begin(job.id, parts.journal.tell)

    async def run(self) -> End:
        """Run the job until it has ended; what a person has to know of a failure is in the End, not raised."""
        try:
            await self._load()
            end = await self._run_loop()
        except BatchtopError as error:
            end = End(JobState.STOPPED, str(error), error.exit_code)
        except asyncio.CancelledError:
            end = interrupted(Hold("cancel"), "the engine was stopped")
        except Exception as error:
            await self._finish(stopped(f"internal error: {error!r}"))
            raise
        return await self._finish(end)

    async def _load(self) -> None:
        self._enter(JobState.LOADING)
        self._save_dials()
        self._stamp, _ = await asyncio.to_thread(input_stamp, self.spec)
        warming = asyncio.create_task(self._open_connections())
        try:
            await prepare(
                self.spec,
                self._job,
                self._writer,
                redo=self._redo,
                at=self._clock.wall(),
                unwanted=lambda: self._loop.stop is not None,
                tell=self._journal.tell,
            )
        finally:
            await _stopped(warming)
        row = await self._row()
        if row.left < row.total:
            self._journal.tell(f"{row.done:,} of {row.total:,} done before, {row.failed:,} failed, {row.left:,} to do")

    async def _open_connections(self) -> None:
        """Have connections ready for the first batches, where there is something to do."""
        if self._http is None or self._loop.stop is not None:
            return
        known = await self._writer.run(lambda db: loads.stamp(db, self._job)) == self._stamp
        row = await self._row()
        new = not (known or self.spec.input.live) or self._redo.fresh
        count = first_wave(self.spec.task, self._loop.settings)
        if count := count if new else min(count, row.left):
            await self._http.warm(self.spec.task.base_url, count)

    async def _run_loop(self) -> End:
        if self._loop.stop is not None:
            return interrupted(self._loop.stop, "stopped before all was loaded")
        await self._delivery.open(self._loop.wake)
        self._enter(JobState.RUNNING)
        self._journal.started()
        self._pulse.begin()
        async with Pages(self._writer.path, self._job) as pages:
            helpers = self._helpers(pages)
            try:
                await self._loop.run(lambda: self._feed.want(self._loop.settings))
                self.finishing = True  # what is made pending from now on would be left behind
            finally:
                await _stopped(*helpers)
        if self._intake and self._intake.stale:
            await self._delivery.renew()
        return self._ended(await self._row())

    def _helpers(self, pages: Pages) -> list[asyncio.Task[None]]:
        """Begin what works for the loop; it raises what one of them ends with."""
        works = [self._feed.run(pages, lambda: self._loop.settings), self._pulse.run(), self._delivery.tend()]
        if self._intake:
            works.append(self._intake.run())
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            self._loop.watch(task)
        return tasks

    def _ended(self, row: JobRow) -> End:
        end = ended(self._loop.stop, row)
        if self._intake:
            end = self._intake.ended(end, self._loop.stop)
        if isinstance(self._loop.stop, LaneClosed) and self._ways.off:
            return replace(end, reason=f"{end.reason}; switched off: {self._ways.off} (`batchtop lane` switches on)")
        return end

    async def _row(self) -> JobRow:
        row = await self._writer.run(lambda db: read_job(db, self.spec.name))
        assert row is not None, "a running job has a row"  # noqa: S101
        return row

    async def _finish(self, end: End) -> End:
        """Commit the last of it; an engine that can't write any more says so by its own error."""
        self.finishing = True
        self._journal.dropped(0 if self._afar else self._loop.dropped)
        self._pulse.take(last=True)  # with the job's own limits, which its lanes are then free of
        self._ways.leave()
        end = await self._delivery.close(end)
        with suppress(BatchtopError):
            self._enter(end.state, end.reason, end.exit_code)
            self._journal.ended()
            await self._writer.flush()
            await self._writer.gather()
        return end


async def _stopped(*tasks: asyncio.Task[None]) -> None:
    """End helpers of the loop; an error of theirs is raised, being cancelled is none."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
