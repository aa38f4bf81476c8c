import argparse
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from batchtop.cli.export.command import export
from batchtop.engine.errors import UsageError, WorkspaceError
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.results import FIELDS_BYTES, Failed
from batchtop.engine.store.tables import create_key_index
from batchtop.tui.exit import Exit, Left
from batchtop.tui.reads.longreads import ITEMS_SHOWN
from batchtop.tui.reads.reading import Reading
from batchtop.tui.reads.resultlist import RESULTS_SHOWN, Wanted
from batchtop.tui.reads.saving import Saving
from batchtop.tui.reads.source import WorkspaceSource
from batchtop.tui.screens.failures import FailuresScreen
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.words.line import width

from .driving import dashboard
from .fake_source import JOB, START, FakeSource, ended, snapshot

TOO_LONG = tuple(
    (
        "bad_item",
        Failed(
            str(3_000 + i),
            f"400: maximum context length is 8,192 tokens, {9_000 + i} in the messages; shorten what is asked",
            1,
            b'{"id": %d, "text": "a \x1b[31mlong\x1b[0m review \xe9\x95\xbf", "stars": %d}' % (3_000 + i, i % 5),
        ),
    )
    for i in range(7)
)
SLOW = tuple(("timeout", Failed(f'"item-{i}"', f"no answer within {i} s", 3, b'{"text": "x"}')) for i in range(4))
COLD = (("connection", Failed("9", "can't reach 127.0.0.1:8800", 5, b'{"text": "y"}')),)


def failing(*, state: Callable[..., object] = snapshot, **options: object) -> FakeSource:
    return FakeSource(state(), failed=(*SLOW, *TOO_LONG, *COLD), **options)  # type: ignore[arg-type]


