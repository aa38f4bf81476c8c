"""The engine: owns a workspace, runs its jobs, does what is asked of it through the commands table."""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from .clock import Clock, LoopClock
from .control import Control
from .ending import End
from .errors import UsageError
from .job import JobSpec
from .lanes import Lanes
from .live import Live, open_live
from .parts import put_together
from .redo import PASSING, Redo
from .route import Route
from .runner import Runner
from .store import record
from .store.history import lanes_now
from .store.inbox import Inbox
from .store.lanes import remembered
from .store.lock import WorkspaceLock
from .store.upstream import check_upstream
from .store.writer import Writer
from .tasks.tokens import counter
from .transports import Around, Transport, open_worker
from .transports.http import open_http

HEARTBEAT_S: Final = 0.5


class Engine:
    """Runs jobs in one workspace file: `async with Engine(path) as engine: await engine.run(spec)`.

    Entering raises WorkspaceBusyError when another process has the workspace. Keys are read from `environment`, and
    without a `transport` which HTTP client it is.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        environment: Mapping[str, str] | None = None,
        transport: Callable[[], Transport] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.path = Path(path)
        environment = os.environ if environment is None else environment
        self._open_transport = transport or partial(open_http, environment)
        self._clock = clock or LoopClock()
        self._lanes = Lanes(environment, self._clock)
        self._runners: dict[str, Runner] = {}
        self._runs: dict[str, asyncio.Task[End]] = {}
        self._draining = False
        self._submitting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(WorkspaceLock(self.path))
            self._writer = await stack.enter_async_context(Writer(self.path))
            inbox = await stack.enter_async_context(Inbox(self.path, self._writer))
            await inbox.refuse_stale(self._clock.wall())
            self.interrupted = await self._writer.run(record.interrupted)
            self._lanes.recall(await self._writer.run(remembered))
            self._around = Around(self._open_transport(), self._writer, self._clock)
            stack.push_async_callback(self._around.http.aclose)
            works = (self._beat(inbox), Control(self, inbox, self._clock).serve())
            self._background = [asyncio.create_task(work) for work in works]
            beating, serving = self._background
            stack.push_async_callback(_cancel, beating)
            stack.push_async_callback(self._stop_all)
            stack.push_async_callback(_cancel, serving)  # first of all: a job that it starts now nobody would stop
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # ── what a program that embeds the engine calls ──

    async def run(self, spec: JobSpec, redo: Redo = PASSING, stdin: int | None = None) -> End:
        """Run a job to its end, or go on with it where it stopped; raises AuthError when it has no usable key."""
        await self.submit(spec, redo=redo, stdin=stdin)
        return await self.wait(spec.name)

    async def submit(
        self, spec: JobSpec, wishes: Collection[str] = (), redo: Redo = PASSING, stdin: int | None = None
    ) -> Runner:
        """Start a job and return at once; one that runs already goes on, and only the `wishes` are new to it.

        `wishes` are settings asked for explicitly this time: they win over live changes of an earlier run. `redo` is
        what of an earlier run is to be done again, `stdin` the descriptor that a job over standard input reads. Raises
        AuthError when the job has no usable key, UsageError when it, or the engine, is told to end, when it runs and is
        to be done afresh, or when there is no job whose answers it wants.
        """
        if self._draining:
            raise UsageError(f"the engine (pid {os.getpid()}) is stopping; run the job again when it has gone")
        async with self._submitting:
            runner = self._runners.get(spec.name)
            if runner and runner.active and not runner.finishing:
                runner.run_again(spec, wishes, redo)
                return runner
            return await self._start(spec, wishes, redo, stdin)

    async def _start(self, spec: JobSpec, wishes: Collection[str], redo: Redo, stdin: int | None) -> Runner:
        if earlier := self._runs.get(spec.name):
            await asyncio.wait({earlier})  # its last commit may still be on the way
        if spec.task.tokenizer:
            await asyncio.to_thread(counter, spec.task.tokenizer)  # its vocabulary is read, or even fetched, only once
        routes = self._lanes.routes(spec)
        if (upstream := spec.input.job) is not None:
            await self._writer.run(lambda db: check_upstream(db, spec.name, upstream))
        source = open_live(spec, self.path, stdin)
        worker = await asyncio.to_thread(open_worker, spec.task, self._around)  # it may import a whole library
        try:
            return await self._begin(spec, wishes, redo, routes=routes, source=source, worker=worker)
        except BaseException:
            if worker:
                await worker.aclose()
            raise

    async def _begin(
        self,
        spec: JobSpec,
        wishes: Collection[str],
        redo: Redo,
        *,
        routes: tuple[Route, ...],
        source: Live | None,
        worker: Transport | None,
    ) -> Runner:
        """Have a job run whose worker is there."""
        job, live = await self._writer.run(lambda db: record.register(db, spec, self._clock.wall(), wishes))
        known = await self._writer.run(lambda db: lanes_now(db, job.id))
        parts = put_together(
            spec, job, self._around, live=live, lanes=known, routes=routes, source=source, worker=worker
        )
        runner = Runner(spec, job, parts, self._around, worker=worker, redo=redo)
        self._runners[spec.name] = runner
        self._runs[spec.name] = asyncio.create_task(_run(runner, worker), name=f"batchtop-job-{spec.name}")
        for below in self.active():
            if below.spec.input.job == spec.name:
                below.look_again()
        if self._draining:
            runner.drain("the engine is stopping")
        return runner

    async def wait(self, name: str) -> End:
        """Return how the job ended, once it has; raises what ended the engine itself."""
        run = self._runs[name]
        await asyncio.wait({run, *self._background}, return_when=asyncio.FIRST_COMPLETED)
        self.check()
        return await asyncio.shield(run)

    def check(self) -> None:
        """Raise what ended a part of the engine that never ends by itself."""
        if self._writer.failure:
            raise self._writer.failure
        for task in self._background:
            if task.done():
                task.result()

    def job(self, name: str) -> Runner:
        """Return a job that runs here; raises UsageError when there is none of that name."""
        runner = self._runners.get(name)
        if runner is None or not runner.active:
            raise UsageError(f"no job named {name!r} is running here")
        return runner

    def active(self) -> list[Runner]:
        """Return the jobs that have not ended."""
        return [runner for runner in self._runners.values() if runner.active]

    def drain(self, reason: str) -> None:
        """Take no job any more, and end those that run as soon as what is in flight is answered."""
        self._draining = True
        for runner in self.active():
            runner.drain(reason)

    # ── inside ──

    async def _stop_all(self) -> None:
        for name, run in self._runs.items():
            if not self._runners[name].finishing:
                run.cancel()
        await asyncio.gather(*self._runs.values(), return_exceptions=True)

    async def _beat(self, inbox: Inbox) -> None:
        """Write a sign of life and what the lanes know, and make sure that there is still a workspace to write to."""
        started_at = self._clock.wall()
        try:
            while True:
                self._writer.check_file()
                inbox.beat(os.getpid(), started_at, self._clock.wall())
                self._lanes.remember(self._writer)
                await self._clock.sleep(HEARTBEAT_S)
        finally:
            self._lanes.remember(self._writer)
            inbox.leave()


async def _run(runner: Runner, worker: Transport | None) -> End:
    """Run a job to its end, and let go of what worked for it alone."""
    try:
        return await runner.run()
    finally:
        if worker:
            await worker.aclose()


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
