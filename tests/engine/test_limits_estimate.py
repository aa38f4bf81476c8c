"""What requests are expected to cost."""

from random import Random

import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.limits.estimate import LEAST_SEEN, Average, Estimate
from hypothesis import given
from hypothesis import strategies as st


def trained(*uses: Usage, most: Usage) -> Estimate:
    estimate = Estimate()
    for used in uses:
        estimate.learn(most, used)
    return estimate


def test_the_worst_case_until_enough_was_seen() -> None:
    most = Usage(100, 600)
    assert trained(*[Usage(150, 60)] * (LEAST_SEEN - 1), most=most).expect(most) == most
    assert trained(*[Usage(150, 60)] * LEAST_SEEN, most=most).expect(most) == Usage(150, 60)


def test_follows_what_changes() -> None:
    most = Usage(100, 600)
    estimate = trained(*[Usage(50, 30)] * 1000, *[Usage(200, 300)] * 1000, most=most)
    assert estimate.expect(Usage(1000, 600)).tokens_in == pytest.approx(2000, rel=0.02)
    assert estimate.expect(most).tokens_out == pytest.approx(300, rel=0.1)


uses = st.builds(Usage, st.integers(0, 5000), st.integers(0, 5000))
mosts = st.builds(Usage, st.integers(0, 2000), st.integers(0, 2000))


@given(st.lists(uses, min_size=30, max_size=60), mosts, mosts)
def test_never_more_than_the_longest_answer_nor_nothing(used: list[Usage], most: Usage, wanted: Usage) -> None:
    expected = trained(*used, most=most).expect(wanted)
    assert min(1, wanted.tokens_out) <= expected.tokens_out <= wanted.tokens_out
    assert expected.tokens_in >= 0


def test_a_server_that_counts_the_longest_answer_is_found_out() -> None:
    most = Usage(100, 600)
    estimate = trained(*[Usage(100, 60)] * 50, most=most)
    reserved = estimate.expect(most)
    assert reserved.total == 160
    for remaining in (None, 0, 159, 700, 9000):
        estimate.refused(most, reserved, remaining)
        assert estimate.expect(most) == reserved
    estimate.refused(most, reserved, 400)
    assert estimate.expect(most) == most


def test_average() -> None:
    draws, average = Random(5), Average()
    for _ in range(5000):
        average.add(draws.gauss(10, 2))
    assert average.mean == pytest.approx(10, abs=0.6)
    assert average.variance == pytest.approx(4, abs=1.5)
