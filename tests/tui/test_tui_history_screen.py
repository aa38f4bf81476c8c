"""One key undoes changes of settings; a screen tells them all, and takes back the one that is marked."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from batchtop.engine.snapshot import Change, JobState
from batchtop.tui.screens.history import HistoryScreen
from batchtop.tui.screens.job import JobScreen

from .driving import dashboard
from .fake_source import CHANGES, START, FakeSource, ended, samples, snapshot

PRESET = (
    Change(START - 100, "her", "batch_size", 10, 15),
    Change(START - 100, "her", "max_wait", 0.5, 0.3),
    Change(START - 99.9, "her", "rpm", 0, 1_500),
)


def sent(source: FakeSource) -> list[dict[str, object]]:
    return [dict(args) for _, verb, args in source.sent if verb in {"set", "undo"}]


async def test_undo_goes_back_change_by_change() -> None:
    async with dashboard() as tui:
        await tui.press("u")
        await tui.until_shown(r"delay +0.5 s")
        assert "undo: delay 0 → 0.5 s" in tui.text()
        await tui.press("u")
        await tui.until_shown(r"concurrency +10 ")
        await tui.press("u")
        await tui.until_shown(r"concurrency +4 ")
        await tui.press("u")
        assert "there is no change to undo" in tui.text()
        assert sent(tui.source) == [{"delay": 0.5}, {"concurrency": 10}, {"concurrency": 4}]


async def test_quick_undos_go_back_before_the_engine_answers() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("u", "u", "u", "u")
        await tui.until_shown(r"concurrency +20 .*→ 4 …")
        tui.source.obey = True
        tui.source.answer_all()
        await tui.until_shown(r"concurrency +4 ")
        await tui.until_shown(r"delay +0.5 s")


async def test_what_is_asked_and_not_confirmed_is_undone_first() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("b", "right", "u")
        await tui.until(lambda: len(tui.source.sent) == 1)
        assert "undo: batch size 15 → 10 items" in tui.text()
        tui.source.obey = True
        tui.source.answer_all()
        await tui.until(lambda: sent(tui.source) == [{"batch_size": 15}, {"batch_size": 10}])


async def test_a_refused_undo_says_why() -> None:
    async with dashboard(FakeSource(refusal="its settings are fixed")) as tui:
        await tui.press("u")
        await tui.until_shown("its settings are fixed")


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_history_looks_as_it_did(size: tuple[int, int], looks_like: Callable[[str, str], None]) -> None:
    changes = tuple(sorted((*CHANGES, *PRESET), key=lambda each: each.at))
    async with dashboard(FakeSource(snapshot(changes=changes)), size=size) as tui:
        await tui.press("H")
        await tui.until_shown("cost of 1,000")
        await tui.press("down", "down")
        await tui.until_shown(r"▸ 22:11:40")
        looks_like(f"history-{size[0]}x{size[1]}", tui.text())


async def test_the_marked_turn_is_taken_back_and_stays_marked() -> None:
    async with dashboard(size=(120, 36)) as tui:
        await tui.press("H")
        await tui.until_shown(r"▸ 22:13:08")
        await tui.press("down", "enter")
        await tui.until_shown("concurrency 20 → 10")
        assert sent(tui.source) == [{"concurrency": 10}]
        await tui.until_shown(r"▸ 22:12:20")
        await tui.press("u")
        await tui.until_shown("as they were before this already")
        await tui.press("y")
        assert "2023-11-14 22:12:20 you: concurrency 10 → 20; items/s" in tui.app.clipboard
        await tui.press("escape")
        await tui.until(lambda: isinstance(tui.app.screen, JobScreen))


def failing_since(at: float) -> FakeSource:
    """A job of whose requests every other one fails from a moment on."""
    made = [each if each.at <= at else replace(each, errors={"timeout": each.requests // 2}) for each in samples()]
    return FakeSource(snapshot(samples=tuple(made)))


async def test_the_last_good_settings_come_back_once_what_changes_was_seen(
    looks_like: Callable[[str, str], None],
) -> None:
    async with dashboard(failing_since(START - 12), size=(60, 20)) as tui:
        await tui.press("H")
        await tui.until_shown("✓ good from 22:12:20 to 22:13:08")
        assert tui.line("22:12:20 ✓")
        await tui.press("g")
        await tui.until_shown("Back to the last good settings")
        looks_like("good-60x20", tui.text())
        await tui.press("escape")
        assert sent(tui.source) == []
        await tui.press("g", "y")
        await tui.until_shown(r"22:13:20 +delay 0 → 0.5 s")
        assert [(verb, args) for _, verb, args in tui.source.sent] == [("undo", {"delay": 0.5})]
        await tui.press("up")
        await tui.until_shown("22:13:20 by you, undo")
        await tui.press("g")
        await tui.until_shown("these did well from 22:12:20 to 22:13:08 already")


async def test_where_nothing_went_well_there_is_no_way_back_to_it() -> None:
    source = failing_since(0.0)
    async with dashboard(source) as tui:
        await tui.press("H")
        await tui.until_shown(r"▸ 22:13:08")
        assert "good since" not in tui.text()
        await tui.press("g")
        await tui.until_shown("no settings did well for long enough")
        assert source.sent == []


async def test_what_came_of_a_change_is_told_once_there_is_enough_to_judge_by() -> None:
    fresh = Change(START - 2, "you", "concurrency", 20, 40)
    async with dashboard(FakeSource(snapshot(changes=(*CHANGES, fresh))), size=(160, 48)) as tui:
        await tui.press("H")
        await tui.until_shown("▸ 22:13:18")
        assert tui.text().count("too early") == 2, "in the list, and in full"
        assert "too early" in tui.line("items/s  .*too early")
        assert "→ 33" not in tui.line("▸ 22:13:18")
        await tui.press("y")
        assert tui.app.clipboard.endswith("concurrency 20 → 40; too early to tell what came of it")
        await tui.press("down")
        await tui.until_shown("▸ 22:13:08")
        assert tui.text().count("too early") == 1, "of the newest alone"


@pytest.mark.parametrize("fate", ["another", "ended"])
async def test_a_change_that_never_had_time_to_tell_is_not_called_early(fate: str) -> None:
    changes = [*CHANGES, Change(START - 4, "you", "concurrency", 20, 40)]
    job = replace(snapshot().job, state=JobState.FINISHED) if fate == "ended" else snapshot().job
    if fate == "another":
        changes.append(Change(START - 2, "you", "concurrency", 40, 30))
    async with dashboard(FakeSource(snapshot(job=job, changes=tuple(changes))), size=(160, 48)) as tui:
        await tui.press("H", *["down"] * (fate == "another"))
        await tui.until_shown(r"▸ 22:13:16.*too short")
        assert tui.text().count("too early") == (fate == "another"), "of the newest alone"
        await tui.press("y")
        assert tui.app.clipboard.endswith("; too short to tell what came of it")


async def test_a_refusal_is_told_and_asked_again_only_after_the_answer() -> None:
    async with dashboard(FakeSource(obey=False, refusal="its settings are fixed")) as tui:
        await tui.press("H")
        await tui.until_shown(r"▸ 22:13:08")
        await tui.press("u", "u", "down")
        await tui.until_shown(r"back to before this: delay 0 → 0.5 s …")
        await tui.until(lambda: tui.source.sent)
        tui.source.answer_all()
        await tui.until_shown("its settings are fixed")
        assert sent(tui.source) == [{"delay": 0.5}]


async def test_an_ended_job_shows_its_history_and_changes_nothing() -> None:
    source = FakeSource(ended())
    async with dashboard(source) as tui:
        await tui.press("u", "H")
        await tui.until_shown(r"▸ 22:13:08")
        for key in ("enter", "g"):
            await tui.press("down", key)
            await tui.until_shown("no engine runs this job")
        assert source.sent == []


async def test_no_changes_no_job_and_trouble_are_told() -> None:
    async with dashboard(FakeSource(snapshot(changes=()))) as tui:
        await tui.press("u", "H")
        await tui.until_shown("no setting was changed")
        await tui.press("enter", "y", "g", "down")
        assert isinstance(tui.app.screen, HistoryScreen)
        tui.source.trouble = "batchtop.db: cannot be read"
        await tui.until_shown("cannot be read")
        tui.source.trouble, tui.source.current = "", None
        await tui.until_shown("there is no job 'reviews'")


async def test_ascii_is_ascii() -> None:
    async with dashboard(ascii_only=True) as tui:
        await tui.press("H")
        await tui.until_shown("cost of 1,000")
        assert tui.text().isascii()