async def test_ids_that_differ_at_their_end_alone_are_told_apart() -> None:
    paths = [f"data/reviews/2026/november/page-{number:04}.txt" for number in (17, 18)]
    failed = tuple(("timeout", Failed(path, "no answer within 60 s", 3, b"{}")) for path in paths)
    async with dashboard(FakeSource(failed=failed)) as tui:
        await tui.press("f")
        await tui.until_shown("2 items failed")
        await tui.press("enter")
        await tui.until_shown(r"data/?…\S*0017\.txt")
        assert tui.line(r"data/?…\S*0018\.txt")
        assert paths[0] in tui.text(), "in full below the list"


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (160, 48)])
async def test_causes_and_items_look_as_they_did(size: tuple[int, int], looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(failing(), size=size) as tui:
        await tui.press("f")
        await tui.until_shown("12 items failed, 3 causes")
        looks_like(f"failures-{size[0]}x{size[1]}", tui.text())
        await tui.press("enter")
        await tui.until_shown("3000")
        looks_like(f"failed-items-{size[0]}x{size[1]}", tui.text())
        assert max(width([(each, "")]) for each in tui.text().splitlines()) <= size[0]
        assert "\x1b" not in tui.text()


async def test_enter_goes_down_to_the_items_and_escape_up_again() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        assert tui.line("▸").split()[1:3] == ["bad", "item"]
        await tui.press("down", "enter")
        await tui.until_shown('▸ "item-0"')
        assert "3 attempts" in tui.text()
        await tui.press("down", "escape")
        assert "▸ timeout" in tui.text(), "the mark is where it was"
        await tui.press("end", "up", "up", "up", "pagedown", "home", "escape")
        assert isinstance(tui.app.screen, JobScreen)


async def test_without_failures_it_says_so() -> None:
    async with dashboard(FakeSource(snapshot(job=replace(JOB, failed=0)))) as tui:
        await tui.press("f")
        await tui.until_shown("no item has failed")
        assert "retry" not in tui.text()
        await tui.press("r", "y", "enter", "down", "R", "escape")
        assert isinstance(tui.app.screen, JobScreen)


async def test_retry_asks_the_engine_for_the_marked_kind() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("down", "r")
        await tui.until_shown("reviews, retry: retry done")
        assert tui.source.sent == [("reviews", "retry", {"failed": ["timeout"]})]


@pytest.mark.parametrize("state", [ended, lambda: snapshot(engine=None)], ids=["ended", "dead engine"])
async def test_where_no_engine_runs_the_job_the_command_is_told(state: Callable[..., object]) -> None:
    async with dashboard(failing(state=state)) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("r")
        assert "batchtop retry reviews --kind bad_item" in tui.text()
        assert tui.source.sent == []
        await tui.press("down")
        assert "batchtop retry" not in tui.text()


async def test_causes_and_items_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    async with dashboard(failing()) as tui:
        monkeypatch.setattr(tui.app, "copy_to_clipboard", copied.append)
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("y", "enter")
        await tui.until_shown("▸ 3000")
        await tui.press("y")
        assert copied[0].startswith("bad item: #: maximum context length is # tokens")
        assert '{"id": 3000, "text": "a long review 长", "stars": 0}' in copied[1]


async def test_a_long_read_holds_nothing_up_and_ends_with_the_screen() -> None:
    async with dashboard(failing(held=Event())) as tui:
        await tui.press("f")
        await tui.until_shown("reading …")
        await tui.press("R", "R", "question_mark", "escape", "escape")
        await tui.until(lambda: isinstance(tui.app.screen, JobScreen))
        await tui.until_shown("4,068 done")
        assert tui.source.failures_read == 1, "one at a time"
        await tui.press("f")
        await tui.until(lambda: tui.source.failures_read == 2)
        await tui.press("q")
        assert tui.app.return_value == Exit(Left.RUNNING, "reviews")


async def test_items_that_take_long_can_be_left() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        tui.source.held = Event()
        await tui.press("enter")
        await tui.until_shown("reading …")
        await tui.press("R", "escape")
        await tui.until_shown("▸ bad item")
        tui.source.held.set()
        await tui.press("enter")
        await tui.until_shown("▸ 3000")


async def test_causes_are_read_anew_when_others_came_and_the_marked_one_stays_marked() -> None:
    now = START
    async with dashboard(failing(), now=lambda: now) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("down")
        tui.source.failed += tuple(COLD[0] for _ in range(20))
        assert tui.source.current
        tui.source.current = replace(tui.source.current, job=replace(JOB, failed=32))
        await tui.pilot.pause(0.7)
        assert tui.source.failures_read == 1, "not within two seconds"
        now = START + 2.5
        await tui.until_shown("32 items failed")
        assert tui.source.failures_read == 2
        assert "▸ timeout" in tui.text()


@pytest.mark.parametrize(
    ("failed", "now", "old"),
    [(12, 9_999.0, False), (13, 101.0, False), (13, 129.0, False), (13, 130.0, True), (13, 50.0, True)],
)
def test_a_read_rests_ten_times_as_long_as_it_took(failed: int, now: float, *, old: bool) -> None:
    assert Reading(at=100.0, took_s=3.0, failed=12).is_old(failed, now) is old


async def test_what_stands_still_draws_nothing() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.pilot.pause(0.2)
        drawn: list[object] = []
        display = tui.app._display
        tui.app._display = lambda screen, what: (drawn.append(what), display(screen, what))
        await tui.pilot.pause(1.1)
        assert drawn == []
        await tui.press("down")
        assert drawn


async def test_what_can_not_be_read_is_told_and_read_again() -> None:
    now = START
    async with dashboard(failing(trouble=""), now=lambda: now) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        tui.source.trouble = "batchtop.db: cannot be read"
        await tui.press("R")
        await tui.until_shown("✕ batchtop.db: cannot be read")
        assert "3 causes" in tui.text()
        tui.source.trouble, tui.source.failed, now = "", COLD, START + 3
        await tui.until_shown("1 item failed, 1 cause")


async def test_a_click_marks_and_opens() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        assert isinstance(tui.app.screen, FailuresScreen)
        await tui.pilot.click(tui.app.screen.list, offset=(5, 2))
        assert "▸ timeout" in tui.text()
        await tui.pilot.click(tui.app.screen.list, offset=(5, 2))
        await tui.until_shown('▸ "item-0"')


async def test_too_small_a_terminal_says_so() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.pilot.resize_terminal(50, 12)
        await tui.until_shown("too small")
        await tui.pilot.resize_terminal(80, 24)
        await tui.until_shown("3 causes")


async def test_ascii_is_ascii() -> None:
    async with dashboard(failing(), ascii_only=True) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        assert tui.text().isascii()
        await tui.press("down", "enter")
        await tui.until_shown('> "item-0"')
        assert tui.text().isascii()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with 500 failed items, of two kinds, and one that is well."""
    path = tmp_path / "batchtop.db"
    with closing(connect(path)) as db, db:
        db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (1, 'reviews', '{}', 'finished', 0)")
        for row in range(1, 502):
            kind, message = ("bad_item", f"{row} tokens are too many") if row % 2 else ("timeout", "no answer")
            db.execute(
                "INSERT INTO items (row, job, key, line, digest, load, status) VALUES (?, 1, ?, ?, x'64', 1, ?)",
                (row, str(row), row, "done" if row == 501 else "failed"),
            )
            db.execute("INSERT INTO payloads VALUES (?, ?)", (row, b'{"text":"' + b"x" * 30_000 + b'"}'))
            db.execute(
                """INSERT INTO results (job, item, digest, outcome, message, attempts, latency_ms, at)
                VALUES (1, ?, x'64', ?, ?, 2, 1, 1)""",
                (row, "ok" if row == 501 else kind, message),
            )
        create_key_index(db, 1)
    return path


def test_the_workspace_tells_causes_and_their_first_items(workspace: Path) -> None:
    source = WorkspaceSource(workspace)
    found = source.failures("reviews", Event())
    assert [(each.kind, each.pattern, each.items, each.attempts) for each in found.groups] == [
        ("bad_item", "# tokens are too many", 250, 500),
        ("timeout", "no answer", 250, 500),
    ]
    items = source.failed_items("reviews", found.groups[0], Event())
    assert [item.key for item in items] == [str(row) for row in range(1, 2 * ITEMS_SHOWN, 2)]
    assert all(len(item.payload) == FIELDS_BYTES for item in items), "memory is bounded"
    source.close()


def test_a_read_that_was_given_up_ends(workspace: Path) -> None:
    source, given_up = WorkspaceSource(workspace), Event()
    found = source.failures("reviews", given_up)
    given_up.set()
    with pytest.raises(WorkspaceError, match="interrupted"):
        source.failures("reviews", given_up)
    with pytest.raises(WorkspaceError, match="interrupted"):
        source.failed_items("reviews", replace(found.groups[0], pattern="of none"), given_up)
    source.close()


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_a_cause_is_exported_to_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "reviews-timeout-1.jsonl"
    mine.write_text("mine")
    async with dashboard(failing(), size=(160, 48)) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("down", "e")
        await tui.until_shown("✓ 4 items in .*reviews-timeout-2.jsonl")
        assert str(tmp_path) in tui.text()
    assert mine.read_text() == "mine"
    lines = (tmp_path / "reviews-timeout-2.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"item-{i}" for i in range(4)]
    assert names_in(tmp_path) == ["reviews-timeout-1.jsonl", "reviews-timeout-2.jsonl"]


async def test_an_export_can_be_stopped_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        tui.source.held = Event()
        await tui.press("e")
        await tui.until_shown("exporting: 0 of 7 items")
        await tui.press("e", "down", "escape")
        await tui.until_shown("export stopped, nothing was written")
        assert isinstance(tui.app.screen, FailuresScreen)
        assert names_in(tmp_path) == []


async def test_where_no_file_can_be_written_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("e")
        await tui.until_shown("✕ reviews-bad-item-1.jsonl: cannot be written")
    monkeypatch.chdir(tmp_path)


async def test_a_dashboard_that_only_reads_exports_nothing() -> None:
    async with dashboard(failing(), read_only=True) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        assert "export" not in tui.text()
        await tui.press("e", "enter")
        await tui.until_shown("▸ 3000")


async def test_a_job_that_is_removed_meanwhile_has_no_failures() -> None:
    async with dashboard(failing()) as tui:
        await tui.press("f")
        await tui.until_shown("3 causes")
        await tui.press("enter")
        await tui.until_shown("▸ 3000")
        current, tui.source.current = tui.source.current, None
        await tui.until_shown("there is no job 'reviews'")
        await tui.until(lambda: "▸" not in tui.text())
        await tui.press("enter", "y", "e", "r", "R")
        tui.source.current = current
        await tui.until_shown("▸ bad item")
        assert "there is no job" not in tui.text()


def test_the_workspace_exports_a_cause_as_the_command_does(workspace: Path, tmp_path: Path) -> None:
    source = WorkspaceSource(workspace)
    found = source.failures("reviews", Event())
    saving = Saving(250)
    path = source.export("reviews", found.groups[0], tmp_path, saving)
    assert (path.name, saving.written) == ("reviews-bad-item-1.jsonl", 250)
    options = argparse.Namespace(
        db=workspace, job="reviews", output=str(tmp_path / "all.jsonl"),
        format=None, failed=True, order="completed", with_input=False,
    )  # fmt: skip
    export(options)
    everything = (tmp_path / "all.jsonl").read_bytes().splitlines()
    assert path.read_bytes().splitlines() == [line for line in everything if b'"kind":"bad_item"' in line]
    saving.given_up.set()
    with pytest.raises(WorkspaceError, match="interrupted"):
        source.export("reviews", found.groups[0], tmp_path, saving)
    assert {each.name for each in tmp_path.glob("reviews*")} == {"reviews-bad-item-1.jsonl"}
    source.close()


def test_the_workspace_lists_results_and_tells_items(workspace: Path) -> None:
    source = WorkspaceSource(workspace)
    found = source.results("reviews", Wanted(), 0, Event())
    assert [row.key for row in found.rows] == [str(row) for row in range(501, 501 - RESULTS_SHOWN, -1)]
    assert [row.key for row in source.results("reviews", Wanted("500"), 0, Event()).rows] == ["500"]
    assert [row.status for row in source.results("reviews", Wanted(failed=False), 0, Event()).rows] == ["done"]
    story = source.item("reviews", "501")
    assert story
    assert story.ended
    assert story.ended.outcome == "ok"
    assert source.item("reviews", "502") is None
    with pytest.raises(UsageError, match="stored by another version"):
        source.spec("reviews")
    for ask in (lambda: source.results("none", Wanted(), 0, Event()), lambda: source.item("none", "1")):
        with pytest.raises(UsageError, match="no job named 'none'"):
            ask()
    source.close()
