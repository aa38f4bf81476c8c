"""Stopping a run, nicely or not: what is done stays done, and the next run sends only the rest."""

import asyncio
import json
import random
import re
import signal
import time
from collections import Counter

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Process, Shell, once, until

BRISK = "batch_size = 10\nconcurrency = 4"
COMMIT_S = 0.4
"""An answer is safe once its group is committed: at most 100 ms later, and this much on a machine that is busy."""


async def answered(provider: Simulator, count: int, process: Process) -> None:
    """Wait until a provider has answered `count` requests of a process."""
    await until(lambda: sum(arrival.status == 200 for arrival in provider.arrivals) >= count, lambda: str(process))


def sent(provider: Simulator) -> Counter[str]:
    """Return how often each item was sent."""
    return Counter(subject for arrival in provider.arrivals for subject in arrival.subjects)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_first_signal_drains_and_the_next_run_sends_the_rest(
    shell: Shell, provider: Simulator, number: signal.Signals
) -> None:
    provider.behaviour = Behaviour(latency_ms=150)
    shell.job(provider.base_url, rows=300, settings="batch_size = 5\nconcurrency = 4")
    process = shell.start("run", "job.toml", "--no-ui", "--log-format", "json")
    await answered(provider, 40, process)
    process.signal(number)
    ended = await process.end(within_s=5)
    assert (ended.code, ended.out) == (130, "")
    said = [json.loads(line) for line in ended.err.splitlines()]
    (note,) = [line["message"] for line in said if line["type"] == "note"]
    told = r"draining (what is|\d batch(es)?) in flight, (about|up to) [\dms ]+; once more to drop it"
    assert re.fullmatch(told, note)
    assert {arrival.status for arrival in provider.arrivals} == {200}, "what was in flight was dropped"
    done = len(provider.arrivals)
    assert 40 <= done < 300
    assert len(shell.ids()) == done
    status = await shell.status()
    assert (status["state"], status["done"], status["exit_code"]) == ("drained", done, 130)
    provider.behaviour = Behaviour()
    assert (await shell.headless()).code == 0
    assert shell.ids() == shell.stored_ids() == once(300)
    assert set(sent(provider).values()) == {1}


async def test_a_second_signal_drops_what_is_in_flight(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=60_000)
    shell.job(provider.base_url, rows=50)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: provider.arrivals, lambda: str(process))
    process.signal(signal.SIGINT)
    await process.says("draining")
    await asyncio.sleep(0.3)
    assert process.popen.poll() is None, "it did not wait for what was in flight"
    process.signal(signal.SIGINT)
    ended = await process.end(within_s=3)
    assert ended.code == 130
    assert (await shell.status())["state"] == "cancelled"
    provider.behaviour = Behaviour()
    assert (await shell.headless()).code == 0
    assert shell.ids() == once(50)


async def test_signals_are_heard_while_it_waits_for_its_lane(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(rpm=6)
    shell.job(provider.base_url, rows=50)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: any(arrival.status == 429 for arrival in provider.arrivals), lambda: str(process))
    process.signal(signal.SIGINT)
    await process.says("draining")
    process.signal(signal.SIGINT)
    assert (await process.end(within_s=3)).code == 130


async def test_a_signal_while_the_input_is_loaded_is_no_success(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=400_000)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: shell.state() == "loading")
    process.signal(signal.SIGINT)
    ended = await process.end(within_s=5)
    assert (ended.code, shell.state()) == (130, "drained")
    assert "stopped before all was loaded" in ended.err
    assert provider.arrivals == []
    shell.rows(20)
    assert (await shell.headless()).code == 0
    assert shell.ids() == once(20)


async def test_a_hang_up_is_not_heard(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=50)
    shell.job(provider.base_url, rows=100)
    process = shell.start("run", "job.toml", "--no-ui")
    await answered(provider, 10, process)
    process.signal(signal.SIGHUP)
    assert (await process.end()).code == 0
    assert shell.ids() == once(100)


async def test_a_torn_output_is_mended(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=50)
    shell.job(provider.base_url, rows=200, settings=BRISK)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: (shell.folder / "out.jsonl").exists() and len(shell.ids()) > 30)
    process.popen.kill()
    process.popen.wait()
    with (shell.folder / "out.jsonl").open("ab") as file:
        file.write(b'{"id":7,"status":"o')
    assert (await shell.headless()).code == 0
    assert shell.ids() == once(200)


async def test_a_killed_command_loses_nothing_and_writes_nothing_twice(shell: Shell, provider: Simulator) -> None:
    """Of the command a few kills; the engine in it is killed at many more moments in its own tests."""
    draw = random.Random(7)
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=800, settings=BRISK)
    kills = [await killed(shell, provider, draw.uniform(0.1, 0.6), sending=False)]
    kills += [await killed(shell, provider, draw.uniform(0.0, 0.6)) for _ in range(2)]
    assert (await shell.headless()).code == 0
    assert shell.ids() == shell.stored_ids() == once(800)
    again = {subject: count - 1 for subject, count in sent(provider).items() if count > 1}
    assert again, "no kill met anything in flight"
    unsafe = sum((in_flight(provider, at) for at in kills), Counter())
    assert not Counter(again) - unsafe, "something was sent again that was safe"


async def killed(shell: Shell, provider: Simulator, after_s: float, *, sending: bool = True) -> float:
    """Run the job, kill it some time after its start or its first request, and return when that was."""
    before = len(provider.arrivals)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: not sending or len(provider.arrivals) > before, lambda: str(process))
    await asyncio.sleep(after_s)
    assert process.popen.poll() is None, f"it ended before it was killed: {process.err}"
    return kill(process)


def kill(process: Process) -> float:
    at = time.time()
    process.popen.kill()
    process.popen.wait()
    assert "Traceback" not in process.err
    return at


def in_flight(provider: Simulator, at: float) -> Counter[str]:
    """Return what had no committed answer at some moment: sent, and not answered long enough before."""
    since = at - provider.behaviour.latency_ms / 1000 - COMMIT_S
    return Counter(s for arrival in provider.arrivals if since <= arrival.at <= at + 0.1 for s in arrival.subjects)
