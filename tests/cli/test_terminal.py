"""In a terminal: the dashboard watches an engine of its own, and the engine needs no dashboard."""

import json
import os
import signal

import psutil
import pytest
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.lock import owner

from .shell import Shell, once, until
from .terminal import Terminal

KEY = "swordfish-4711"


async def test_the_job_outlives_its_dashboard_and_the_engine_goes_when_idle(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100, keys=(KEY,))
    shell.environment["MY_KEY"] = KEY
    shell.job(provider.base_url, name="reviews", rows=200, settings="batch_size = 5\nconcurrency = 2", keys='"MY_KEY"')
    with Terminal(shell, "run", "reviews.toml") as terminal:
        await terminal.shows("reviews")
        await until(lambda: len(provider.arrivals) > 20)
        assert (shell.folder / "batchtop.db-wal").exists()
        assert list(shell.files_holding(KEY)) == []
        assert KEY not in terminal.text
        engine = owner(shell.db)
        assert engine not in {None, terminal.popen.pid}
        assert os.getsid(engine) == engine, "it would hear the terminal's signals"
        terminal.signal(signal.SIGKILL)
        await until(lambda: terminal.popen.poll() is not None)
    left = len(provider.arrivals)
    assert left < 200
    await until(lambda: shell.state("reviews") == "finished")
    assert shell.ids() == once(200)
    await until(lambda: not psutil.pid_exists(engine), lambda: "the engine's end", 10)
    assert owner(shell.db) is None
    assert "Traceback" not in (shell.folder / "batchtop.db.log").read_text()
    assert list(shell.files_holding(KEY)) == []


async def test_leaving_the_dashboard_leaves_the_job_and_attach_returns(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, name="reviews", rows=5_000, settings="batch_size = 1\nconcurrency = 2")
    with Terminal(shell, "run", "reviews.toml") as terminal:
        await terminal.shows("reviews")
        await until(lambda: len(provider.arrivals) > 5)
        terminal.type("q")
        await terminal.shows("leave running")
        terminal.type("l")
        assert await terminal.end() == 0
        assert "reviews goes on; `batchtop attach reviews` returns to it" in terminal.text
    assert shell.state("reviews") == "running"
    with Terminal(shell, "attach", "reviews") as terminal:
        await terminal.shows("reviews")
        terminal.type("q")
        await terminal.shows("leave running")
        terminal.type("d")
        assert await terminal.end() == 130
    await until(lambda: shell.state("reviews") == "drained")
    sent = len(provider.arrivals)
    assert len(shell.ids()) == sent


@pytest.mark.parametrize("names", [("first",), ("first", "second")])
async def test_how_jobs_ended_is_told_where_their_list_is_left(
    names: tuple[str, ...], shell: Shell, provider: Simulator
) -> None:
    provider.behaviour = Behaviour(poison="item 3")
    for name, rows in (("first", 5), ("second", 2)):
        shell.job(provider.base_url, name=name, rows=rows, source=f"{name}.jsonl", output="")
    with Terminal(shell, "run", *(f"{name}.toml" for name in names)) as terminal:
        await terminal.shows("finished")
        await until(lambda: {shell.state(name) for name in names} == {"finished"})
        if len(names) == 1:
            terminal.type("\x1b")
        await terminal.shows("Jobs")
        terminal.type("q")
        assert await terminal.end() == 1, "of the first, which has an item that failed"
        assert all(f"{name} finished." in terminal.text for name in names)


async def test_who_leaves_by_draining_does_not_wait_for_it(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=1_000)
    shell.job(provider.base_url, name="reviews", rows=500, settings="batch_size = 1\nconcurrency = 2")
    with Terminal(shell, "run", "reviews.toml") as terminal:
        await terminal.shows("reviews")
        await until(lambda: len(provider.arrivals) > 3)
        terminal.type("q")
        await terminal.shows("leave running")
        terminal.type("d")
        assert await terminal.end() == 130
        assert "reviews drains; `batchtop attach reviews` shows it" in terminal.text
    await until(lambda: shell.state("reviews") == "drained")


async def test_a_bar_where_only_standard_error_is_a_terminal(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=30)
    shell.job(provider.base_url, rows=200)
    with Terminal(shell, "run", "job.toml", "--no-ui") as terminal:
        assert await terminal.end() == 0
        assert "200 items done" in terminal.text
        assert "100" in terminal.text
    assert shell.ids() == once(200)


async def test_what_is_wrong_is_told_before_a_dashboard_opens(shell: Shell) -> None:
    shell.job("http://127.0.0.1:9/v1")
    with Terminal(shell, "run", "job.toml") as terminal:
        assert await terminal.end() == 2
    (line,) = terminal.text.split("\r\n")[:-1]
    assert line.startswith("batchtop: ")
    assert "in.jsonl" in line
    assert not shell.db.exists()


async def test_the_list_of_jobs_opens_where_there_is_no_workspace_yet(shell: Shell) -> None:
    with Terminal(shell) as terminal:
        await terminal.shows("batchtop run")
        terminal.type("q")
        assert await terminal.end() == 0
    assert json.loads((await shell.run("ps", "--json")).out or "null") is None
