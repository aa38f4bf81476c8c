"""Changes made together are one turn, judged by the minute around it, and undone in the order they were made."""

from dataclasses import replace
from itertools import pairwise

import pytest
from batchtop.engine.histogram import Histogram
from batchtop.engine.settings import Settings, Value
from batchtop.engine.snapshot import Change
from batchtop.tui.figures.turns import Pace, grouped, last_turns, undo_of, values_before
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import CHANGES, START, samples

A = Change(0, "you", "concurrency", 4, 6)
B = Change(10, "you", "concurrency", 6, 8)
C = Change(20, "you", "delay", 0.0, 1.0)


@pytest.mark.parametrize(
    ("second", "groups"),
    [
        (Change(1.0, "you", "delay", 0.0, 1.0), 1),
        (Change(1.1, "you", "delay", 0.0, 1.0), 2),
        (Change(0.5, "her", "delay", 0.0, 1.0), 2),
    ],
)
def test_what_one_person_changes_within_a_second_is_one_turn(second: Change, groups: int) -> None:
    assert len(grouped([A, second])) == groups


@pytest.mark.parametrize(
    ("changes", "settings", "values"),
    [
        ([], Settings(), None),
        ([A], Settings(concurrency=6), {"concurrency": 4}),
        ([A, Change(0.5, "you", "delay", 0, 1)], Settings(concurrency=6, delay=1), {"concurrency": 4, "delay": 0}),
        ([A, B], Settings(concurrency=8), {"concurrency": 6}),
        ([A, B, Change(20, "you", "concurrency", 8, 6)], Settings(concurrency=6), {"concurrency": 4}),
        ([A, Change(0.9, "you", "concurrency", 6, 4)], Settings(concurrency=4), None),
        # Two quick undos reach the engine as one change.
        ([A, B, Change(20, "you", "concurrency", 8, 4)], Settings(concurrency=4), None),
        ([A, C, Change(30, "", "delay", 1, 0), Change(30.1, "", "concurrency", 6, 4)], Settings(), None),
        # A change after an undo is undone first, and then the one that the undo left.
        ([A, B, Change(20, "you", "concurrency", 8, 6), Change(30, "you", "concurrency", 6, 9)],
         Settings(concurrency=9), {"concurrency": 6}),
        # What is so already, for a job file changed between two runs, is passed over.
        ([A, C], Settings(concurrency=6, delay=0.0), {"concurrency": 4}),
    ],
)  # fmt: skip
def test_the_newest_change_not_undone_is_undone(
    changes: list[Change], settings: Settings, values: dict[str, Value] | None
) -> None:
    assert undo_of(changes, settings) == values


MOVES = st.lists(
    st.tuples(st.sampled_from(("concurrency", "batch_size", "rpm")), st.integers(1, 4), st.floats(0.0, 3.0)),
    max_size=12,
)


class Desk:
    """Obeys changes and undos, and keeps them on record."""

    def __init__(self) -> None:
        self.settings, self.record, self.at = Settings(), list[Change](), 0.0

    def set(self, values: dict[str, Value], passed_s: float) -> None:
        self.at += passed_s
        for key, value in values.items():
            if (old := getattr(self.settings, key)) != value:
                self.record.append(Change(self.at, "you", key, old, value))
        self.settings = replace(self.settings, **values)  # type: ignore[arg-type]

    def undo(self, passed_s: float) -> bool:
        values = undo_of(self.record, self.settings)
        if values is not None:
            self.set(values, passed_s)
        return values is not None


@given(MOVES, st.floats(0.0, 3.0))
def test_as_many_undos_as_changes_give_the_first_settings(moves: list[tuple[str, int, float]], passed_s: float) -> None:
    desk = Desk()
    for key, value, gap_s in moves:
        desk.set({key: value}, gap_s)
    for _ in moves:
        desk.undo(passed_s)
    assert desk.settings == Settings()
    assert not desk.undo(passed_s)


@given(MOVES, st.lists(st.booleans(), max_size=12), st.floats(0.0, 3.0))
def test_undos_between_changes_lead_back_too(
    moves: list[tuple[str, int, float]], undone: list[bool], passed_s: float
) -> None:
    desk = Desk()
    for (key, value, gap_s), undo in zip(moves, undone, strict=False):
        desk.set({key: value}, gap_s)
        if undo:
            desk.undo(passed_s)
    for _ in moves:
        desk.undo(passed_s)
    assert desk.settings == Settings()


def test_a_turn_is_judged_by_the_samples_near_it_each_read_once() -> None:
    made, asked = samples(), list[tuple[float, float]]()

    def between(since: float, until: float) -> list[object]:
        asked.append((since, until))
        return [each for each in made if since < each.at <= until]

    first, second, third = last_turns(CHANGES, between)  # type: ignore[arg-type]
    assert all(before[1] <= after[0] for before, after in pairwise(asked))
    assert (first.before.span_s, second.before.span_s, third.before.span_s) == (45, 60, 48)
    assert third.after.span_s == 12
    assert third.step == {"delay": (0.5, 0.0)}
    pace = third.before
    counted = [each for each in made if START - 60 < each.at <= START - 12]
    assert pace.items_per_s == pytest.approx(sum(each.items for each in counted) / 48)
    assert pace.usd_per_1000 == pytest.approx(0.1)
    assert pace.p50_ms == pytest.approx(640, rel=0.1)
    assert len(last_turns(CHANGES, between, most=2)) == 2  # type: ignore[arg-type]


def test_a_turn_is_taken_back_to_what_was_before_it() -> None:
    assert values_before({"delay": (0.5, 0.0), "rpm": (0, 9)}, Settings(rpm=9, delay=0.5)) == {"rpm": 0}


@pytest.mark.parametrize(
    ("span_s", "settled", "latency_ms", "tells"),
    [
        (1.0, 500, 20, False),  # a second says nothing, however much was done in it
        (9.9, 500, 20, False),
        (10.0, 500, 20, True),
        (10.0, 19, 20, False),
        (30.0, 500, 20_000, False),  # what ended was sent before the change, for the most part
        (41.0, 500, 20_000, True),
        (59.0, 2, 20_000, True),  # it is as much as there will be
        (0.0, 0, None, False),
    ],
)
def test_a_change_is_judged_once_enough_came_of_it(
    span_s: float,
    settled: int,
    latency_ms: int | None,
    tells: bool,  # noqa: FBT001
) -> None:
    latency = Histogram()
    if latency_ms is not None:
        latency.record(latency_ms)
    assert Pace(span_s, settled=settled, done=settled, buckets=dict(latency.counts)).tells is tells
