"""A running job as others see it: where it stands, and what may be asked of it meanwhile."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

from .errors import InputError, UsageError
from .hold import Hold
from .job import JobSpec, check_budget
from .loading import input_stamp
from .parts import Parts
from .redo import Redo
from .settings import Layer, Value, resolve
from .snapshot import ACTIVE, JobRow, JobState
from .store import items, record
from .text import plural
from .transports import Afar, Around, Transport

_OTHERWISE: Final = (
    "the input, or what is asked of it, is another now than when this run began, which goes on with what it was then;"
    " run the job again when it has ended"
)


class RunningJob:
    """A job that runs. Wishes (`pause`, `drain`, ...) act at once and may come at any time."""

    def __init__(self, spec: JobSpec, job: JobRow, parts: Parts, around: Around, worker: Transport | None) -> None:
        self.spec = spec
        self.state = JobState.QUEUED
        self.finishing = False
        """Whether it has ended but for writing that down, which must not be cut short."""
        self._job = job.id
        self._writer = around.writer
        self._clock = around.clock
        self._stamp = ""
        """Which state of the input it runs over, once that is known."""
        self._dials = parts.dials
        self._ways = parts.ways
        self._journal = parts.journal
        self._delivery = parts.delivery
        self._feed = parts.feed
        self._loop = parts.loop
        self._pulse = parts.pulse
        self._intake = parts.intake
        self._afar = worker if isinstance(worker, Afar) else None

    @property
    def active(self) -> bool:
        """Whether the job still runs, or waits to."""
        return self.state in ACTIVE

    def pause(self, reason: str) -> None:
        """Send nothing more until `resume`; what is in flight is answered. Raises UsageError unless it is running."""
        self._must_be(JobState.RUNNING)
        self._pulse.take()  # so that what it ran is told to the moment of its pause
        self._loop.pause()
        self._enter(JobState.PAUSED, reason)

    def resume(self) -> None:
        """Go on after `pause`; raises UsageError unless it is paused."""
        self._must_be(JobState.PAUSED)
        self._pulse.take()
        self._enter(JobState.RUNNING)
        self._loop.resume()

    def _must_be_active(self) -> None:
        if not self.active:
            raise UsageError(f"{self.spec.name} is {self.state}; run it again instead")

    def _must_be(self, state: JobState) -> None:
        if self.state is not state:
            raise UsageError(f"{self.spec.name} is {self.state}, not {state}")

    def drain(self, reason: str) -> None:
        """Answer what is in flight, then end; the job can be run again."""
        if not self.active:
            return
        if self._loop.stop is None:
            self._enter(JobState.DRAINING, reason)
            self._loop.end(Hold("drain"))
        if self._afar:
            self._afar.let_go()

    async def cancel(self, reason: str) -> None:
        """Drop what is in flight and end; the job can be run again."""
        if self.active:
            self._enter(JobState.DRAINING, reason)
            self._loop.end(Hold("cancel"))
            await self._loop.cancel_in_flight()
            if self._afar:
                await self._afar.cancel()

    def retest(self) -> str:
        """Try keys again that the server refused, or gave up; return which. Raises UsageError when there is none."""
        self._must_be_active()
        names = self._ways.reopen()
        self._journal.tell(f"testing again: {names}")
        self._loop.wake()
        return names

    def switch(self, name: str, *, enabled: bool, who: str) -> str:
        """Use a lane no more, or again, until told otherwise, over all runs; return what became of it.

        What is in flight is answered. Raises UsageError where it changes nothing, or leaves the job without a lane.
        """
        self._must_be_active()
        route = self._ways.switch(name, enabled=enabled)
        self._loop.reroute(None if enabled else route.lane)
        self._journal.tell(f"{who} switched {'on' if enabled else 'off'} {route.lane.name}")
        at = self._clock.wall()
        self._journal.lanes(at, self._ways.states(at))
        return f"{route.lane.name} is {'on' if enabled else 'off; what it has in flight is answered'}"

    async def retry(self, wish: Redo) -> int:
        """Try items again that failed, as soon as there is room, and return how many; raises UsageError unless it runs.

        While it is loading or ends there is nothing to retry, or nobody who would.
        """
        if self.state not in {JobState.RUNNING, JobState.PAUSED} or self.finishing:
            raise UsageError(f"{self.spec.name} is {self.state}; retry when it runs, or when it has ended")
        if wish.fresh:
            raise UsageError(f"{self.spec.name} runs; drain or cancel it before it is done afresh")
        at = self._clock.wall()
        count = await self._feed.again(lambda: self._writer.run(lambda db: items.redo(db, self._job, wish, at)))
        if count:
            self._journal.tell(f"trying {plural(count, 'item')} again that failed ({', '.join(sorted(wish.failed))})")
            await self._delivery.renew_failures()
        return count

    def run_again(self, spec: JobSpec, wishes: Collection[str], redo: Redo) -> None:
        """Take over the settings asked for with a job that runs already, and tell where it would ask otherwise now.

        Raises UsageError once it was told to end, and where it is to be done afresh.
        """
        if self._loop.stop is not None:
            raise UsageError(f"{spec.name} is still answering what is in flight; run it again when that is done")
        if redo.fresh:
            raise UsageError(f"{spec.name} runs; drain or cancel it before it is done afresh")
        if self._intake:
            self._intake.again()
        with suppress(InputError):  # it is loaded
            if self._stamp and input_stamp(spec)[0] != self._stamp:
                self._journal.tell(_OTHERWISE, "warn")
        settings = resolve(spec.layers).settings
        if wishes:
            self.change({key: getattr(settings, key) for key in wishes}, who="command line", origin="--set")

    def look_again(self) -> None:
        """Take more of what the job above answers, which runs again, unless this one was told to end."""
        if self._intake and self._loop.stop is None and not self.finishing:
            self._intake.again()

    def change(self, values: Mapping[str, Value], *, who: str, origin: str) -> dict[str, tuple[Value, Value]]:
        """Obey other settings from now on, record what changed, and return it: key -> (old, new).

        Raises SettingError for a budget without prices.
        """
        check_budget(self.spec.task, (*self.spec.layers, Layer("set", values)))
        changed = self._dials.change(values, origin)
        self._loop.settings = self._dials.now.settings
        self._ways.obey(self._dials.now.settings)
        self._loop.wake()
        for key, (old, new) in changed.items():
            self._journal.changed(key, old, new, who=who, origin=origin)
        self._save_dials()
        return changed

    # ── the books ──

    def _save_dials(self) -> None:
        record.save_dials(self._writer, self._job, self._dials.now, self._dials.live)

    def _enter(self, state: JobState, reason: str = "", exit_code: int | None = None) -> None:
        self.state = state
        self._journal.state(state, reason, exit_code)
