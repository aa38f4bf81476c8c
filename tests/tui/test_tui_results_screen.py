"""The newest results come in at the top, stay where one is marked, and are searched while all else goes on."""

import re
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest
from batchtop.engine.snapshot import JobState
from batchtop.tui.exit import Exit, Left
from batchtop.tui.reads.resultlist import Wanted
from batchtop.tui.screens.item import ItemScreen
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.results import ResultsScreen
from batchtop.tui.words.line import width

from .driving import Driver, dashboard
from .fake_source import JOB, START, FakeSource, snapshot
from .fake_source import ended as over
from .stories import ended, preview, story, telling


async def opened(tui: Driver, shown: str = "▸ ") -> None:
    await tui.press("r")
    await tui.until_shown(shown)
    await tui.pilot.pause()


def more(tui: Driver, *rows: object, failed: int = 0) -> None:
    """Have so many more results come."""
    tui.source.previews = (*rows, *tui.source.previews)  # type: ignore[assignment]
    assert tui.source.current
    job = tui.source.current.job
    done = job.done + len(rows) - failed
    tui.source.current = replace(tui.source.current, job=replace(job, done=done, failed=job.failed + failed))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 60)])
async def test_results_look_as_they_did(size: tuple[int, int], looks_like: Callable[[str, str], None]) -> None:
    source = telling(number=240)
    source.previews = (
        preview(242, cached=True, attempts=0, latency_ms=0.0),
        preview(241, text="长焦镜头" * 30, model="gpt-4o", attempts=3, latency_ms=31_000.0),
        *source.previews,
    )
    async with dashboard(source, size=size) as tui:
        await opened(tui)
        await tui.press("down", "down", "down")
        looks_like(f"results-{size[0]}x{size[1]}", tui.text())
        assert max(width([(each, "")]) for each in tui.text().splitlines()) <= size[0]


async def test_ids_that_differ_at_their_end_alone_are_told_apart() -> None:
    paths = [f"data/reviews/2026/november/page-{number:04}.txt" for number in (17, 18)]
    source = telling()
    source.previews = tuple(preview(18 - place)._replace(key=path) for place, path in enumerate(paths))
    async with dashboard(source, size=(120, 36)) as tui:
        await opened(tui)
        assert re.findall(r"data/?…\S*(00\d\d\.txt)", tui.text()) == ["0017.txt", "0018.txt"]
        assert paths[0] in tui.text(), "in full below the list"


async def test_a_vector_is_cut_between_its_numbers() -> None:
    source = telling(number=2)
    source.previews = (preview(3, text="[" + ",".join(["-0.125", "0.375"] * 12) + ",-0.1…"),)
    async with dashboard(source) as tui:
        await opened(tui, r"▸ .* 3 ")
        numbers = [each.strip() for each in tui.text().splitlines() if re.search(r"0\.\d+, ", each)]
        assert len(numbers) > 1
        assert all(each.endswith((",", "-0.1…")) for each in numbers)


