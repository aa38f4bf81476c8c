"""What stands in the list of jobs, in which order, and how wide."""

from dataclasses import replace

import pytest
from batchtop.engine.snapshot import EngineRow, JobState
from batchtop.engine.store.rates import Rates
from batchtop.tui.figures.joblist import Entry, Order, matching, totals, trouble_of
from batchtop.tui.figures.pace import Pace
from batchtop.tui.widgets.jobcolumns import COLUMNS, layout
from batchtop.tui.widgets.jobtable import (
    arranged,
    engine_span,
    job_line,
    job_text,
    next_order,
    title_line,
    totals_texts,
)
from batchtop.tui.words.line import text_of, width
from batchtop.tui.words.sparks import spark, stretched
from hypothesis import given
from hypothesis import strategies as st

from .fake_source import JOB, START

HARD = "评论\x1b[31m\u202eمراجعة\tand 😀 a name that goes on and on and on"


def entry(name: str = "reviews", state: JobState = JobState.RUNNING, **more: object) -> Entry:
    given = {key: more.pop(key) for key in ("pace", "rates", "trouble") if key in more}
    return Entry(replace(JOB, name=name, state=state, **more), START, **given)  # type: ignore[arg-type]


ENTRIES = [
    entry("old", JobState.FINISHED, id=1, started_at=START - 9_000, failed=0, cost=None, model="gpt-4o"),
    entry("New", JobState.STOPPED, id=2, started_at=START - 90, failed=7),
    entry("slow", id=3, started_at=START - 500, failed=3, pace=Pace(0.5, 900.0)),
    entry("quick", id=4, started_at=START - 800, failed=1, pace=Pace(50.0, 9.0), cost=3.0),
    entry("lost", id=5, started_at=START - 700, pace=Pace(7.0, 9.0), trouble="no engine"),
]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (Order(), "slow lost quick New old"),
        (Order("", falling=True), "old New quick lost slow"),
        (Order("name"), "lost New old quick slow"),
        (Order("items/s", falling=True), "quick New old slow lost"),
        (Order("items/s"), "slow New old quick lost"),
        (Order("ETA"), "quick slow lost New old"),
        (Order("failed", falling=True), "lost New slow quick old"),
        (Order("cost", falling=True), "quick slow lost New old"),
        (Order("age"), "New slow lost quick old"),
        (Order("state"), "lost slow quick old New"),
        (Order("a column of another version"), "slow lost quick New old"),
    ],
)
def test_the_order(order: Order, names: str) -> None:
    assert " ".join(each.job.name for each in arranged(ENTRIES, order)) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["old", "New", "slow", "quick", "lost"]),
        ("  NEW ", ["New"]),
        ("running", ["slow", "quick"]),
        ("no engine", ["lost"]),
        ("4o-mini", ["New", "slow", "quick", "lost"]),
        ("[31m", []),
    ],
)
def test_the_filter_looks_at_name_state_and_model(text: str, names: list[str]) -> None:
    assert [each.job.name for each in matching([*ENTRIES, entry(HARD)], text) if each.job.name != HARD] == names
    assert matching([entry(HARD)], "评论"), "what is seen is found"
    assert not matching([entry(HARD)], "[31m"), "what is not seen is not"


def test_each_order_has_its_turn_and_the_usual_one_again() -> None:
    order, seen = Order(), list[str]()
    while not seen or order.column:
        order = next_order(order, 118)
        seen.append(order.column)
    in_sight = [column.name for column, _ in layout(118) if column.value]
    assert seen == [*in_sight, ""]
    assert next_order(Order("model"), 58) == Order(), "one that has no room any more"


def test_totals_add_up_what_is_known() -> None:
    found = totals(ENTRIES)
    assert (found.jobs, found.active, found.speed, found.unpriced) == (5, 3, 50.5, True)
    assert totals_texts(found, 9) == ("5 of 9 jobs, 3 active", "50.5 items/s", f"${3 + 3 * 0.4127:.2f} and more in all")
    assert totals_texts(totals(ENTRIES[:1]), 1) == ("1 job, 0 active", "", "")


