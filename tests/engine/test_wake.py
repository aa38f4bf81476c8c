"""A wait that ends in time, or as soon as something has happened."""

import asyncio

import pytest
from batchtop.engine.wake import Wake

# Nothing here waits for a thread or a socket, so time need not stand still before it moves on.
pytestmark = pytest.mark.looptime(start=100.0, noop_cycles=0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_it_ends_at_its_time():
    await Wake().wait(105.0)
    assert now() == pytest.approx(105, abs=0.01)


@pytest.mark.parametrize("until", [None, 200.0])
async def test_it_ends_when_woken(until: float | None):
    wake = Wake()
    asyncio.get_running_loop().call_later(3, wake)
    await wake.wait(until)
    assert now() == pytest.approx(103, abs=0.01)


async def test_what_happened_before_the_wait_is_not_lost_and_counts_once():
    wake = Wake()
    wake()
    await wake.wait(105.0)
    assert now() == 100
    await wake.wait(105.0)
    assert now() == pytest.approx(105, abs=0.01)


async def test_a_time_that_is_past_costs_a_moment_so_that_nobody_spins():
    for _ in range(10):
        await Wake().wait(99.0)
    assert 100 < now() < 101
