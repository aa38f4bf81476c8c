"""One item in full, over the list it was opened from."""

import time
from collections.abc import Callable
from threading import Event

import pytest
from batchtop.engine.store.story import Excerpt
from batchtop.tui.screens.failures import FailuresScreen
from batchtop.tui.screens.item import ItemScreen
from batchtop.tui.screens.results import ResultsScreen
from batchtop.tui.words.line import width

from .driving import Driver, dashboard
from .fake_source import FakeSource
from .stories import ended, story, telling
from .test_tui_failures_screen import failing

ITEMS = (story("40", ended("bad_item")), story("39", ended()), story("38"))
LONG = story("40", ended(output=Excerpt('"' + "a word and 长焦镜头, " * 12_000 + '"', cut=True)))


async def opened(tui: Driver, key: str = "40") -> ItemScreen:
    await tui.press("r")
    await tui.until_shown("▸ ")
    await tui.press("enter")
    await tui.until_shown(f"Item {key}")
    await tui.until(lambda: isinstance(tui.app.screen, ItemScreen) and tui.app.screen.story)
    await tui.pilot.pause()
    assert isinstance(tui.app.screen, ItemScreen)
    return tui.app.screen


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 60)])
async def test_an_item_looks_as_it_did(size: tuple[int, int], looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(telling(*ITEMS), size=size) as tui:
        await opened(tui)
        await tui.press("right")
        await tui.until_shown("Item 39")
        looks_like(f"item-{size[0]}x{size[1]}", tui.text())
        assert max(width([(each, "")]) for each in tui.text().splitlines()) <= size[0]
        await tui.press("end")
        looks_like(f"item-end-{size[0]}x{size[1]}", tui.text())


async def test_ascii_is_ascii_but_for_what_the_item_says(looks_like: Callable[[str, str], None]) -> None:
    item = story("40", ended("bad_item"), fields=Excerpt('{"text":"plain"}'))
    async with dashboard(telling(item), ascii_only=True) as tui:
        await tui.press("r")
        await tui.until_shown("> ")
        await tui.press("enter")
        await tui.until_shown("x bad item")
        looks_like("item-ascii-80x24", tui.text())
        assert tui.text().isascii()


async def test_it_is_scrolled_by_line_by_page_and_by_section() -> None:
    async with dashboard(telling(*ITEMS), size=(60, 20)) as tui:
        screen = await opened(tui)
        assert "more below" in tui.text()
        await tui.press("down", "down", "up")
        assert screen.first == 1
        await tui.press("pagedown", "pageup", "up", "up")
        assert screen.first == 0
        await tui.press("tab")
        assert tui.text().splitlines()[2].strip() == "── Error"
        await tui.press("n")
        assert tui.text().splitlines()[2].strip() == "── Earlier attempts"
        await tui.press("end")
        assert "the end" in tui.text()
        await tui.press("tab")
        assert screen.first == 0
        await tui.press("end", "home", "space", "b", "q")
        assert isinstance(tui.app.screen, ResultsScreen)


async def test_other_items_of_the_list_are_shown_from_the_same_section_on() -> None:
    async with dashboard(telling(*ITEMS), size=(60, 20)) as tui:
        screen = await opened(tui)
        await tui.press("left", "tab", "tab")
        assert "── Earlier attempts" in tui.text().splitlines()[2]
        await tui.press("right_square_bracket")
        await tui.until_shown("Item 39")
        assert "── Earlier attempts" in tui.text().splitlines()[2]
        await tui.press("l")
        await tui.until_shown("Item 38")
        assert screen.first == 0, "it has no earlier attempts"
        await tui.press("l")
        await tui.until_shown("there is no such item any more")
        assert "── Fields" not in tui.text()
        await tui.press("h", "left_square_bracket", "escape")
        await tui.until_shown("▸ .* 39 ")


async def test_a_pending_item_shows_its_end_when_it_comes() -> None:
    async with dashboard(telling(story("40"))) as tui:
        await opened(tui)
        assert "○ pending" in tui.text()
        await tui.press("y")
        assert "it has no answer yet" in tui.text()
        tui.source.stories = {"40": story("40", ended())}
        await tui.until_shown("✓ done")
        assert "── Answer" in tui.text()


async def test_what_stands_still_draws_nothing_and_keeps_its_place() -> None:
    async with dashboard(telling(*ITEMS), size=(60, 20)) as tui:
        screen = await opened(tui)
        await tui.press("pagedown")
        await tui.pilot.pause(0.2)
        first, drawn = screen.first, list[object]()
        display, read = tui.app._display, len(tui.source.items_read)
        tui.app._display = lambda screen, what: (drawn.append(what), display(screen, what))
        await tui.until(lambda: len(tui.source.items_read) > read)
        await tui.pilot.pause(0.1)
        assert (drawn, screen.first) == ([], first)


async def test_the_workspace_may_go_and_come_back() -> None:
    async with dashboard(telling(*ITEMS)) as tui:
        await opened(tui)
        tui.source.trouble = "batchtop.db: cannot be read"
        await tui.until_shown("✕ batchtop.db: cannot be read")
        assert "── Error" in tui.text()
        tui.source.trouble, tui.source.stories = "", {}
        await tui.until_shown("there is no such item any more")
        tui.source.stories = {"40": story("40", ended())}
        await tui.until_shown("── Answer")


async def test_answers_errors_and_the_whole_page_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    cut = story("38", ended(output=Excerpt('"the be', cut=True)))
    async with dashboard(telling(*ITEMS[:2], cut)) as tui:
        monkeypatch.setattr(tui.app, "copy_to_clipboard", copied.append)
        await opened(tui)
        await tui.press("y")
        assert "copied the error" in tui.text()
        await tui.press("right")
        await tui.until_shown("Item 39")
        await tui.press("y")
        assert "copied the answer" in tui.text()
        assert copied[0] == "it was bad_item"
        assert "\x1b[31mred\x1b[0m" in copied[1], "exactly as it was answered"
        await tui.press("Y")
        assert '{"id":3071,"text":"a \\u001b[2J长 review","stars":4}' in copied[2]
        await tui.press("right")
        await tui.until_shown("Item 38")
        await tui.press("y")
        assert "copied the beginning of the answer" in tui.text()
        assert copied[3] == "the be"


async def test_long_texts_are_quick_and_stay_where_they_are_when_the_terminal_changes() -> None:
    async with dashboard(telling(LONG)) as tui:
        screen = await opened(tui)
        began = time.perf_counter()
        await tui.press("end")
        assert time.perf_counter() - began < 2
        await tui.press("tab", "tab", *["pagedown"] * 20)
        began, place = time.perf_counter(), screen.rows.place_of(screen.first)
        await tui.pilot.resize_terminal(120, 36)
        await tui.pilot.pause()
        assert time.perf_counter() - began < 2
        assert place - 120 <= screen.rows.place_of(screen.first) <= place


async def test_it_says_when_a_terminal_is_too_small_and_has_the_help() -> None:
    async with dashboard(telling(*ITEMS)) as tui:
        await opened(tui)
        await tui.press("question_mark")
        await tui.until_shown("─ Help ─")
        await tui.press("escape")
        await tui.pilot.resize_terminal(50, 12)
        await tui.until_shown("too small")
        await tui.pilot.resize_terminal(80, 24)
        await tui.until_shown("── Error")


async def test_a_failed_item_is_opened_over_its_cause() -> None:
    source: FakeSource = failing()
    source.stories = {key: story(key, ended("bad_item")) for key in ("3000", "3001")}
    async with dashboard(source) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("enter")
        await tui.until_shown("▸ 3000")
        await tui.press("right")
        await tui.until_shown("Item 3000")
        await tui.press("right")
        await tui.until_shown("Item 3001")
        await tui.press("escape")
        assert isinstance(tui.app.screen, FailuresScreen)
        assert "▸ 3001" in tui.text()


async def test_a_long_read_below_does_not_hold_it_up() -> None:
    async with dashboard(telling(*ITEMS)) as tui:
        await tui.press("r")
        await tui.until_shown("▸ ")
        tui.source.held = Event()
        await tui.press("o", "enter")
        await tui.until_shown("── Error")
        tui.source.held.set()
        await tui.pilot.pause(0.1)
        await tui.press("escape")
        await tui.until_shown("30 answers")