async def test_ascii_is_ascii(looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(telling(), ascii_only=True) as tui:
        await opened(tui, "> ")
        await tui.press("o")
        await tui.until_shown("30 answers")
        looks_like("results-ascii-80x24", tui.text())
        assert tui.text().isascii()


async def test_new_ones_come_in_at_the_top_until_one_is_marked() -> None:
    async with dashboard(telling(number=3)) as tui:
        await opened(tui)
        more(tui, preview(41))
        await tui.until_shown("▸ .* 41 ")
        assert tui.source.looks[-1] == (Wanted(), 3), "only what is new is read"
        assert "following" in tui.text()
        await tui.press("down")
        marked, looks = tui.line("▸"), len(tui.source.looks)
        more(tui, preview(43), preview(42))
        await tui.until_shown("2 newer results, F follows")
        assert (tui.line("▸"), len(tui.source.looks)) == (marked, looks)
        await tui.press("F")
        await tui.until_shown("▸ .* 43 ")
        assert re.findall(r"answer (\d+)", tui.text()) == ["43", "42", "41", "3", "2", "1", "43"], (
            "the last one in full"
        )


async def test_an_item_that_ends_again_has_one_line() -> None:
    async with dashboard(telling(number=4)) as tui:
        await opened(tui, "✕ bad item")
        more(tui, preview(9, key="4"))
        await tui.until_shown("▸ .* 4 .* answer 9")
        assert "bad item" not in tui.text()


async def test_what_began_anew_is_read_anew() -> None:
    async with dashboard(telling(number=4)) as tui:
        await opened(tui)
        await tui.press("down")
        assert tui.source.current
        tui.source.previews = (preview(1, key="other"),)
        tui.source.current = replace(tui.source.current, job=replace(JOB, started_at=START, done=1, failed=0))
        await tui.until_shown("▸ .* other")
        assert tui.source.looks[-1] == (Wanted(), 0)


async def test_a_text_is_looked_for_once_nobody_types_on() -> None:
    async with dashboard(telling(number=40)) as tui:
        await opened(tui)
        await tui.press("slash", *"answer 39")
        await tui.until_shown("1 found in all 4,080 results")
        assert [wanted.find for wanted, _ in tui.source.looks if wanted.find] == ["answer 39"], "not letter by letter"
        await tui.press("enter")
        await tui.until_shown("/answer 39")
        assert "▸" in tui.text()
        await tui.press("o", "o")
        await tui.until_shown("0 failures found in all")
        await tui.press("escape")
        await tui.until_shown("10 failures in all 4,080 results")
        await tui.press("o")
        await tui.until_shown("40 results")
        await tui.press("escape")
        assert isinstance(tui.app.screen, JobScreen)


async def test_keys_that_mean_something_else_are_typed() -> None:
    async with dashboard(telling()) as tui:
        await opened(tui)
        await tui.press("slash", *"qroFyR/")
        await tui.until_shown("0 found")
        assert isinstance(tui.app.screen, ResultsScreen)
        assert tui.app.screen.filter == "qroFyR/"
        await tui.press("escape")
        await tui.until_shown("40 results")


async def test_a_long_search_holds_nothing_up_and_ends_with_what_is_wanted_next() -> None:
    async with dashboard(telling()) as tui:
        await opened(tui)
        tui.source.held = Event()
        await tui.press("slash", *"never")
        await tui.until_shown("searching …")
        await tui.until(lambda: tui.source.looks[-1][0].find == "never")
        await tui.press("question_mark", "enter", "down")
        assert "searching …" in tui.text()
        tui.source.held = None
        await tui.press("escape")
        await tui.until_shown("40 results")
        tui.source.held = Event()
        await tui.press("o", "q")
        assert tui.app.return_value == Exit(Left.RUNNING, "reviews")


async def test_an_item_is_opened_and_left_where_it_was_looked_at_last() -> None:
    items = [story(str(seq), ended()) for seq in (38, 37)]
    async with dashboard(telling(*items)) as tui:
        await opened(tui)
        await tui.press("down", "down", "enter")
        await tui.until_shown("Item 38")
        assert isinstance(tui.app.screen, ItemScreen)
        more(tui, preview(41))
        await tui.press("right")
        await tui.until_shown("Item 37")
        await tui.press("escape")
        await tui.until_shown("▸ .* 37 ")
        await tui.until_shown("1 newer result, F follows")


async def test_copied_is_all_that_an_item_was_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    item = story("40", ended("timeout", message="late"))
    async with dashboard(telling(item)) as tui:
        monkeypatch.setattr(tui.app, "copy_to_clipboard", copied.append)
        await opened(tui)
        await tui.press("y")
        await tui.until_shown("copied what item 40 says")
        await tui.press("down", "y")
        await tui.until_shown("nothing to copy")
        assert copied == ["late"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (FakeSource(), "no result yet; they come in here"),
        (FakeSource(over()), "no item has a result"),
        (FakeSource(snapshot(engine=None)), "✕ no engine"),
    ],
    ids=["running", "over", "killed"],
)
async def test_what_is_not_there_is_told(source: FakeSource, shown: str) -> None:
    async with dashboard(source) as tui:
        await tui.press("r")
        await tui.until_shown(shown)
        await tui.press("enter", "y", "o", "o", "down", "end", "pageup", "F", "R", "home")
        await tui.until_shown("0 failures in all")
        await tui.press("left")
        assert isinstance(tui.app.screen, JobScreen)


async def test_a_job_that_is_removed_meanwhile_has_no_results() -> None:
    async with dashboard(telling()) as tui:
        await opened(tui)
        tui.source.current = None
        await tui.until_shown("there is no job 'reviews'")
        await tui.until(lambda: "answer" not in tui.text())
        await tui.press("enter", "y", "o", "slash", "x", "enter", "escape")
        assert "▸" not in tui.text()
        tui.source.current = snapshot()
        await tui.until_shown("▸")


async def test_what_can_not_be_read_is_told_and_read_again() -> None:
    async with dashboard(telling()) as tui:
        await opened(tui)
        tui.source.trouble = "batchtop.db: cannot be read"
        await tui.press("o")
        await tui.until_shown("✕ batchtop.db: cannot be read")
        assert "▸" in tui.text()
        tui.source.trouble = ""
        await tui.until_shown("30 answers in all")


async def test_a_job_that_is_over_is_not_followed() -> None:
    async with dashboard(telling(current=over(JobState.FINISHED))) as tui:
        await opened(tui)
        assert "follow" not in tui.line("results")
        looks = len(tui.source.looks)
        await tui.pilot.pause(0.7)
        assert len(tui.source.looks) == looks


async def test_what_stands_still_draws_nothing() -> None:
    async with dashboard(telling()) as tui:
        await opened(tui)
        await tui.pilot.pause(0.2)
        drawn: list[object] = []
        display = tui.app._display
        tui.app._display = lambda screen, what: (drawn.append(what), display(screen, what))
        await tui.pilot.pause(1.1)
        assert drawn == []


async def test_a_click_marks_and_opens() -> None:
    async with dashboard(telling(story("39", ended()))) as tui:
        await opened(tui)
        assert isinstance(tui.app.screen, ResultsScreen)
        await tui.pilot.click(tui.app.screen.list, offset=(5, 2))
        await tui.until_shown("▸ .* 39 ")
        await tui.pilot.click(tui.app.screen.list, offset=(5, 2))
        await tui.until_shown("Item 39")


async def test_the_field_closes_where_there_is_no_room_for_it() -> None:
    async with dashboard(telling()) as tui:
        await opened(tui)
        await tui.press("slash", *"answer 3")
        await tui.pilot.resize_terminal(50, 12)
        await tui.until_shown("too small")
        await tui.pilot.resize_terminal(80, 24)
        await tui.until_shown("/answer 3")
        await tui.press("escape")
        await tui.until_shown("40 results")
