"""Whatever becomes of a terminal, or of the dashboard in it: the terminal is given back, and the job goes on."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Process, Shell, once, until
from .terminal import Terminal

SLOW = "batch_size = 1\nconcurrency = 2"
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
GOES_ON = "job goes on; `batchtop attach job` returns to it"
FAILING = """import sys
from pathlib import Path
from batchtop.cli import main
from batchtop.tui.reads.source import WorkspaceSource
snapshot = WorkspaceSource.snapshot
def broken(self, name, *more):
    if Path("break").exists():
        raise ValueError("a mistake")
    return snapshot(self, name, *more)
WorkspaceSource.snapshot = broken
sys.exit(main.main())
"""


@pytest.fixture
async def engine(shell: Shell, provider: Simulator) -> AsyncIterator[Process]:
    """Have a job run for long."""
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=5_000, settings=SLOW)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 2, lambda: str(process))
    yield process
    assert process.popen.poll() is None, "it went with the dashboard"
    sent = len(provider.arrivals)
    await until(lambda: len(provider.arrivals) > sent)


async def test_a_signal_ends_the_dashboard_and_gives_the_terminal_back(shell: Shell, engine: Process) -> None:
    async def ended(number: signal.Signals) -> None:
        with Terminal(shell, "attach", "job") as terminal:
            await terminal.shows("Controls")
            assert not terminal.is_as_before()
            terminal.signal(number)
            assert await terminal.end() == 130, number
            await terminal.shows(GOES_ON)
            assert terminal.is_as_before(), number

    await asyncio.gather(*map(ended, ENDINGS))


async def test_a_dashboard_that_fails_gives_the_terminal_back_and_says_so_once(shell: Shell, engine: Process) -> None:
    with Terminal(shell, "attach", "job", columns=300, program=(sys.executable, "-P", "-c", FAILING)) as terminal:
        await terminal.shows("Controls")
        shell.write("break", "")
        assert await terminal.end() == 70
        why = f"the dashboard failed: ValueError: a mistake; {GOES_ON}; the traceback is at the end of batchtop.db.log"
        await terminal.shows(f"batchtop: {why}\r\n")
        assert terminal.is_as_before()
    log = (shell.folder / "batchtop.db.log").read_text()
    assert log.startswith("Traceback")
    assert log.endswith("ValueError: a mistake\n")


async def test_a_dashboard_goes_with_its_terminal(shell: Shell, engine: Process) -> None:
    async def ended(*, hears_of_it: bool) -> None:
        with Terminal(shell, "attach", "job", in_charge=hears_of_it) as terminal:
            await terminal.shows("Controls")
            terminal.vanish()
            assert await terminal.end() == 130

    await asyncio.gather(ended(hears_of_it=True), ended(hears_of_it=False))


async def test_a_run_goes_on_without_its_terminal(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=25)
    shell.job(provider.base_url, rows=100, settings=SLOW)
    with Terminal(shell, "run", "job.toml", "--no-ui") as terminal:
        await terminal.shows("items/s")
        await until(lambda: len(provider.arrivals) > 5)
        terminal.vanish()
        assert await terminal.end() == 0
    assert shell.ids() == shell.stored_ids() == once(100)
