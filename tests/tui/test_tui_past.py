"""The time machine: a cursor along the charts, and every number as it was there."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from batchtop.engine.course import Break, Course
from batchtop.tui.figures.lookback import LEAP, STEP, moved, place_of
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import JobsScreen

from .driving import Driver, dashboard
from .fake_source import START, FakeSource, ended, snapshot


def test_the_cursor_moves_by_shares_of_what_the_charts_show() -> None:
    now = snapshot()
    first = now.samples[0].at
    at = moved(now, None, -STEP)
    assert at is not None
    step = START - at
    assert step == pytest.approx((START - first) / 60, rel=0.05)
    assert moved(now, at, -STEP) == pytest.approx(START - 2 * step)
    assert moved(now, at, STEP) is None, "behind the end is now"
    assert moved(now, first + 1, -LEAP) == first, "nothing is before the first sample"


def test_a_whole_run_is_looked_back_at_without_its_breaks() -> None:
    course = Course((), (Break(50.0, 1_000.0),), 100.0, START - 1_100.0)
    now = replace(snapshot(), course=course)
    assert moved(now, None, -LEAP) == pytest.approx(START - 100 * LEAP)
    before = moved(now, None, -0.75)
    assert before == pytest.approx(START - 1_100 + 25)
    assert place_of(now, before or 0) == pytest.approx(25.0)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_every_number_is_that_of_the_moment(
    size: tuple[int, int], looks_like: Callable[[str, str], None]
) -> None:
    async with dashboard(size=size) as tui:
        now = done(tui)
        await tui.press("less_than_sign", "comma")
        await tui.until_shown("◀ 22:1")
        assert done(tui) < now
        looks_like(f"past-{size[0]}x{size[1]}", tui.text())
        await tui.press("escape")
        await tui.until(lambda: "◀" not in tui.text())
        assert done(tui) == now
        assert isinstance(tui.app.screen, JobScreen)
        await tui.press("escape")
        assert isinstance(tui.app.screen, JobsScreen)


async def test_nothing_is_changed_from_the_past() -> None:
    async with dashboard() as tui:
        await tui.press("comma")
        await tui.until_shown("◀ ")
        await tui.press("space", "right", "enter", "u", "p", "D", "x")
        assert "as they were then" in tui.text()
        assert tui.source.sent == []
        await tui.press("greater_than_sign")
        await tui.until(lambda: "◀" not in tui.text())
        await tui.press("space")
        await tui.until(lambda: tui.source.sent)


async def test_an_ended_job_is_looked_back_at_and_one_without_samples_says_so() -> None:
    async with dashboard(FakeSource(ended()), size=(120, 36)) as tui:
        assert "Summary" in tui.text()
        await tui.press("comma")
        await tui.until_shown("Rate limits")
        await tui.press("full_stop", "full_stop")
        await tui.until_shown("this is now; , goes back")
        assert "Summary" in tui.text()
    async with dashboard(FakeSource(snapshot(samples=()))) as tui:
        await tui.press("comma")
        await tui.until_shown("nothing was sent yet")


def done(tui: Driver) -> int:
    return int(tui.line(r"[\d,]+ done").split(" done")[0].strip().replace(",", ""))
