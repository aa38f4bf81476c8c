"""Brings the results of one job into its files: opened before it runs, tended while it does, whole at its end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ..clock import Clock
from ..ending import End, stopped
from ..errors import BatchtopError, OutputError
from ..job import JobSpec
from ..snapshot import JobState
from ..store import record
from ..store.writer import Writer
from .files import OutputFiles

LOOK_S: Final = 1.0


class Delivery:
    """The files of a running job. What goes wrong with them is in `failure`, and no result is lost by it."""

    def __init__(self, spec: JobSpec, job: int, writer: Writer, clock: Clock, tell: Callable[[str, str], None]) -> None:
        self._spec = spec
        self._job = job
        self._writer = writer
        self._clock = clock
        self._tell = tell
        output = spec.output
        self._files = OutputFiles(output.path or "", output.failures or "", order=output.order, sync=output.sync)

    @property
    def failure(self) -> OSError | OutputError | None:
        """What keeps results from the files."""
        return self._files.failure

    async def open(self, on_commit: Callable[[], None]) -> None:
        """Make the files agree with the workspace, and bring every commit to them from now on.

        Raises OutputError when one of them is somebody else's, or can't be written.
        """
        if self._spec.output.sync:
            await self._writer.durable()
        others, at = self._files.others, self._clock.wall()
        known = await self._writer.run(lambda db: record.output_place(db, self._job, self._files.place, *others))
        start = await asyncio.to_thread(self._files.start, self._writer.path, self._job, known)
        await self._writer.run(lambda db: record.claim_output(db, self._job, start, *others, at=at))
        await asyncio.to_thread(self._files.open, self._writer.path, self._job, start)
        self._writer.attach(self._job, self._files, on_commit)
        await self._writer.flush()

    async def tend(self) -> None:
        """Look every second whether the files are still there, and bring to the disk what is in them."""
        while True:
            await self._clock.sleep(LOOK_S)
            with suppress(BatchtopError):  # the writer keeps it
                for told in await self._writer.run(lambda db: self._files.look(db, self._job)):
                    self._tell(told, "warn")
            await asyncio.to_thread(self._to_disk)

    def _to_disk(self) -> None:
        """The database first: what a file has that the database lost would be asked, and paid, again."""
        self._writer.to_disk()
        self._files.to_disk()

    async def renew(self) -> None:
        """Write the files anew, as some of what is in them was answered again."""
        await self._writer.run(lambda db: self._files.renew(db, self._job))

    async def renew_failures(self) -> None:
        """Write the failures anew, as some of them are to be tried again."""
        await self._writer.run(lambda db: self._files.renew_failures(db, self._job))

    async def close(self, end: End) -> End:
        """Commit and write the last of it, and return how the run ends then."""
        with suppress(BatchtopError):  # an engine that can't write any more says so by its own error
            await self._writer.detach(self._job)
        await asyncio.to_thread(self._files.close)
        if self._files.ordered and not self._writer.failure:
            end = await self._write_whole(end)
        if self.failure and end.state is not JobState.STOPPED:
            end = stopped(f"the output can't be written: {self.failure}")
        return end

    async def _write_whole(self, end: End) -> End:
        """Write an output that is in the order of its input, now that all is done, or tell why it is not there."""
        if end.state is not JobState.FINISHED:
            return replace(end, reason=f"{end.reason.rstrip('.')}; {self._not_yet()}") if self._files.started else end
        try:
            place = await asyncio.to_thread(self._files.write_whole, self._writer.path, self._job)
            await self._writer.run(lambda db: record.claim_output(db, self._job, place))
        except BatchtopError as error:
            return stopped(f"the output can't be written: {error}")
        return end

    def _not_yet(self) -> str:
        path, name = self._spec.output.path, self._spec.name
        return f"{path} is written when all is done, `batchtop export {name}` gives what there is"
