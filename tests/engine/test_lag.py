"""How late the event loop is, as a job's samples tell it."""

import asyncio
import time

import pytest
from batchtop.engine.clock import LoopClock
from batchtop.engine.lag import TICK_S, LoopLag


@pytest.mark.looptime
async def test_a_loop_in_virtual_time_is_never_late_and_no_wait_is_longer_for_it():
    lag, clock = LoopLag(LoopClock()), LoopClock()
    began = clock.now()
    for _ in range(100):
        await lag.sleep(1.0)
        assert lag.take_ms() == 0.0
    assert clock.now() - began == pytest.approx(100, abs=0.1)


async def test_what_holds_the_loop_shows_once_and_as_long_as_it_was():
    lag = LoopLag(LoopClock())
    asyncio.get_running_loop().call_later(0.05, time.sleep, 0.3)
    asyncio.get_running_loop().call_later(0.36, time.sleep, 0.1)
    await lag.sleep(0.6)
    worst = lag.take_ms()
    assert 300 - 1000 * TICK_S <= worst < 400
    assert lag.take_ms() == 0.0
