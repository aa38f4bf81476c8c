"""Latency percentiles that can be merged and are off by one per cent at most."""

import math

import pytest
from batchtop.engine.histogram import Histogram
from hypothesis import given
from hypothesis import strategies as st

MS = st.floats(0.001, 1e7)
FRACTIONS = st.sampled_from([0.0, 0.01, 0.5, 0.95, 0.99, 1.0])


def histogram(values: list[float]) -> Histogram:
    made = Histogram()
    for value in values:
        made.record(value)
    return made


@given(values=st.lists(MS, min_size=1, max_size=200), fraction=FRACTIONS)
def test_a_quantile_is_that_of_the_sorted_values_within_one_per_cent(values, fraction):
    exact = sorted(values)[math.floor(fraction * (len(values) - 1))]
    assert histogram(values).quantile(fraction) == pytest.approx(exact, rel=0.01)


@given(parts=st.lists(st.lists(MS, max_size=20), max_size=5))
def test_merging_is_recording_everything_in_one_and_the_database_keeps_it(parts):
    whole = histogram([value for part in parts for value in part])
    stored = [Histogram.decode(histogram(part).encode()) for part in parts]
    merged = Histogram.merged(stored)
    assert (merged.counts, merged.total) == (whole.counts, whole.total)


def test_none_recorded_none_told():
    assert Histogram().quantile(0.5) is None


def test_nothing_takes_no_time_at_all():
    assert histogram([0.0, -1.0]).quantile(1.0) == pytest.approx(0.001, rel=0.01)
