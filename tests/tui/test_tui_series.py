from dataclasses import replace
from random import Random

import pytest
from batchtop.engine.snapshot import Change, EngineRow, JobState
from batchtop.tui import series
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import JOB, START, sample, samples, snapshot


def steady(per_second: int, seconds: int) -> tuple[series.Sample, ...]:
    rng = Random(1)
    return tuple(sample(START - seconds + 1 + i, items=per_second, rng=rng) for i in range(seconds))


@given(st.integers(2, 300), st.integers(20, 400), st.floats(0, 3))
def test_a_steady_rate_is_drawn_as_a_level_line(seconds: int, bins: int, late: float) -> None:
    now = snapshot(samples=steady(20, seconds), taken_at=START + late)
    points = series.rates(now.samples, series.frame(now, bins), series.settled)
    assert {round(value, 6) for value in points if value is not None} == {20.0}


def test_bins_stay_where_they_are_while_time_passes() -> None:
    one = series.frame(snapshot(), 100)
    for late in (0.3, 0.9, 2.2):
        other = series.frame(snapshot(taken_at=START + late), 100)
        shift = (other.start - one.start) / one.step_s
        assert shift == pytest.approx(round(shift), abs=1e-6)


@pytest.mark.parametrize(("seconds", "window"), [(1, 60), (60, 60), (61, 120), (185, 240), (300, 300), (900, 300)])
def test_the_window_is_the_shortest_that_holds_all(seconds: int, window: float) -> None:
    assert series.frame(snapshot(samples=steady(5, seconds)), 50).seconds == window


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    within = series.Frame(0, 1.0, 30, 30)
    assert series.bridged((0.0, None, None, 3.0), within) == (0.0, 1.0, 2.0, 3.0)
    long = (1.0, *[None] * 20, 1.0)
    assert series.bridged(long, within) == long


def test_recent_rate_counts_time_without_samples_as_time() -> None:
    assert series.recent_rate(snapshot(samples=steady(20, 60)), series.settled) == pytest.approx(20)
    late = snapshot(samples=steady(20, 60), taken_at=START + 5)
    assert series.recent_rate(late, series.settled) == pytest.approx(10)
    assert series.recent_rate(snapshot(samples=steady(20, 2)), series.settled) == pytest.approx(20)
    assert series.recent_rate(snapshot(samples=()), series.settled) is None


def test_eta_is_left_over_the_last_minute_and_unknown_unless_running() -> None:
    running = snapshot(samples=steady(10, 60))
    assert series.eta_s(running) == pytest.approx(JOB.left / 10)
    assert series.eta_s(snapshot(samples=steady(0, 60))) is None
    assert series.eta_s(replace(running, job=replace(JOB, state=JobState.PAUSED))) is None


def test_eta_leaves_out_the_time_that_slots_stood_back_for_a_trial() -> None:
    tried = tuple(replace(sample, spent={"in_flight": 1.0, "trial": 3.0}) for sample in steady(10, 60))
    assert series.eta_s(snapshot(samples=tried)) == pytest.approx(JOB.left / 40)


def test_the_charts_of_a_job_that_stands_still_end_at_its_last_sample() -> None:
    paused = snapshot(job=replace(JOB, state=JobState.PAUSED), taken_at=START + 99)
    assert series.end_of(paused) == START
    assert series.end_of(replace(paused, job=JOB)) == START + 99


def test_latency_quantiles_of_each_bin() -> None:
    now = snapshot()
    p50, p99 = series.quantiles(now.samples, series.frame(now, 60), (0.5, 0.99))
    known = [(a, b) for a, b in zip(p50, p99, strict=True) if a is not None and b is not None]
    assert len(known) > 40
    assert all(a <= b for a, b in known)
    assert sum(a for a, _ in known) / len(known) == pytest.approx(640, rel=0.1)


def test_changes_fall_in_their_bins_and_older_ones_are_left_out() -> None:
    now = snapshot(changes=(Change(START - 9_999, "you", "delay", 0, 1), Change(START - 60, "you", "delay", 1, 2)))
    within = series.frame(now, 100)
    (only,) = series.changes(now, within)
    assert within.start + only * within.step_s <= START - 60 < within.start + (only + 1) * within.step_s


@pytest.mark.parametrize(
    ("engine", "state", "told"),
    [
        (EngineRow(1, START, START - 0.4), JobState.RUNNING, ""),
        (EngineRow(1, START, START - 7.2), JobState.RUNNING, "stalled 7 s"),
        (None, JobState.RUNNING, "no engine"),
        (None, JobState.QUEUED, "no engine"),
        (None, JobState.FINISHED, ""),
    ],
)
def test_an_active_job_that_nobody_moves_is_told(engine: EngineRow | None, state: JobState, told: str) -> None:
    assert series.stale(snapshot(engine=engine, job=replace(JOB, state=state))) == told


def test_errors_are_added_up_by_kind() -> None:
    found = series.errors_in(samples())
    assert set(found) == {"rate_limited", "timeout"}
