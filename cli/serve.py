"""An engine in this process: for one job in the foreground, or for whatever comes."""

import asyncio
import gc
import os
from argparse import Namespace
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from ..engine.ending import EXIT_INTERRUPTED
from ..engine.engine import Engine
from ..engine.errors import BatchtopError
from ..engine.open_files import allow_many_open_files
from ..engine.pipeline import in_order
from ..engine.snapshot import Snapshot
from .draining import draining, flying, seen_in
from .follow import follow
from .lookout import lookout
from .say import LogFormat, say
from .signals import StopLadder, leave
from .tell import Report
from .wanted import Wanted

T = TypeVar("T")

IDLE_S: Final = 3.0
"""An engine that was started for a dashboard goes when it has had nothing to do for so long."""
LOOK_S: Final = 0.1
YOUNG: Final = (10_000, 20, 50)
"""How many new objects are looked through for cycles at a time.

Thousands are alive with what is in flight and hardly any are in a cycle: at 700, Python's own number, a tenth of the
loop's time goes into that (bench/cycles.py).
"""


class Stopper:
    """The steps of a person who wants an engine to stop: drain, cancel, leave at once."""

    def __init__(self, engine: Engine, log_format: LogFormat = "text") -> None:
        self._engine = engine
        self._log_format: LogFormat = log_format
        self._cancelling: set[asyncio.Task[None]] = set()
        self.wanted = False

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        """What each signal does."""
        return self._drain, self._cancel, leave

    def _drain(self) -> None:
        self.wanted = True
        self._engine.drain("interrupted; what is in flight is answered")
        say(f"{draining(self._seen())}; once more to drop it", self._log_format)

    def _cancel(self) -> None:
        dropped = flying(self._seen(), timed=False)
        self._cancelling = {asyncio.create_task(job.cancel("interrupted twice")) for job in self._engine.active()}
        say(
            f"dropping {dropped}, which may have been billed; once more to leave at once",
            self._log_format,
        )

    def _seen(self) -> list[Snapshot]:
        return seen_in(self._engine.path, [job.spec.name for job in self._engine.active()])


def run_here(path: Path, jobs: Sequence[Wanted], report: Report) -> int:
    """Run jobs to their end and return the worst exit code; what was handed over meanwhile is run to its end too."""
    watching = lookout(path, report.log_format)

    async def work() -> int:
        async with watching, Engine(path) as engine:
            StopLadder(Stopper(engine, report.log_format).steps)
            for spec, wishes, redo, stdin in jobs:
                await engine.submit(spec, wishes, redo, stdin)
            ending = [asyncio.ensure_future(engine.wait(job.spec.name)) for job in jobs]
            following = [asyncio.ensure_future(follow(path, job.spec.name, report)) for job in jobs]
            await asyncio.wait({*ending, *following}, return_when=asyncio.FIRST_EXCEPTION)
            ends, _ = await asyncio.gather(asyncio.gather(*ending), asyncio.gather(*following))
            await _stay(engine, report)
            return max(end.exit_code for end in ends)

    return on_fast_loop(work())


async def _stay(engine: Engine, report: Report) -> None:
    """Stay for the jobs that others handed to this engine meanwhile."""
    if others := engine.active():
        say(f"stays for {', '.join(runner.spec.name for runner in others)}; Ctrl-C drains", report.log_format)
    while engine.active():
        engine.check()
        await asyncio.sleep(LOOK_S)


def serve(options: Namespace) -> int:
    """Run what was left in the middle and whatever is asked for, until told to stop."""
    watching = lookout(options.db)

    async def work() -> int:
        async with watching, Engine(options.db) as engine:
            stopper = Stopper(engine)
            StopLadder(stopper.steps)
            if not options.until_idle:
                say(f"the engine with pid {os.getpid()} serves {options.db}")
                await _go_on(engine)
            await _until_done(engine, stopper, until_idle=options.until_idle)
        return EXIT_INTERRUPTED if stopper.wanted else 0

    return on_fast_loop(work())


async def _go_on(engine: Engine) -> None:
    """Take up what an earlier engine left in the middle; what can't go on is said, and stays as it is."""
    for spec in in_order(engine.interrupted):
        try:
            await engine.submit(spec)
        except BatchtopError as error:
            say(f"{spec.name} can't go on: {error}")


async def _until_done(engine: Engine, stopper: Stopper, *, until_idle: bool) -> None:
    quiet_s = 0.0
    while not (stopper.wanted and not engine.active()):
        quiet_s = 0.0 if engine.active() else quiet_s + LOOK_S
        if until_idle and quiet_s > IDLE_S:
            return
        engine.check()
        await asyncio.sleep(LOOK_S)


def on_fast_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop where there is one, with room for many connections."""
    allow_many_open_files()
    gc.freeze()  # what was imported stays for good
    gc.set_threshold(*YOUNG)
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
