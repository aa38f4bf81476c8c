"""What a server says is left, of a minute and of a day, and what of it is believed."""

import math

import pytest
from batchtop.engine.limits import Stated
from batchtop.engine.limits.day import DAY_S, Day
from batchtop.engine.limits.remains import Remains
from hypothesis import given
from hypothesis import strategies as st


def minute(*told: Stated, limit: int = 600) -> Remains:
    """What was said at 100, 101, ... when nothing was sent in between."""
    remains = Remains(60.0)
    for at, stated in enumerate(told, start=100):
        remains.read(at, 0, stated, limit)
    return remains


def test_of_a_limit_of_0_which_is_none_nothing_can_be_left() -> None:
    assert minute(Stated(0, 0, 60.0), limit=0).ready_at(101.0, 0) == -math.inf
    assert minute(Stated(None, 0, 60.0), limit=0).ready_at(101.0, 0) == 160.0


@pytest.mark.parametrize(
    ("told", "ready_at"),
    [
        ((Stated(600, 1, 23.0),), -math.inf),
        # a fixed window waits for its end
        ((Stated(600, 0, 23.0),), 123.0),
        ((Stated(600, 100, 40.0), Stated(600, 0, 59.0)), 160.0),
        # what refills evenly is back in a moment
        ((Stated(600, 0, 60.0),), 100.1),
        ((Stated(600, 300, 30.0), Stated(600, 0, 2.0)), 101.1),
        ((Stated(600, 0, None),), 100.1),
        # a minute ends within a minute
        ((Stated(600, 0, 3600.0),), 100.1),
        ((Stated(None, 0, 5.0),), 105.0),
        # the newest counts
        ((Stated(600, 0, 23.0), Stated(600, 5, 22.0)), -math.inf),
        ((Stated(600, 0, 0.0),), -math.inf),
        ((Stated(600, None, 5.0),), -math.inf),
    ],
)
def test_nothing_left(told: tuple[Stated, ...], ready_at: float) -> None:
    limit = 0 if told[0].limit is None else 600
    assert minute(*told, limit=limit).ready_at(100.0 + len(told) - 1, 0) == pytest.approx(ready_at)


def test_what_was_sent_since_is_taken_off() -> None:
    remains = Remains(60.0)
    remains.read(100.0, 50, Stated(600, 3, 30.0), 600)
    assert remains.ready_at(101.0, 52) == -math.inf
    assert remains.ready_at(101.0, 53) == 130.0
    assert remains.ready_at(101.0, 50, need=4) == 130.0
    assert remains.left(101.0, 52) == (1, 130.0)
    assert remains.ready_at(130.0, 53) == -math.inf
    assert remains.left(130.0, 53) is None


def test_old_news_stalls_nobody() -> None:
    remains = Remains(60.0)
    remains.read(100.0, 0, Stated(600, 300, 30.0), 600)
    remains.read(90.0, 0, Stated(600, 0, 50.0), 600)
    assert remains.ready_at(100.0, 10) == -math.inf
    remains.read(100.0, 0, Stated(600, 0, 5.0), 600)
    assert remains.ready_at(120.0, 100) == -math.inf


told = st.builds(Stated, st.none(), st.none() | st.integers(0, 50), st.none() | st.floats(0, 1e6))


@given(st.lists(st.tuples(st.floats(0, 30), told, st.integers(0, 100)), min_size=1), st.integers(0, 50))
def test_a_hold_always_ends_within_its_window(answers: list[tuple[float, Stated, int]], limit: int) -> None:
    remains, now, sent = Remains(60.0), 0.0, 0
    for gap, stated, count in answers:
        now += gap
        remains.read(now, sent, stated, limit)
        sent += count
        ready_at = remains.ready_at(now, sent)
        assert ready_at <= now + 60
        assert remains.ready_at(max(now, ready_at), sent) <= max(now, ready_at)


# ── a day ──


def test_a_day_holds_so_many_and_frees_them_24_h_later() -> None:
    day = Day()
    for at in (0.0, 100.0, 4000.0):
        day.add(at)
    assert day.free_at(5000.0, 4) == 5000.0
    assert day.free_at(5000.0, 3) == 300 + DAY_S
    assert day.free_at(5000.0, 1) == 4300 + DAY_S
    assert day.free_at(301 + DAY_S, 3) == 301 + DAY_S
    assert day.total == 1
    day.take_back()
    day.take_back()
    assert day.total == 0


@given(st.lists(st.tuples(st.floats(0, 20_000), st.integers(1, 30)), max_size=60), st.integers(1, 40))
def test_no_24_hours_hold_more_than_the_limit(wishes: list[tuple[float, int]], limit: int) -> None:
    day, now, sent = Day(), 0.0, list[float]()
    for gap, count in wishes:
        now += gap
        for _ in range(count):
            now = day.free_at(now, limit)
            day.add(now)
            sent.append(now)
    for first, at in enumerate(sent):
        assert sum(other < at + DAY_S for other in sent[first:]) <= limit


def test_a_days_requests_cost_little_to_keep() -> None:
    day = Day()
    for second in range(0, int(2 * DAY_S), 60):
        day.add(float(second))
    assert len(day.spans(2 * DAY_S)) <= 290