@pytest.mark.parametrize(
    ("engine", "wanted", "told", "trouble"),
    [
        (None, True, ("✕ no engine", "error"), "no engine"),
        (None, False, ("no engine", "dim"), "no engine"),
        (EngineRow(4242, START, START - 0.4), True, ("engine 4242", "dim"), ""),
        (EngineRow(4242, START, START - 3.6), True, ("✕ engine 4242 stalled 3 s", "error"), "stalled"),
        (EngineRow(4242, START, START + 60), True, ("engine 4242", "dim"), ""),
    ],
)
def test_the_engine_is_told_with_its_health(
    engine: EngineRow | None, wanted: object, told: tuple[str, str], trouble: str
) -> None:
    assert engine_span(engine, START, wanted=bool(wanted)) == told
    assert trouble_of(JOB, engine, START) == trouble
    assert trouble_of(replace(JOB, state=JobState.DRAINED), engine, START) == ""


@given(st.integers(56, 260))
def test_columns_fill_the_width_and_only_come_in_as_it_grows(cells: int) -> None:
    shown = layout(cells)
    assert sum(room for _, room in shown) + 2 == cells
    assert all(room >= column.cells for column, room in shown)
    assert {column.name for column, _ in shown} <= {column.name for column, _ in layout(cells + 1)}


@given(st.integers(56, 200), st.text(max_size=60), st.text(max_size=30), st.sampled_from(JobState))
def test_a_row_is_as_wide_as_the_title_whatever_the_names(cells: int, name: str, model: str, state: JobState) -> None:
    each = entry(name, state, model=model, rates=Rates((1.0, None, 3.0), lately=True))
    assert width(job_line(each, cells, "braille", marked=True)) == width(title_line(Order(), cells)) == cells


def test_every_column_is_seen_on_a_wide_screen_and_the_least_on_a_narrow_one() -> None:
    assert len(layout(198)) == len(COLUMNS)
    assert [column.name for column, _ in layout(58)] == ["state", "name", "done", "items/s", "failed", "ETA"]
    assert "lately" in {column.name for column, _ in layout(78)}


def test_the_title_shows_the_order_by_an_arrow() -> None:
    assert "▾items/s" in text_of(title_line(Order("items/s", falling=True), 78))
    assert "name▴" in text_of(title_line(Order("name"), 78))
    assert "▾" not in text_of(title_line(Order(), 78))


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ((), ""),
        ((0.0, 0.0), "▁▁"),
        ((None, 0.001, 1.0, None), " ▂█ "),
        ((0.0, 50.0, 100.0), "▁▅█"),
    ],
)
def test_bars(values: tuple[float | None, ...], drawn: str) -> None:
    assert spark(values, "braille") == drawn


def test_bars_without_unicode() -> None:
    assert spark((0.0, 0.1, 0.5, 1.0), "ascii") == "_.:|"
    assert spark((0.0, 0.1, 0.5, 1.0), "block") == "_▄▄█"


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=80), st.integers(1, 60))
def test_stretching_keeps_the_whole(values: list[float | None], cells: int) -> None:
    told = stretched(values, cells)
    assert len(told) == cells
    known = [value for value in values if value is not None]
    if known:
        assert all(min(known) <= value * (1 + 1e-9) and value <= max(known) * (1 + 1e-9) for value in told if value)
    assert len(spark(told, "braille")) == cells


def test_the_line_of_an_ended_job_is_its_whole_run_and_that_of_an_active_one_its_last_minutes() -> None:
    whole = entry(state=JobState.FINISHED, rates=Rates((0.0,) * 30 + (9.0,) * 30, lately=False))
    lately = entry(rates=Rates((9.0,) * 25 + (0.0,) * 5, lately=True))
    assert "▁▁▁▁▁█████" in text_of(job_line(whole, 78, "braille", marked=False))
    assert "█████▁▁▁▁▁" in text_of(job_line(lately, 78, "braille", marked=False))


def test_a_job_as_text_names_its_numbers() -> None:
    each = entry("rev\x07iews", pace=Pace(33.125, 148.0))
    assert job_text(each) == (
        "reviews: running, 45.3 % of 9,000 items, 12 failed, 33.1 items/s, ETA 2m 28s, 4,310 requests, $0.4127,"
        " gpt-4o-mini"
    )
