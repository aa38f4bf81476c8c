"""The ladder of Ctrl-C, step by step: how much is in flight, how long that takes, and what dropping it may cost."""

import asyncio
import re
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from batchtop.cli.draining import draining, flying
from batchtop.cli.signals import ONE_WISH_S
from batchtop.engine.histogram import Histogram
from batchtop.engine.settings import Layer, resolve
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.snapshot import Event, JobState, Snapshot
from batchtop.engine.store.reader import Reader

from ..tui.fake_source import JOB, START, samples, snapshot
from .shell import Shell, once, until
from .terminal import Terminal

CTRL_C = "\x03"


def seen(in_flight: int, *, p95_ms: float | None = None, drains_s: float | None = None) -> Snapshot:
    """Return a job with batches in flight that drains for so long."""
    latency = Histogram()
    if p95_ms:
        latency.record(p95_ms)
    last = replace(samples()[-1], in_flight=in_flight, latency=latency)
    state = JobState.RUNNING if drains_s is None else JobState.DRAINING
    return snapshot(
        job=replace(JOB, state=state),
        samples=(last,),
        dials=resolve([Layer("job", {"timeout": 60.0})]),
        events=(Event(1, START - 500, "info", "draining: long ago"), Event(2, START - (drains_s or 0), "info", state)),
    )


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([], "what is in flight"),
        ([replace(seen(0), job=replace(JOB, state=JobState.LOADING))], "the reading of the input"),
        ([seen(0)], "what is in flight, up to 1m 00s"),
        ([seen(1)], "1 batch in flight, up to 1m 00s"),
        ([seen(1200, p95_ms=2_500)], "1,200 batches in flight, about 3 s"),
        ([seen(12, p95_ms=2_500, drains_s=2)], "12 batches in flight, about 1 s"),
        ([seen(12, p95_ms=2_500, drains_s=5)], "12 batches in flight, up to 55 s"),
        ([seen(12, drains_s=61)], "12 batches in flight"),
        ([seen(12, p95_ms=90_000)], "12 batches in flight, about 1m 00s"),
        ([seen(12, p95_ms=2_500), seen(3, p95_ms=9_000)], "15 batches in flight, about 9 s"),
        ([seen(12, p95_ms=2_500), seen(3)], "15 batches in flight, up to 1m 00s"),
    ],
)
def test_what_is_in_flight_and_for_how_long(jobs: list[Snapshot], told: str) -> None:
    assert flying(jobs) == told
    assert flying(jobs, timed=False) == re.sub(", (about|up to) .*", "", told)


BATCH = replace(JOB, task="openai_batch")


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([], "draining what is in flight"),
        ([seen(12, p95_ms=2_500)], "draining 12 batches in flight, about 3 s"),
        ([replace(seen(1), job=BATCH)], "leaving 1 batch at the provider for the next run to collect"),
        ([replace(seen(0), job=BATCH)], "leaving what is at the provider for the next run to collect"),
        ([replace(seen(0), job=replace(BATCH, state=JobState.LOADING))], "draining the reading of the input"),
        (
            [seen(12, p95_ms=2_500), replace(seen(2), job=BATCH)],
            "draining 12 batches in flight, about 3 s, leaving 2 batches at the provider for the next run to collect",
        ),
    ],
)
def test_what_goes_on_at_a_provider_is_left_there(jobs: list[Snapshot], told: str) -> None:
    assert draining(jobs) == told


def job(shell: Shell, provider: Simulator) -> None:
    """Write a job of quick answers."""
    provider.behaviour = Behaviour(latency_ms=200)
    shell.job(provider.base_url, rows=400, settings="batch_size = 1\nconcurrency = 12")


async def twelve_in_flight(shell: Shell, provider: Simulator) -> None:
    """Wait until the job runs, then have its provider answer no more, until twelve batches wait in vain."""
    await until(lambda: sum(arrival.status == 200 for arrival in provider.arrivals) > 12)
    provider.behaviour = Behaviour(latency_ms=60_000)
    await until(lambda: sum(not arrival.status for arrival in provider.arrivals) == 12)
    await until(lambda: in_flight(shell) == 12)


def in_flight(shell: Shell) -> int:
    """Return how many batches of the job are in flight, as the workspace has it."""
    with Reader(shell.db) as reader:
        found = reader.snapshot("job")
    return found.samples[-1].in_flight if found and found.samples else 0


async def test_each_step_tells_how_much_it_is_about(shell: Shell, provider: Simulator) -> None:
    job(shell, provider)
    with Terminal(shell, "run", "job.toml", "--no-ui", columns=120) as terminal:
        await twelve_in_flight(shell, provider)
        terminal.type(CTRL_C)
        await terminal.shows("draining 12 batches in flight, about 1 s; once more to drop it")
        await terminal.shows("/400, 0 failed, draining 12 batches in flight, up to ")
        await asyncio.sleep(ONE_WISH_S)
        terminal.type(CTRL_C)
        assert await terminal.end() == 130
        assert "dropping 12 batches in flight, which may have been billed; once more to leave at" in terminal.text
        await until(terminal.shows_its_cursor)
    assert shell.state() == "cancelled"


async def test_the_third_leaves_whatever_holds_it_up(shell: Shell, provider: Simulator) -> None:
    job(shell, provider)
    with Terminal(shell, "run", "job.toml", "--no-ui", columns=120) as terminal:
        await twelve_in_flight(shell, provider)
        with closing(sqlite3.connect(shell.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for text in ("draining 12 batches", "dropping 12 batches"):
                terminal.type(CTRL_C)
                await terminal.shows(text)
                await asyncio.sleep(ONE_WISH_S)
            terminal.type(CTRL_C)
            assert await terminal.end(within_s=2) == 130
        await until(terminal.shows_its_cursor)  # what it wrote last may still be on its way
    provider.behaviour = Behaviour()
    assert (await shell.headless()).code == 0
    assert shell.ids() == once(400)


async def test_who_follows_has_the_same_steps(shell: Shell, provider: Simulator) -> None:
    job(shell, provider)
    engine = shell.start("--no-ui")
    await engine.says("serves")
    with Terminal(shell, "run", "job.toml", "--no-ui", columns=120) as terminal:
        await twelve_in_flight(shell, provider)
        engine.signal(signal.SIGSTOP)
        told = (
            "asked the engine to drain job: 12 batches in flight, about 1 s; once more to drop it",
            "asked the engine to cancel job: 12 batches in flight, which may have been billed; once more to leave it",
        )
        for text in told:
            terminal.type(CTRL_C)
            await terminal.shows(text)
            await asyncio.sleep(ONE_WISH_S)
        terminal.type(CTRL_C)
        assert await terminal.end() == 130
        await until(terminal.shows_its_cursor)
    engine.signal(signal.SIGCONT)
    await until(lambda: shell.state() == "cancelled")
    assert engine.popen.poll() is None
