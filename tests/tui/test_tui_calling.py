"""The bell and a desktop notice: once for what is new, never for what was there already."""

from dataclasses import replace

import pytest
from batchtop.engine.snapshot import JobRow, JobState, LaneState, Snapshot
from batchtop.tui import app
from batchtop.tui.calling import Calling
from batchtop.tui.habits import Habits

from .driving import dashboard
from .fake_source import JOB, LANE, START, FakeSource, snapshot

ENDED = replace(JOB, state=JobState.FINISHED, ended_at=START + 5, exit_code=0)


def calling(told: list[str], **habits: bool) -> Calling:
    return Calling(Habits(**habits), {"TERM": "xterm"}, START, told.append)


def seen_with(*lanes: LaneState, job: JobRow = JOB) -> Snapshot:
    return replace(snapshot(), job=job, lanes=lanes)


def test_an_end_is_told_once_whoever_saw_it() -> None:
    told: list[str] = []
    call = calling(told, bell=True)
    call.job(snapshot())
    call.jobs([ENDED])
    call.job(replace(snapshot(), job=ENDED))
    call.jobs([ENDED])
    assert told[0] == "\a"
    assert [text for text in told if "reviews: finished" in text] == told[1:2]
    assert len(told) == 2


def test_what_ended_before_is_no_news_and_trouble_at_the_first_look_is_on_the_screen() -> None:
    told: list[str] = []
    call = calling(told)
    call.jobs([replace(ENDED, ended_at=START - 1)])
    call.job(seen_with(replace(LANE, state="refused", reason="no such key")))
    assert told == []


def test_new_trouble_is_told_once() -> None:
    told: list[str] = []
    call = calling(told)
    call.job(seen_with(LANE))
    for _ in range(3):
        call.job(seen_with(replace(LANE, state="refused", reason="no such key")))
    assert len(told) == 1
    assert "no such key" in told[0]


@pytest.mark.parametrize("job", ["reviews", None])
async def test_every_screen_looks(job: str | None) -> None:
    source = FakeSource()
    async with dashboard(source, job=job) as tui:
        told: list[str] = []
        tui.app.calling = calling(told)
        source.current = replace(source.current, job=ENDED)
        tui.app.screen.poll.ask_anew()  # type: ignore[attr-defined]
        await tui.until(lambda: told)
        assert "reviews: finished" in told[0]


@pytest.mark.parametrize("keys", ["H", "f", "r", "L", "question_mark", "ctrl+p", "q"])
async def test_trouble_is_told_whatever_is_open(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOK_S", 0.05)
    source = FakeSource()
    async with dashboard(source) as tui:
        told: list[str] = []
        tui.app.calling = calling(told)
        tui.app.calling.job(source.current)
        await tui.press(keys)
        source.current = seen_with(replace(LANE, state="refused", reason="no such key"))
        await tui.until(lambda: told)
        assert "no such key" in told[0]
        source.trouble = "batchtop.db: cannot be read"
        await tui.pilot.pause(0.2)
        source.trouble, source.current = "", replace(source.current, job=ENDED)
        await tui.until(lambda: len(told) > 1)
        assert "reviews: finished" in told[1]


async def test_an_end_is_told_below_what_covers_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOK_S", 0.05)
    source = FakeSource()
    async with dashboard(source, job=None) as tui:
        told: list[str] = []
        tui.app.calling = calling(told)
        await tui.press("question_mark")
        source.current = replace(source.current, job=ENDED)
        await tui.until(lambda: told)


def test_a_lane_that_a_person_switched_off_is_no_trouble() -> None:
    told: list[str] = []
    call = calling(told)
    call.job(seen_with(LANE))
    call.job(seen_with(replace(LANE, state="refused", reason="no such key", enabled=False)))
    assert told == []
