"""The timeline of a job is told from its samples: nothing is lost in it, and breaks are cut out."""

from collections.abc import Iterable, Mapping

import pytest
from batchtop.cli.report.scale import bars, kinds_ranked, ticks, time_name, time_ticks
from batchtop.cli.report.timeline import POINTS, timeline
from batchtop.engine.histogram import Histogram
from batchtop.engine.snapshot import Change, Sample
from hypothesis import given
from hypothesis import strategies as st


def sample(
    at: float, items: int = 1, *, span_s: float = 1.0, target: int = 4, errors: Mapping[str, int] | None = None
) -> Sample:
    latency = Histogram()
    for _ in range(items):
        latency.record(100.0 + items)
    return Sample(
        at=at, span_s=span_s, items=items, failed=items // 3, requests=items, errors=errors or {}, latency=latency,
        in_flight=1, target=target, tokens_in=0, tokens_out=0, cost=0.0, backlog=0, rss_mb=1.0, cpu=0.1,
    )  # fmt: skip


def steady(first: float, seconds: int, items: int) -> Iterable[Sample]:
    return (sample(first + i + 1, items) for i in range(seconds))


spans = st.tuples(st.integers(0, 9), st.sampled_from((0.0, 0.1, 1.0, 1.01, 40.0)), st.floats(0.0, 100.0), st.booleans())


@given(st.lists(spans, max_size=700))
def test_no_item_is_lost_or_counted_twice(parts: list[tuple[int, float, float, bool]]) -> None:
    at, made = 1_000.0, list[Sample]()
    for items, span_s, gap_s, paused in parts:
        at += gap_s + span_s
        made.append(sample(at, items, span_s=span_s, target=0 if paused else 4, errors={"timeout": items}))
    told = timeline(made, [Change(each.at, "me", "rpm", 1, 2) for each in made[:3]])
    assert len(told.points) <= POINTS
    for name in ("items", "failed", "requests"):
        assert sum(getattr(point, name) for point in told.points) == sum(getattr(each, name) for each in made)
    assert told.errors.get("timeout", 0) == told.latency.total == sum(each.items for each in made)
    assert sum(point.span_s for point in told.points) == pytest.approx(told.run_s)
    for before, after in zip(told.points, told.points[1:], strict=False):
        assert after.begin_s == pytest.approx(before.begin_s + before.span_s)
    assert all(0 <= turn.at_s <= told.run_s + 1e-6 for turn in told.turns)


def test_a_night_without_the_job_is_a_break() -> None:
    told = timeline([*steady(0, 100, 5), *steady(30_000, 50, 5)], [Change(30_010.0, "me", "rpm", 1, 2)])
    assert told.run_s == 150
    assert [(each.at_s, each.lasted_s) for each in told.breaks] == [(100, 29_900)]
    assert {point.items_per_s for point in told.points} == {6.0}
    assert told.turns[0].at_s == 110
    assert told.turns[0].before.span_s == 10


def test_a_pause_is_a_break_too() -> None:
    paused = [sample(10.0 + i, 0, target=0) for i in range(1, 31)]
    told = timeline([*steady(0, 10, 3), *paused, *steady(40, 10, 3)], [])
    assert (told.run_s, [each.lasted_s for each in told.breaks]) == (20, [30])


def test_the_best_minute_is_whole_and_has_no_break() -> None:
    assert timeline(steady(0, 59, 3), []).best_minute_per_s is None
    assert timeline([*steady(0, 50, 3), *steady(500, 50, 3)], []).best_minute_per_s is None
    uneven = [*steady(0, 100, 3), *steady(100, 60, 30), *steady(160, 100, 3)]
    assert timeline(uneven, []).best_minute_per_s == 40.0


def test_a_change_is_judged_by_the_time_up_to_the_next() -> None:
    made = [*steady(0, 100, 3), *steady(100, 20, 6), *steady(120, 100, 9)]
    changes = [
        Change(100.0, "me", "rpm", 1, 2),
        Change(100.2, "me", "delay", 1, 2),
        Change(120.0, "me", "rpm", 2, 3),
    ]
    first, second = timeline(made, changes).turns
    assert [change.key for change in first.changes] == ["rpm", "delay"]
    paces = (first.before, first.after, second.before, second.after)
    assert [pace.items_per_s for pace in paces] == [4.0, 8.0, 8.0, 12.0]
    assert [pace.span_s for pace in paces] == [60, 20, 20, 60]


def test_a_change_of_a_job_that_has_not_run_has_nothing_to_compare() -> None:
    told = timeline([], [Change(5.0, "me", "rpm", 1, 2)])
    (turn,) = told.turns
    assert (turn.before.items_per_s, turn.after.error_share, told.points, told.last_at) == (None, None, (), None)


@given(st.floats(0.001, 1e9), st.integers(2, 9))
def test_ticks_are_few_and_reach_the_top(top: float, most: int) -> None:
    marks = ticks(top, most)
    assert marks[0] == 0
    assert len(marks) <= most + 1
    assert marks[-1] >= top * (1 - 1e-6)


@given(st.floats(0.001, 1e8), st.integers(2, 12))
def test_times_are_few_and_stay_within(seconds: float, most: int) -> None:
    marks = time_ticks(seconds, most)
    assert marks[0] == 0
    assert len(marks) <= most + 1
    assert marks[-1] <= seconds


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0, "0"), (45, "45 s"), (300, "5 min"), (90, "1m 30s"), (5_400, "1h 30m"), (7_200, "2 h"), (172_800, "2 d")],
)
def test_times_on_an_axis_are_short(seconds: float, name: str) -> None:
    assert time_name(seconds) == name


@given(st.lists(st.floats(0.01, 1e6), max_size=50), st.integers(1, 40))
def test_bars_hold_every_latency(values: list[float], most: int) -> None:
    latency = Histogram()
    for value in values:
        latency.record(value)
    found = bars(latency, most)
    assert len(found) <= most
    assert sum(bar.count for bar in found) == len(values)


def test_rare_kinds_are_told_together() -> None:
    errors = {"a": 5, "b": 9, "c": 1, "d": 1, "none": 0}
    assert kinds_ranked(errors, 3) == [("b", ("b",)), ("a", ("a",)), ("other", ("c", "d"))]
    assert kinds_ranked({"a": 1}, 3) == [("a", ("a",))]
