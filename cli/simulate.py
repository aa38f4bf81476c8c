"""`batchtop simulate`: the built-in provider by itself."""

import asyncio
from argparse import Namespace
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ..engine.simulator import Behaviour, Simulator
from ..engine.store.lock import owner
from .say import say
from .serve import on_fast_loop
from .signals import stop_event

GRACE_S: Final = 20.0
"""A provider started for a demo waits so long for an engine, and goes on so long without one."""


def simulate(options: Namespace) -> int:
    """Serve until interrupted; the address goes to standard output, so that a script can read it."""
    on_fast_loop(_serve(behaviour_of(options), options))
    return 0


def behaviour_of(options: Namespace) -> Behaviour:
    """Return the behaviour that options of the same names ask for; raises SettingError for an impossible one."""
    given: dict[str, Any] = vars(options) | {name: tuple(getattr(options, name)) for name in ("keys", "revoked")}
    return Behaviour(**{field.name: given[field.name] for field in fields(Behaviour) if field.name in given})


async def _serve(behaviour: Behaviour, options: Namespace) -> None:
    stopped = stop_event()
    provider = Simulator(behaviour, host=options.host, port=options.port, log=options.log, keep_arrivals=False)
    async with provider:
        print(provider.base_url, flush=True)
        say("the provider is up; Ctrl-C ends it")
        if options.while_engine:
            await _until_engine_gone(options.while_engine, stopped)
        else:
            await stopped.wait()


async def _until_engine_gone(workspace: Path, stopped: asyncio.Event) -> None:
    alone_s = 0.0
    while alone_s < GRACE_S and not stopped.is_set():
        await asyncio.sleep(0.5)
        alone_s = 0.0 if owner(workspace) else alone_s + 0.5
