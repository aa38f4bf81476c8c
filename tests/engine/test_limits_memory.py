"""The memory breaker: fewer slots first, then none, and never for ever."""

from batchtop.engine.hold import Hold
from batchtop.engine.limits.memory import PATIENCE_S, Memory


def test_over_80_percent_the_slots_are_halved_each_second_and_come_back_below() -> None:
    memory = Memory()
    for second in range(3):
        memory.judge(second, 850 + 10 * second, 1000, at_rest=False)
    assert memory.tight
    assert memory.hold(2, 16) == Hold("memory")
    assert memory.hold(1, 16) is None
    for second in range(3):
        memory.judge(second, 700, 1000, at_rest=False)
    assert not memory.tight
    assert memory.hold(15, 16) is None


def test_memory_that_is_not_given_back_does_not_take_slot_after_slot() -> None:
    memory = Memory()
    for second in range(1000):
        memory.judge(second, 850, 1000, at_rest=False)
    assert memory.hold(7, 16) is None
    assert memory.hold(8, 16) == Hold("memory")


def test_at_least_one_slot_is_left_below_the_limit() -> None:
    memory = Memory()
    for second in range(100):
        memory.judge(second, 801 + 1.98 * second, 1000, at_rest=False)
    assert memory.hold(0, 4) is None
    assert memory.hold(1, 4) == Hold("memory")
    assert not memory.verdict


def test_at_the_limit_nothing_goes_until_it_is_well_below() -> None:
    memory = Memory()
    memory.judge(0.0, 1000, 1000, at_rest=False)
    assert memory.hold(0, 4) == Hold("memory")
    memory.judge(1.0, 810, 1000, at_rest=True)
    assert memory.hold(0, 4) == Hold("memory")
    memory.judge(2.0, 790, 1000, at_rest=True)
    assert memory.hold(0, 4) is None


def test_what_does_not_shrink_with_nothing_in_flight_ends_the_job_with_a_reason() -> None:
    memory = Memory()
    memory.judge(0.0, 1200, 1000, at_rest=False)
    memory.judge(PATIENCE_S, 1200, 1000, at_rest=True)
    assert not memory.verdict
    memory.judge(2 * PATIENCE_S, 1200, 1000, at_rest=True)
    assert "1,200 MB" in memory.verdict
    assert "memory = 1,000 MB" in memory.verdict


def test_no_limit_holds_nothing() -> None:
    memory = Memory()
    memory.judge(0.0, 1e6, 0, at_rest=True)
    assert not memory.tight
    assert memory.hold(10_000, 1) is None
