"""A dashboard that only reads: whatever is pressed, the job is not asked for anything."""

import sqlite3
from contextlib import closing

import pytest
from batchtop.cli.watch import ReadOnlySource
from batchtop.engine.errors import UsageError
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell, until
from .terminal import Terminal


def asked(shell: Shell) -> list[str]:
    """Return what the workspace was ever asked for."""
    with closing(sqlite3.connect(shell.db)) as db:
        return [verb for (verb,) in db.execute("SELECT verb FROM commands ORDER BY id")]


async def test_the_source_itself_refuses(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=3)
    assert (await shell.headless()).code == 0
    source = ReadOnlySource(shell.db)
    with pytest.raises(UsageError, match="only reads; pause job was not asked"):
        source.send("job", "pause", {})
    found = source.snapshot("job")
    assert found is not None
    assert found.job.done == 3
    source.close()
    assert asked(shell) == []


@pytest.mark.parametrize("by", ["option", "config"])
async def test_keys_change_nothing(by: str, shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=200)
    shell.job(provider.base_url, rows=5_000)
    words = ["run", "job.toml"]
    if by == "option":
        words.append("--read-only")
    else:
        shell.environment["BATCHTOP_CONFIG"] = str(shell.write("my.toml", "read_only = true"))
    with Terminal(shell, *words) as terminal:
        await terminal.shows("running")
        await until(lambda: len(provider.arrivals) > 5)
        terminal.type(" cl")  # pause; concurrency, one more
        terminal.type("?")
        await terminal.shows("Help")
        assert shell.state() == "running"
        assert asked(shell) == ["run"], "the job itself is started"
