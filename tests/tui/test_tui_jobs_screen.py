from dataclasses import replace

import pytest
from batchtop.engine.snapshot import JobState
from batchtop.tui.exit import Exit, Left
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import Speeds
from batchtop.tui.widgets.jobtable import Pace

from .driving import dashboard
from .fake_source import JOB, FakeSource, snapshot

OTHERS = (
    replace(JOB, id=2, name="embeddings", state=JobState.FINISHED, done=9_000, failed=0),
    replace(JOB, id=3, name="a very long name of a job that can't fit", state=JobState.PAUSED),
)


async def test_jobs_are_listed_and_opened() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        await tui.until_shown(r"3 jobs, 2 active")
        assert "✓ finished    100 %" in tui.line("embeddings")
        await tui.press("down", "down", "up", "up", "enter")
        assert isinstance(tui.app.screen, JobScreen)
        assert tui.app.screen.job == "reviews"


async def test_an_empty_workspace_says_what_to_do() -> None:
    async with dashboard(FakeSource(None), job=None) as tui:
        await tui.until_shown("batchtop run JOB.toml")
        assert "batchtop demo" in tui.text()
        assert "open" not in tui.line("quit")
        await tui.press("enter", "down")
        assert tui.app.is_running


@pytest.mark.parametrize("key", ["escape", "q", "ctrl+c"])
async def test_the_list_is_left_at_once(key: str) -> None:
    async with dashboard(job=None) as tui:
        await tui.until_shown("reviews")
        await tui.press(key)
        assert tui.app.return_value == Exit(Left.RUNNING)


async def test_the_marked_job_stays_marked_when_another_comes_before_it() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        await tui.until_shown("embeddings")
        await tui.press("down")
        assert "▸ embeddings" in tui.text()
        tui.source.current = None
        await tui.until(lambda: "reviews" not in tui.text())
        assert "▸ embeddings" in tui.text()


async def test_a_missing_workspace_is_told_and_found_again() -> None:
    async with dashboard(FakeSource(trouble="batchtop.db: there is no workspace here"), job=None) as tui:
        await tui.until_shown("✕ batchtop.db: there is no workspace here")
        tui.source.trouble = ""
        await tui.until_shown("▸ reviews")
        assert "no workspace" not in tui.text()


def test_speed_is_told_from_two_readings() -> None:
    speeds = Speeds()
    assert speeds.read(100.0, (JOB,)) == {}
    assert speeds.read(100.4, (JOB,)) == {}, "too soon to tell"
    later = replace(JOB, done=JOB.done + 50)
    assert speeds.read(102.0, (later,)) == {1: Pace(25.0, later.left / 25)}
    for second in range(103, 130):
        found = speeds.read(float(second), (later,))
    assert found == {1: Pace(0.0, later.left / (50 / 29))}, "the time left goes by the last minute"
    assert speeds.read(131.0, (replace(later, state=JobState.PAUSED),)) == {1: Pace(0.0, None)}
    assert speeds.read(132.0, (replace(JOB, state=JobState.FINISHED),)) == {}


async def test_a_job_whose_engine_died_is_not_shown_as_running() -> None:
    async with dashboard(FakeSource(snapshot(engine=None)), job=None) as tui:
        assert "✕ no engine" in tui.line("reviews")
        assert "1 job, 1 without an engine" in tui.text()
        assert "running" not in tui.text()


@pytest.mark.parametrize("width", [60, 64, 67, 68, 80, 120])
async def test_the_list_is_whole_at_every_width(width: int) -> None:
    async with dashboard(FakeSource(others=(replace(JOB, id=2, name="other"),)), job=None, size=(width, 24)) as tui:
        assert "…" not in tui.text()
        assert "ETA" in tui.text()
        assert ("age" in tui.text()) == (width >= 68)


async def test_what_became_of_a_command_is_told_on_the_list() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("x", "y", "escape")
        await tui.until(lambda: tui.source.sent)
        tui.source.refusal = "the job has ended"
        tui.source.answer_all()
        await tui.until_shown("reviews, cancel: the job has ended")
        await tui.press("down")
        await tui.until(lambda: "has ended" not in tui.text())
