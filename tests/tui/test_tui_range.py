"""How much time the charts show: chosen by a key, kept from job to job, followed by charts, axes and titles."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from random import Random

import pytest
from batchtop.engine.course import Break, Course, Point
from batchtop.engine.histogram import Histogram
from batchtop.engine.snapshot import Change
from batchtop.tui.actions import ACTIONS
from batchtop.tui.figures import binned, series
from batchtop.tui.figures.ranges import DEFAULT, RANGES, WINDOWS_S, stepped, told
from batchtop.tui.widgets.scale import ago
from batchtop.tui.words.report import summary_text

from .driving import Driver, dashboard
from .fake_source import START, FakeSource, ended, samples, snapshot

HOUR_S = 3_600.0


def course(points: int = 300, step_s: float = 48.0, *, whole: bool = True) -> Course:
    """Return four hours of a run in two parts, the second twice as fast, and a night between them."""
    rng, made = Random(3), list[Point]()
    for i in range(points):
        latency = Histogram()
        for _ in range(20):
            latency.record(rng.lognormvariate(6.4, 0.4))
        items = round(step_s * (10 if i < points // 2 else 20))
        made.append(Point(i * step_s, step_s, items, 0, items, {"timeout": 1} if i % 50 == 0 else {}, latency))
    run_s = points * step_s
    return Course(tuple(made), (Break(run_s / 2, 8 * HOUR_S),), run_s, START - run_s - 8 * HOUR_S, whole)


def long_source() -> FakeSource:
    changes = (Change(START - 9 * HOUR_S, "you", "delay", 1.0, 0.5), Change(START - HOUR_S, "you", "delay", 0.5, 0.0))
    return FakeSource(snapshot(samples=samples(seconds=900), changes=changes), course=course())


def axis(driver: Driver) -> str:
    return driver.line(r"^ +-.*now$").strip()


def test_the_ranges_go_round_both_ways() -> None:
    names, now = list[str](), DEFAULT
    for _ in RANGES:
        now = stepped(now, 1)
        names.append(now.name)
        assert stepped(stepped(now, 1), -1) == now
    assert names == ["15 min", "all", "1 min", "5 min"]
    assert [told(each.seconds) for each in RANGES] == [" (1 min)", "", " (15 min)", " (all)"]


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(45, "-45 s"), (150, "-2:30 min"), (1_800, "-30 min"), (3_600, "-1 h"), (5_400, "-1:30 h"), (172_800, "-2 d"),
     (129_600, "-36 h")],
)  # fmt: skip
def test_moments_long_ago_are_told_in_hours_and_days(seconds: float, label: str) -> None:
    assert ago(seconds) == label


def test_a_quarter_of_every_window_has_a_short_label() -> None:
    for each in WINDOWS_S:
        assert all(len(ago(each * part / 4)) <= 10 and ago(each * part / 4) != "-0 s" for part in (1, 2, 3, 4))


@pytest.mark.parametrize(("window_s", "seconds"), [(60, 60), (300, 300), (900, 900)])
def test_charts_reach_as_far_as_the_range(window_s: float, seconds: float) -> None:
    now = snapshot(samples=samples(seconds=1_000), window_s=window_s)
    assert binned.frame(now, 50).seconds == seconds
    assert len(series.shown(now)) == pytest.approx(window_s, abs=1)


def test_a_course_is_drawn_without_its_break_and_counts_whole() -> None:
    now = snapshot(window_s=inf, course=course(), samples=())
    within = binned.frame(now, 100)
    assert within.seconds == 4 * HOUR_S
    (speeds,) = binned.rates(series.shown(now), within, series.settled)
    assert [round(speed) for speed in speeds if speed is not None] == [10] * 50 + [20] * 50
    assert series.shown_rate(now, series.settled) == pytest.approx(15)
    assert binned.span_shown(now) == "whole run"


@pytest.mark.parametrize(
    ("ago_s", "run_s"), [(12 * HOUR_S, 0), (11 * HOUR_S, HOUR_S), (5 * HOUR_S, 2 * HOUR_S), (HOUR_S, 3 * HOUR_S)]
)
def test_a_change_is_marked_where_the_job_stood_then(ago_s: float, run_s: float) -> None:
    assert course().run_at(START - ago_s) == pytest.approx(run_s)


async def test_the_key_steps_the_range_of_charts_axes_and_titles() -> None:
    async with dashboard(long_source()) as tui:
        assert axis(tui).startswith("-5 min")
        assert "Throughput  ━ 34.0 items/s" in tui.text()
        for key, title, first, words in (
            ("t", "Throughput (15 min)  ━ 34.0 items/s", "-15 min", "the last 15 minutes"),
            ("t", "Throughput (all)  ━ 34.0 items/s", "-4 h", "all the time"),
            ("t", "Throughput (1 min)  ━ 34.0 items/s", "-60 s", "the last minute"),
            ("t", "Throughput  ━ 34.0 items/s", "-5 min", "the last 5 minutes"),
            ("T", "Throughput (1 min)  ━ 34.0 items/s", "-60 s", "the last minute"),
        ):
            await tui.press(key)
            await tui.until(lambda title=title: title in tui.text())
            assert axis(tui).startswith(first)
            assert f"charts: {words}" in tui.text()
            assert "last 10 s" in tui.text(), "the numbers stay"
            assert tui.line("latency").endswith("last 60 s")


async def test_the_range_is_kept_from_job_to_job() -> None:
    async with dashboard(long_source()) as tui:
        await tui.press("t")
        await tui.until_shown(r"Throughput \(15 min\)")
        await tui.press("escape")
        await tui.until_shown("reviews")
        await tui.press("enter")
        await tui.until_shown(r"Throughput \(15 min\)")


async def test_a_course_that_is_not_read_to_its_end_is_read_on_at_once() -> None:
    source = long_source()
    source.course = course(whole=False)
    async with dashboard(source) as tui:
        await tui.press("T", "T")
        await tui.until_shown(r"Throughput \(all\)")
        before = source.reads
        await tui.until(lambda: source.reads > before + 20)
        source.course = course()


def test_the_summary_of_an_ended_job_says_what_its_latency_is_of() -> None:
    assert "(last 4 min)" in summary_text(ended())
    assert "(last 60 s)" in summary_text(replace(ended(), window_s=60.0))
    assert "(whole run)" in summary_text(replace(ended(), window_s=inf, course=course()))


def test_the_keys_stand_in_help_and_palette_and_late_in_the_bar() -> None:
    found = [action for action in ACTIONS if action.name.startswith("range")]
    assert [(action.keys, action.bar, action.in_palette) for action in found] == [("t", 15, True), ("T", 0, True)]


@pytest.mark.parametrize(("size", "presses"), [((80, 24), 1), ((120, 36), 2), ((60, 20), 2), ((120, 36), 3)])
async def test_how_it_looks(size: tuple[int, int], presses: int, looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(long_source(), size=size) as tui:
        await tui.press(*"t" * presses)
        name = stepped(stepped(DEFAULT, 1), 1) if presses == 2 else RANGES[(1 + presses) % 4]
        await tui.until_shown(rf"Throughput \({name.name}\)")
        looks_like(f"range-{name.name.replace(' ', '')}-{size[0]}x{size[1]}", tui.text())
