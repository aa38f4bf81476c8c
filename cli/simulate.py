"""`batchtop simulate`: the built-in provider by itself."""

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import Final

from ..engine.simulator import Behaviour, Simulator
from ..engine.store.lock import owner
from .say import say
from .serve import on_fast_loop
from .signals import stop_event

GRACE_S: Final = 20.0
"""A provider started for a demo waits so long for an engine, and goes on so long without one."""


def simulate(options: Namespace) -> int:
    """Serve until interrupted; the address goes to standard output, so that a script can read it."""
    behaviour = Behaviour(
        latency_ms=options.latency_ms,
        latency_sigma=options.latency_sigma,
        item_ms=options.item_ms,
        rpm=options.rpm,
        tpm=options.tpm,
        error_rate=options.error_rate,
        seed=options.seed,
        keys=tuple(options.key),
    )
    on_fast_loop(_serve(behaviour, options))
    return 0


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
