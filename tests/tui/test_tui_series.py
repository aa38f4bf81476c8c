from dataclasses import replace
from random import Random

import pytest
from batchtop.engine.snapshot import EngineRow, JobState
from batchtop.tui.figures import series

from .fake_source import JOB, START, sample, samples, snapshot


def steady(per_second: int, seconds: int) -> tuple[series.Sample, ...]:
    rng = Random(1)
    return tuple(sample(START - seconds + 1 + i, items=per_second, rng=rng) for i in range(seconds))


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


def test_eta_is_told_by_this_run_alone() -> None:
    """What the run before it did, of other items or with other settings, says nothing of what is left."""
    before = tuple(replace(sample, at=sample.at - 20.5) for sample in steady(1000, 30))
    assert series.eta_s(snapshot(samples=(*before, *steady(10, 20)))) == pytest.approx(JOB.left / 10)


def test_the_charts_of_a_job_that_stands_still_end_at_its_last_sample() -> None:
    paused = snapshot(job=replace(JOB, state=JobState.PAUSED), taken_at=START + 99)
    assert series.end_of(paused) == START
    assert series.end_of(replace(paused, job=JOB)) == START + 99


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
