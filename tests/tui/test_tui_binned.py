"""Bins of the charts: they stay put, add up to what happened, and are told anew only where something changed."""

from dataclasses import replace
from random import Random

import pytest
from batchtop.engine.histogram import Histogram
from batchtop.engine.snapshot import Change, Sample
from batchtop.tui.figures import binned, series
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import START, sample, snapshot


def steady(per_second: int, seconds: int) -> tuple[Sample, ...]:
    rng = Random(1)
    return tuple(sample(START - seconds + 1 + i, items=per_second, rng=rng) for i in range(seconds))


@given(st.integers(2, 300), st.integers(20, 400), st.floats(0, 3))
def test_a_steady_rate_is_drawn_as_a_level_line(seconds: int, bins: int, late: float) -> None:
    now = snapshot(samples=steady(20, seconds), taken_at=START + late)
    (points,) = binned.rates(now.samples, binned.frame(now, bins), series.settled)
    assert {round(value, 6) for value in points if value is not None} == {20.0}


def test_bins_stay_where_they_are_while_time_passes() -> None:
    one = binned.frame(snapshot(), 100)
    for late in (0.3, 0.9, 2.2):
        other = binned.frame(snapshot(taken_at=START + late), 100)
        shift = (other.start - one.start) / one.step_s
        assert shift == pytest.approx(round(shift), abs=1e-6)


@pytest.mark.parametrize(("seconds", "window"), [(1, 60), (60, 60), (61, 120), (185, 240), (300, 300), (900, 300)])
def test_the_window_is_the_shortest_that_holds_all(seconds: int, window: float) -> None:
    assert binned.frame(snapshot(samples=steady(5, seconds)), 50).seconds == window


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    within = binned.Frame(0, 1.0, 30, 30)
    assert binned.bridged((0.0, None, None, 3.0), within) == (0.0, 1.0, 2.0, 3.0)
    long = (1.0, *[None] * 20, 1.0)
    assert binned.bridged(long, within) == long


def test_latency_quantiles_of_each_bin() -> None:
    now = snapshot()
    within = binned.frame(now, 60)
    p50, p95, p99 = binned.quantiles(binned.Latencies(series.three).of(now.samples, within), within)
    assert p95 != p99
    known = [(a, b) for a, b in zip(p50, p99, strict=True) if a is not None and b is not None]
    assert len(known) > 40
    assert all(a <= b for a, b in known)
    assert sum(a for a, _ in known) / len(known) == pytest.approx(640, rel=0.1)


def test_changes_fall_in_their_bins_and_older_ones_are_left_out() -> None:
    now = snapshot(changes=(Change(START - 9_999, "you", "delay", 0, 1), Change(START - 60, "you", "delay", 1, 2)))
    within = binned.frame(now, 100)
    (only,) = binned.changes(now, within)
    assert within.start + only * within.step_s <= START - 60 < within.start + (only + 1) * within.step_s


def test_a_level_is_the_highest_of_a_bin_and_unknown_ones_are_no_level() -> None:
    made = [replace(each, rpm_limit=limit) for each, limit in zip(steady(1, 60), [0] * 20 + [60, 90] * 20, strict=True)]
    within = binned.frame(snapshot(samples=tuple(made)), 20)
    levels = binned.levels(made, within, lambda each: each.rpm_limit or None)
    assert {level for level in levels if level is not None} == {90}
    assert levels[:5] == (None,) * 5
    assert binned.levels(made, within, lambda each: each.backlog)[-2] == 3, "nothing is a level too, where it is known"


def test_refusals_are_counted_and_stand_where_they_happened() -> None:
    made = tuple(
        replace(
            each, errors={"rate_limited": 2, "timeout": 5} if each.at in {START - 30, START - 29} else {"timeout": 1}
        )
        for each in steady(5, 60)
    )
    now = snapshot(samples=made)
    within = binned.frame(now, 60)
    assert binned.refused(made) == 4
    first, second = binned.refusals(made, within)
    assert (first + 1, within.bin_of(START - 30.5)) == (second, first)


def test_a_bin_is_told_once_though_every_tick_reads_it_anew() -> None:
    told: list[int] = []

    def tell(latency: Histogram) -> int:
        told.append(latency.total)
        return latency.total

    made, latencies = steady(5, 60), binned.Latencies(tell)
    within = binned.frame(snapshot(samples=made), 30)
    first = latencies.of(made, within)
    told.clear()
    again = tuple(replace(each, latency=Histogram(each.latency.counts)) for each in made)
    assert latencies.of(again, within) == first
    assert told == []
    assert latencies.of(again[:-1], within)[:-2] == first[:-2]
    assert len(told) <= 2
