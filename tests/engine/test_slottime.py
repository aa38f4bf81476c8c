"""Where the time went: every slot-second is counted once, under what held the slot back."""

import pytest
from batchtop.engine.hold import Hold
from batchtop.engine.slottime import Occupancy, SlotTime, limiting, shares
from hypothesis import given
from hypothesis import strategies as st

RPM, DELAY, SOURCE = Hold("rpm"), Hold("delay"), Hold("source")


def test_slots_are_in_flight_or_wait_for_their_lane_or_behind_a_gate() -> None:
    time = SlotTime()
    time.change(10.0, Occupancy(slots=4, busy=3, gate=DELAY, waiting=0.5, lane=RPM))
    time.change(12.0, Occupancy(slots=4, busy=4))
    assert time.take(15.0) == pytest.approx({"rpm": 3.0, "in_flight": 15.0, "delay": 2.0})
    assert time.take(16.0) == pytest.approx({"in_flight": 4.0})


def test_a_paused_job_spends_nothing_and_one_at_its_end_waits_for_the_source() -> None:
    time = SlotTime()
    time.change(0.0, Occupancy(slots=0, gate=Hold("paused")))
    time.change(9.0, Occupancy(slots=2, busy=1, gate=Hold("ending")))
    assert time.take(10.0) == pytest.approx({"in_flight": 1.0, "source": 1.0})


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0.001, 10),
            st.integers(0, 9),
            st.integers(0, 9),
            st.sampled_from([RPM, DELAY, SOURCE]),
            st.floats(0, 1),
        ),
        max_size=20,
    )
)
def test_the_sum_is_the_slots_times_the_time(steps: list[tuple[float, int, int, Hold, float]]) -> None:
    time, now, expected = SlotTime(), 0.0, 0.0
    for elapsed_s, slots, busy, gate, waiting in steps:
        time.change(now, Occupancy(slots, busy, gate, waiting, RPM))
        now += elapsed_s
        expected += max(slots, busy) * elapsed_s
    assert sum(time.take(now).values()) == pytest.approx(expected)


def test_shares_are_ranked_and_the_first_names_the_limit() -> None:
    spent = {"delay": 1.0, "rpm": 6.0, "in_flight": 3.0}
    assert shares(spent) == [("rpm", 0.6), ("in_flight", 0.3), ("delay", 0.1)]
    assert limiting(spent) == "rpm"
    assert shares({}) == []
    assert limiting({}) == ""
