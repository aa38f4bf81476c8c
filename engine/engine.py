"""The engine: owns a workspace, runs its jobs, does what is asked of it through the commands table."""

import asyncio
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from .clock import Clock, LoopClock
from .control import Control
from .ending import End
from .errors import AuthError, UsageError
from .job import JobSpec
from .limits import Lane
from .live import Live, open_live
from .metrics import Account
from .parts import put_together
from .price import FREE, is_priced, rate_of
from .redo import PASSING, Redo
from .route import Route
from .runner import Runner
from .store import lanes, record
from .store.history import lanes_now
from .store.inbox import Inbox
from .store.lock import WorkspaceLock
from .store.upstream import check_upstream
from .store.writer import Writer
from .tasks import build_task
from .tasks.tokens import counter
from .taskspec import Place, TaskSpec, places, server_of
from .text import key_tag
from .transports import Afar, Around, Transport, Warming, open_worker
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
        self._environment = os.environ if environment is None else environment
        self._open_transport = transport or partial(open_http, self._environment)
        self._clock = clock or LoopClock()
        self._runners: dict[str, Runner] = {}
        self._runs: dict[str, asyncio.Task[End]] = {}
        self._lanes: dict[lanes.Identity, Lane] = {}
        self._remembered: dict[lanes.Identity, bytes] = {}
        self._draining = False
        self._submitting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(WorkspaceLock(self.path))
            self._writer = await stack.enter_async_context(Writer(self.path))
            inbox = await stack.enter_async_context(Inbox(self.path, self._writer))
            await inbox.refuse_stale(self._clock.wall())
            self.interrupted = await self._writer.run(record.interrupted)
            self._remembered = await self._writer.run(lanes.remembered)
            self._transport = self._open_transport()
            stack.push_async_callback(self._transport.aclose)
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
        routes = self._routes(spec)
        if (upstream := spec.input.job) is not None:
            await self._writer.run(lambda db: check_upstream(db, spec.name, upstream))
        source = open_live(spec, self.path, stdin)
        around = Around(self._transport, self._writer, self._clock)
        worker = await asyncio.to_thread(open_worker, spec.task, around)  # it may import a whole library
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
        transport, writer, clock = worker or self._transport, self._writer, self._clock
        parts = put_together(
            spec,
            job,
            live=live,
            lanes=known,
            routes=routes,
            writer=writer,
            transport=transport,
            clock=clock,
            source=source,
        )
        afar = worker if isinstance(worker, Afar) else None
        http = self._transport if worker is None and isinstance(self._transport, Warming) else None
        runner = Runner(spec, job, parts, writer=writer, clock=clock, redo=redo, afar=afar, http=http)
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

    def _routes(self, spec: JobSpec) -> tuple[Route, ...]:
        """Return the ways to the job's provider, those it falls back to, and those of its rules; one for each lane."""
        found: dict[Lane, Route] = {}
        for place in places(spec.task):
            for route in self._ways(spec, place):
                known = found.setdefault(route.lane, route)
                if place.rule:
                    known.rules = (*known.rules, place.rule)
        return tuple(found.values())

    def _ways(self, spec: JobSpec, place: Place) -> Iterator[Route]:
        """Yield one way to a provider for each usable key, or one without where none is needed."""
        task = place.task
        names = task.api_key_env
        found = {name: self._environment.get(name, "").strip() for name in names}
        keys = {key: name for name, key in reversed(found.items()) if key}
        if names and not keys:
            raise AuthError(
                f"no API key: {' or '.join(names)} is not set in the environment of the engine (pid {os.getpid()});"
                " export it before the engine starts, or name another variable in"
                f" {place.table}.api_key_env"
            )
        model = "" if task.model == spec.task.model else task.model
        for name, key in [(name, key) for key, name in reversed(keys.items())] or [("", None)]:
            used = Account(cost=0.0 if is_priced(task) else None)
            lane = self._lane(task, name, key)
            yield Route(lane, build_task(task, key), rate_of(task) or FREE, place.tier, model=model, used=used)

    def _lane(self, task: TaskSpec, key_name: str, key: str | None) -> Lane:
        """Return the lane that all jobs with this server, model and key share; a closed one gets another chance."""
        identity = (f"{server_of(task)} {task.model} {key_name}", key_tag(key or ""))
        lane = self._lanes.get(identity)
        if lane is None:
            place = f" @ {_place(server_of(task))}" if task.base_url else ""
            name = f"{task.model}{place}{' · ' if key_name else ''}{key_name}"
            lane = self._lanes[identity] = Lane(name, self._clock, secret=key or "")
            if state := self._remembered.get(identity):
                lane.restore(state, self._clock.wall())
        hold = lane.hold()
        if hold and hold.reason == "closed":
            lane.reopen()
        return lane

    def _remember_lanes(self) -> None:
        """Write down what the lanes have used and learned, where that has changed."""
        for identity, lane in self._lanes.items():
            state = lane.saved(self._clock.wall())
            if state != self._remembered.get(identity):
                self._remembered[identity] = state
                lanes.remember(self._writer, identity, state, self._clock.wall())

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
                self._remember_lanes()
                await self._clock.sleep(HEARTBEAT_S)
        finally:
            self._remember_lanes()
            inbox.leave()


def _place(base_url: str) -> str:
    """Return what tells a server from others for people: its host, and the path where that is not what most have."""
    url = urlsplit(base_url)
    return url.netloc + url.path.rstrip("/").removesuffix("/v1")


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
