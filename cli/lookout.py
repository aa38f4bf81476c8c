"""Looks after the jobs of this process's engine, and calls the hook for what happens to them."""

import asyncio
import os
import time
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..engine.errors import BatchtopError
from ..engine.snapshot import ACTIVE, Snapshot
from ..engine.store.lock import WorkspaceBusyError
from ..engine.store.reader import Reader
from ..engine.taskspec import tiers
from ..engine.text import clean, redact
from ..tui.words.notices import Notice, Seen, look
from . import hook
from .config import load_config
from .opened import opened
from .say import LogFormat, say
from .signals import StopLadder

LOOK_S: Final = 1.0
WINDOW_S: Final = 60.0
"""Samples of so long tell a silence from a pause."""
PATIENCE_S: Final = 1.0
"""A person is told of a wait for the hook that is longer."""


def lookout(path: Path, log_format: LogFormat = "text") -> AbstractAsyncContextManager[object]:
    """Return what calls the hook of the config file while an engine is at work, to be entered before the engine is.

    Leaving it waits until the last call has ended. Raises UsageError for what is wrong with the config file.
    """
    config = load_config()
    command = config.notify.hook
    if not command:
        return nullcontext()
    if wrong := hook.problem(command):
        say(f"{config.path}: notify.hook: {wrong}; the jobs run without it", log_format)
    return Lookout(path, command, log_format)


class Lookout:
    """Reads the workspace once a second, and calls the hook for each notice; one call at a time for each job."""

    def __init__(self, path: Path, command: str, log_format: LogFormat = "text", limit_s: float = hook.LIMIT_S) -> None:
        self._path, self._command, self._limit_s = path, command, limit_s
        self._log_format: LogFormat = log_format
        self._since = time.time()
        self._seen: dict[str, Seen] = {}
        self._active: dict[str, Snapshot] = {}
        self._secret: set[str] = set()
        self._calls: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_for_ever())
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        self._looking.cancel()
        await asyncio.wait({self._looking})
        if isinstance(error, WorkspaceBusyError):
            return  # it is another engine's
        await self._look()
        if error:
            self._broken(redact(clean(str(error) or type(error).__name__)))
        await self._last_calls()

    async def _look_for_ever(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        """Call the hook for what has happened since the last look; what can't be read now is read the next time."""
        with suppress(BatchtopError, OSError):
            for snapshot in await asyncio.to_thread(self._read):
                name = snapshot.job.name
                notices, self._seen[name] = look(self._seen.get(name, Seen(self._since)), snapshot)
                for notice in notices:
                    self._call(notice, snapshot)

    def _read(self) -> list[Snapshot]:
        """Return the jobs that run or have just ended."""
        if not self._path.exists():
            return []
        with opened(self._path) as reader:
            fresh = [row.name for row in reader.jobs() if row.state in ACTIVE or (row.ended_at or 0) > self._since]
            found = [snapshot for name in fresh if (snapshot := reader.snapshot(name, WINDOW_S))]
            self._secret.update(*(_key_names(reader, name) for name in fresh))
        self._active = {each.job.name: each for each in found if each.job.state in ACTIVE}
        return found

    def _broken(self, why: str) -> None:
        """Tell of an engine that could not go on, and wrote no ends."""
        for name, snapshot in self._active.items():
            self._call(Notice(name, "stopped", why), snapshot)

    def _call(self, notice: Notice, snapshot: Snapshot) -> None:
        earlier = self._calls.get(notice.job)
        self._calls[notice.job] = asyncio.create_task(self._called(notice, snapshot, earlier))

    async def _called(self, notice: Notice, snapshot: Snapshot, earlier: asyncio.Task[None] | None) -> None:
        if earlier:
            await asyncio.wait({earlier})
        told = hook.call(notice, snapshot, self._path)
        wrong = await hook.run(self._command, told, hook.environment(told, os.environ, self._secret), self._limit_s)
        if wrong:
            say(f"the hook for {notice.job} ({notice.occasion}) {wrong}", self._log_format)

    async def _last_calls(self) -> None:
        """Wait for the calls that still run; Ctrl-C ends them."""
        calls = {task for task in self._calls.values() if not task.done()}
        if not calls:
            return
        StopLadder([partial(_give_up, calls)])
        if (await asyncio.wait(calls, timeout=PATIENCE_S))[1]:
            say(f"waiting for the hook, at most {self._limit_s:g} s; Ctrl-C ends it", self._log_format)
            await asyncio.wait(calls)


def _give_up(calls: Iterable[asyncio.Task[None]]) -> None:
    for task in calls:
        task.cancel()


def _key_names(reader: Reader, job: str) -> set[str]:
    """Return the variables that hold a job's API keys."""
    with suppress(BatchtopError):  # another version's job
        return {name for task in tiers(reader.spec(job).task) for name in task.api_key_env}
    return set()
