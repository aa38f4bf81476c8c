"""When requests arrive: what the presets promise, and how soon a change made from outside is felt."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from batchtop.engine.simulator import Arrival, Behaviour, Simulator

from .shell import Shell, until
from .warm import Warm

LATENCY_S = 0.2
LATE_S = 0.8
"""What a busy machine may add to a pause."""


def item_number(arrival: Arrival) -> int:
    return int(arrival.subjects[0].removeprefix("item "))


def starts(arrivals: list[Arrival], size: int) -> list[float]:
    """Return when each batch of `size` items, in the order of the input, began to arrive."""
    batches: defaultdict[int, list[float]] = defaultdict(list)
    for arrival in arrivals:
        batches[(item_number(arrival) - 1) // size].append(arrival.at)
    assert all(len(batch) == size for batch in batches.values())
    return [min(batches[number]) for number in sorted(batches)]


async def arrivals_of(shell: Shell, preset: str, batches: int, size: int) -> list[Arrival]:
    """Run so many batches of a preset to their end and return what arrived."""
    try:
        async with Simulator(Behaviour(latency_ms=LATENCY_S * 1000)) as provider:
            shell.job(provider.base_url, rows=batches * size, settings=f'preset = "{preset}"')
            assert (await shell.headless()).code == 0
            return provider.arrivals
    finally:
        shell.end_all()


async def one_at_a_time(shell: Shell, preset: str, size: int, delay_s: float) -> None:
    """Check a conservative profile: batches one after the other, and a longer pause after ten of them."""
    arrivals = await arrivals_of(shell, preset, 11, size)
    assert max(arrival.in_flight for arrival in arrivals) <= size
    begun = starts(arrivals, size)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    chunk = gaps.pop(9)
    assert 3 + LATENCY_S <= chunk < 3 + LATENCY_S + LATE_S
    for gap in gaps[1:]:  # the first batch also asks whether the server is there
        assert delay_s + LATENCY_S - 0.01 <= gap < delay_s + LATENCY_S + LATE_S


async def two_at_a_time(shell: Shell, preset: str, size: int, delay_s: float) -> None:
    """Check an aggressive profile: each of two slots sends a batch, has its answers, and rests."""
    arrivals = await arrivals_of(shell, preset, 16, size)
    assert max(arrival.in_flight for arrival in arrivals) <= 2 * size
    begun = sorted(starts(arrivals, size)[2:])
    for earlier, later in zip(begun, begun[2:], strict=False):
        assert delay_s + LATENCY_S - 0.01 <= later - earlier < delay_s + LATENCY_S + LATE_S


@pytest.mark.slow
async def test_the_presets_keep_their_rhythm(tmp_path: Path, warm: Warm) -> None:
    """The slower ones take 20 s; they keep theirs in the engine's tests, in virtual time."""
    await asyncio.gather(
        one_at_a_time(Shell(tmp_path / "conservative-discovery", warm), "conservative/discovery", 75, 0.05),
        two_at_a_time(Shell(tmp_path / "aggressive", warm), "aggressive", 15, 0.5),
        two_at_a_time(Shell(tmp_path / "aggressive-refresh", warm), "aggressive/refresh", 15, 0.4),
        two_at_a_time(Shell(tmp_path / "aggressive-discovery", warm), "aggressive/discovery", 100, 0.05),
    )


async def rate(provider: Simulator, since: float, span_s: float = 1.0) -> float:
    """Return the items that arrived a second, over a span that begins a second after `since`."""
    begin, end = since + 1.0, since + 1.0 + span_s
    await until(lambda: time.time() > end)
    return sum(begin <= arrival.at < end for arrival in provider.arrivals) / span_s


@asynccontextmanager
async def running(shell: Shell, settings: str, sent: int) -> AsyncIterator[Simulator]:
    """Start a job that does not end by itself, over a provider of its own, and go on when so many requests came."""
    try:
        async with Simulator(Behaviour(latency_ms=100)) as provider:
            shell.job(provider.base_url, rows=20_000, settings=settings)
            shell.start("run", "job.toml", "--no-ui")
            await until(lambda: len(provider.arrivals) >= sent)
            yield provider
    finally:
        shell.end_all()


async def slots_and_pauses_change(shell: Shell) -> None:
    async with running(shell, "batch_size = 1\nconcurrency = 1", 4) as provider:
        assert 5 < await rate(provider, time.time()) <= 10.5
        assert 30 < await rate(provider, await shell.set("concurrency=6")) <= 63  # 6 in 100 ms
        assert 3 < await rate(provider, await shell.set("delay=900ms"), 2.0) <= 9  # 6 in 1 s


async def sizes_change(shell: Shell) -> None:
    async with running(shell, "batch_size = 1\nconcurrency = 6\ndelay = 0.9", 6) as provider:
        assert 40 < await rate(provider, await shell.set("batch_size=10"), 2.0) <= 90  # 60 in 1 s
        assert await rate(provider, await shell.set("concurrency=1"), 2.0) <= 15  # 10 in 1 s
        assert provider.arrivals[-1].in_flight <= 10


async def aggressive_comes_over_conservative(shell: Shell) -> None:
    async with running(shell, 'preset = "conservative"', 20) as provider:
        changed = await shell.set("preset=aggressive")
        assert 30 < await rate(provider, changed, 2.0) <= 65  # 30 in 600 ms; before: 10 in 1.6 s
        status = await shell.status()
        assert status["origins"]["batch_size"] == "preset aggressive"
        assert (await shell.run("set", "job", "preset=conservative", "delay=0")).code == 0
        assert (await shell.status())["settings"]["delay"] == 0


@pytest.mark.slow
async def test_a_change_is_felt_by_the_provider_within_a_second(tmp_path: Path, warm: Warm) -> None:
    await asyncio.gather(
        slots_and_pauses_change(Shell(tmp_path / "slots", warm)),
        sizes_change(Shell(tmp_path / "sizes", warm)),
        aggressive_comes_over_conservative(Shell(tmp_path / "presets", warm)),
    )
