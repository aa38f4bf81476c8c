from dataclasses import replace

import pytest
from batchtop.engine.snapshot import JobState
from batchtop.tui.exit import Exit, Left
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import Speeds

from .driving import dashboard
from .fake_source import JOB, FakeSource

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
    assert speeds.read(102.0, (replace(JOB, done=JOB.done + 50),)) == {1: 25.0}
    for second in range(103, 130):
        found = speeds.read(float(second), (replace(JOB, done=JOB.done + 50),))
    assert found == {1: 0.0}
    assert speeds.read(131.0, (replace(JOB, state=JobState.FINISHED),)) == {}
