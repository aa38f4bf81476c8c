"""What the end of an attempt means for its item, for every way an attempt can end."""

from itertools import pairwise

import pytest
from batchtop.engine.answer import Answer
from batchtop.engine.outcome import REFUSED, RETRIED_BY_RERUN, TRANSIENT, Outcome
from batchtop.engine.retry import BASE_S, CAP_S, backoff_s
from batchtop.engine.settle import Again, PutBack, judge
from hypothesis import given
from hypothesis import strategies as st

SECOND_TRY = Again(after_s=0.5, attempts=2)

VERDICTS = {
    Outcome.OK: None,
    Outcome.BAD_ITEM: None,
    Outcome.RATE_LIMITED: Again(after_s=0.0, attempts=2),
    Outcome.OVERLOADED: SECOND_TRY,
    Outcome.TIMEOUT: SECOND_TRY,
    Outcome.CONNECTION: SECOND_TRY,
    Outcome.SHORT_REPLY: SECOND_TRY,
    Outcome.AUTH: SECOND_TRY,
    Outcome.QUOTA_EXHAUSTED: SECOND_TRY,
    Outcome.CANCELLED: PutBack(),
}
PASSING = [outcome for outcome, verdict in VERDICTS.items() if isinstance(verdict, Again)]


@pytest.mark.parametrize("outcome", Outcome)
def test_the_verdict_on_a_first_attempt_after_another(outcome):
    assert judge(Answer(outcome), attempts=1, max_attempts=5, counts=True, draw=0.0) == VERDICTS[outcome]


@pytest.mark.parametrize("outcome", sorted(PASSING))
def test_the_last_attempt_is_the_last(outcome):
    assert judge(Answer(outcome), attempts=3, max_attempts=5, counts=True, draw=0.5) is not None
    assert judge(Answer(outcome), attempts=4, max_attempts=5, counts=True, draw=0.5) is None
    assert judge(Answer(outcome), attempts=0, max_attempts=1, counts=True, draw=0.5) is None


@pytest.mark.parametrize("outcome", sorted(set(PASSING) - REFUSED))
def test_what_the_server_as_a_whole_is_to_blame_for_costs_no_attempt(outcome):
    for _ in range(20):
        verdict = judge(Answer(outcome), attempts=4, max_attempts=5, counts=False, draw=0.5)
        assert isinstance(verdict, Again)
        assert verdict.attempts == 4


@pytest.mark.parametrize("outcome", [*sorted(REFUSED), Outcome.CANCELLED])
def test_who_did_nothing_wrong_is_put_back(outcome):
    assert judge(Answer(outcome), attempts=4, max_attempts=5, counts=False, draw=0.5) == PutBack()


def test_a_rerun_tries_again_whatever_was_tried_again():
    assert set(PASSING) == RETRIED_BY_RERUN


@pytest.mark.parametrize("outcome", sorted(TRANSIENT | {Outcome.RATE_LIMITED}))
def test_what_costs_no_attempt_is_never_the_last_even_when_fewer_are_allowed_by_now(outcome):
    verdict = judge(Answer(outcome), attempts=4, max_attempts=2, counts=False, draw=0.5)
    assert isinstance(verdict, Again)


@given(tried=st.integers(0, 200), draw=st.floats(0, 1))
def test_a_wait_is_at_least_half_of_what_it_may_be_at_most(tried, draw):
    ceiling = min(CAP_S, BASE_S * 2.0 ** min(max(0, tried - 1), 60))
    assert ceiling / 2 <= backoff_s(tried, draw) <= ceiling


def test_waits_double_up_to_half_a_minute():
    waits = [backoff_s(tried, 1.0) for tried in range(1, 10)]
    assert waits[:6] == [0.5, 1, 2, 4, 8, 16]
    assert set(waits[6:]) == {30.0}
    assert all(early <= late for early, late in pairwise(waits))
