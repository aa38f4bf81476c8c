"""The settings to go back to are the newest that were told of by enough, failed little, and were as fast as any."""

from dataclasses import replace
from typing import NamedTuple

import pytest
from batchtop.engine.settings import Settings
from batchtop.engine.snapshot import Change
from batchtop.tui.figures.good import (
    LEAST_S,
    MOST_ERRORS,
    History,
    Stretch,
    last_good,
    pace_since,
    stretches,
    way_back,
)
from batchtop.tui.figures.turns import TELLING_ITEMS, Pace, Turn
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import START, samples


class Went(NamedTuple):
    """How a stretch went: items done in a second, and the share of requests that ended badly."""

    done_per_s: float
    errors: float = 0.0
    seconds: float = 60.0


def pace(went: Went) -> Pace:
    done = round(went.done_per_s * went.seconds)
    requests = 10_000
    return Pace(went.seconds, settled=done, done=done, requests=requests, errors=round(went.errors * requests))


def stretch(number: int, went: Went) -> Stretch:
    return Stretch(float(number), number + 1.0, Settings(concurrency=number + 1), pace(went))


def good(*all_went: Went) -> int | None:
    """Return the number of the stretch that is good."""
    found = last_good([stretch(number, went) for number, went in enumerate(all_went)])
    return None if found is None else found.settings.concurrency - 1


@pytest.mark.parametrize(
    ("all_went", "number"),
    [
        ((), None),
        ((Went(10),), 0),
        ((Went(10), Went(20)), 1),
        ((Went(20), Went(10)), 0),
        ((Went(20), Went(18.5)), 1),  # as fast, and newer
        ((Went(20), Went(17.5)), 0),
        ((Went(20, errors=0.01), Went(40, errors=0.2)), 0),  # faster, but fails
        ((Went(20, errors=0.01), Went(40, errors=0.025)), 1),  # fails as little
        ((Went(20, errors=0.1), Went(40, errors=0.11), Went(30, errors=0.12)), 1),
        ((Went(20, errors=0.26), Went(40, errors=0.27)), None),  # whatever the others did, that is not well
        ((Went(20, errors=0.24), Went(40, errors=0.255)), 0),
        ((Went(20), Went(90, seconds=2.0)), 0),  # too short to tell
        ((Went(20), Went(2, seconds=7.0)), 0),  # too few to tell
        ((Went(20, errors=0.3), Went(0)), None),  # nothing failed, as nothing was done
        ((Went(10), Went(30), Went(5), Went(29)), 3),
        ((Went(10), Went(30), Went(5, errors=0.5)), 1),
    ],
)
def test_the_newest_of_the_fastest_that_fail_little_is_good(all_went: tuple[Went, ...], number: int | None) -> None:
    assert good(*all_went) == number


WENT = st.builds(Went, st.floats(0.1, 1_000), st.floats(0, 1), st.floats(0.1, 60))


@given(st.lists(WENT, max_size=6))
def test_what_is_good_was_told_of_by_enough_and_none_beats_it_in_both(all_went: list[Went]) -> None:
    made = [stretch(number, went) for number, went in enumerate(all_went)]
    found = last_good(made)
    if found is None:
        return
    assert found.pace.done >= TELLING_ITEMS
    assert found.pace.span_s >= LEAST_S
    assert (found.pace.error_share or 0) <= MOST_ERRORS
    for other in (each for each in made if each.is_told):
        fails_less = (other.pace.error_share or 0) <= (found.pace.error_share or 0)
        assert not (fails_less and other.done_per_s > 1.2 * found.done_per_s)


def turn(at: float, *changes: Change, before: Went, after: Went) -> Turn:
    return Turn(at, at, changes, pace(before), pace(after))


def test_stretches_have_the_settings_and_the_pace_of_then() -> None:
    history = History(
        (
            turn(100, Change(100, "you", "concurrency", 4, 8), before=Went(10), after=Went(18)),
            turn(
                200,
                Change(200, "you", "concurrency", 8, 16),
                Change(200, "you", "delay", 1.0, 0.0),
                Change(200, "you", "a setting of another version", 1, 2),
                before=Went(0),  # paused before the change
                after=Went(50),
            ),
        ),
        lately=pace(Went(5, errors=0.4)),
    )
    current = Settings(concurrency=16, delay=0.0, rpm=9)
    found = stretches(history, current)
    assert [(each.since, each.until) for each in found] == [(None, 100), (100, 200), (200, None)]
    assert [each.done_per_s for each in found] == [10, 18, 5]
    told = [(each.settings.concurrency, each.settings.delay, each.settings.rpm) for each in found]
    assert told == [(4, 1.0, 9), (8, 1.0, 9), (16, 0.0, 9)]
    assert last_good(found) is found[1]
    assert way_back(found[1], current) == {"concurrency": (16, 8), "delay": (0.0, 1.0)}
    assert way_back(found[-1], current) == {}


def test_a_job_without_changes_is_one_stretch() -> None:
    (only,) = stretches(History((), pace(Went(10))), Settings())
    assert (only.since, only.until, only.done_per_s) == (None, None, 10)
    (nothing,) = stretches(History(), Settings())
    assert last_good([nothing]) is None


def test_a_pace_counts_whole_samples_in_which_the_job_ran() -> None:
    made = samples(seconds=30)
    idle = replace(made[-1], at=START + 1, target=0, items=0, requests=0, errors={})
    found = pace_since([*made, idle], START - 10)
    assert found.span_s == 10
    assert found.done == sum(each.items for each in made[-10:])
