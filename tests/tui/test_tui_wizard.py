"""The wizard for new jobs, from the file to the job's screen."""

import json
import os
import re
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from batchtop.engine.errors import OutputError, WorkspaceError
from batchtop.tui.newjob.draft import Draft
from batchtop.tui.newjob.workbench import Finding
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import JobsScreen
from batchtop.tui.screens.pick import PickScreen
from batchtop.tui.screens.question import QuestionScreen
from batchtop.tui.screens.wizard import WizardScreen
from batchtop.tui.screens.wizard_start import write_job
from textual import events

from .driving import Driver, dashboard
from .fake_workbench import FakeWorkbench

ROWS = [{"id": n, "text": f"item {n}", "note": "x" if n % 2 else None} for n in range(1, 31)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start in a folder with one file of items, one of another format, and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    (tmp_path / "notes.md").touch()
    (tmp_path / "more").mkdir()
    return tmp_path


@asynccontextmanager
async def wizard(bench: FakeWorkbench | None = None, **options: object) -> AsyncIterator[Driver]:
    async with dashboard(job=None, workbench=bench or FakeWorkbench(), **options) as driver:  # type: ignore[arg-type]
        await driver.press("n")
        await driver.until_shown("orders.jsonl")
        yield driver


def screen(driver: Driver) -> WizardScreen:
    found = driver.app.screen
    assert isinstance(found, WizardScreen), driver.text()
    return found


def draft(driver: Driver) -> Draft:
    return screen(driver).draft


async def paste(driver: Driver, text: str) -> None:
    """Type a text at once, as a terminal does that is pasted into."""
    driver.app.post_message(events.Paste(text))
    await driver.pilot.pause()


async def to_task(driver: Driver) -> None:
    await driver.press("enter")
    await driver.until_shown("30 rows")
    await driver.press("enter")
    await driver.until_shown("2 Task")


async def to_prompt(driver: Driver, model: str = "gpt-4o-mini") -> None:
    await to_task(driver)
    await paste(driver, model)
    await driver.press("pagedown")
    await driver.until_shown("Sent for row 1 of the first 3")


async def to_plan(driver: Driver) -> None:
    await to_prompt(driver)
    await paste(driver, "Sort: {text}")
    await driver.press("pagedown")
    await driver.until_shown("▸ 4 Plan")


async def to_start(driver: Driver) -> None:
    await to_plan(driver)
    await driver.until_shown("30 rows in the input")
    await driver.press("enter")
    await driver.until_shown("start the job")


async def test_enter_alone_leads_from_the_file_to_a_job_that_runs(folder: Path) -> None:
    bench = FakeWorkbench()
    async with wizard(bench) as driver:
        await to_start(driver)
        assert "[task]" in driver.text()
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, JobScreen))
    text = (folder / "orders.toml").read_text()
    assert bench.started == [text]
    assert text.splitlines()[0] == 'name = "orders"'
    assert 'prompt = "Sort: {text}"' in text


async def test_without_a_workbench_or_to_read_only_no_job_is_offered() -> None:
    for options in ({}, {"workbench": FakeWorkbench(), "read_only": True}):
        async with dashboard(job=None, **options) as driver:
            assert "new job" not in driver.text()
            await driver.press("n")
            assert isinstance(driver.app.screen, JobsScreen)


async def test_no_workspace_is_no_hindrance() -> None:
    async with wizard() as driver:
        driver.source.trouble = "there is no workspace here"
        with pytest.raises(WorkspaceError):
            driver.source.jobs()
        await to_task(driver)


# The file


async def test_a_path_is_completed_and_looked_at(folder: Path) -> None:
    (folder / "more" / "odd.csv").write_text("a,b\n1,\n")
    async with wizard() as driver:
        assert "notes.md" not in driver.text()
        await driver.press(*"mo", "tab")
        await driver.until_shown(r"▸ more/odd\.csv")
        assert draft(driver).path == "more/"
        await driver.press("tab")
        await driver.until_shown("1 row, 7 bytes")
        assert re.search(r"b +1 of 1", driver.text())
        await driver.press("ctrl+u")
        await driver.until_shown(r"▸ orders\.jsonl")
        await driver.press("down")
        assert driver.line("▸ more/")
        await driver.press("down", "up", "enter")
        await driver.until_shown("30 rows")
        assert re.search(r"note +15 of 30 +x", driver.text())
        assert '{"id":3,"text":"item 3","note":"x"}' in driver.text()


async def test_a_malformed_file_goes_no_further(folder: Path) -> None:
    (folder / "bad.jsonl").write_text('{"id": 1}\n[\x1b]\n')
    async with wizard() as driver:
        await driver.press(*"bad", "enter")
        await driver.until_shown("line 2")
        await driver.press("enter")
        assert driver.line("▸ 1 File")
        assert re.search(r"✕\S*bad\.jsonl", "".join(driver.text().split()))  # however a long path is broken


async def test_keys_that_come_at_once_find_their_fields() -> None:
    async with wizard() as driver:
        await driver.pilot.press(*"ord", "enter")
        await driver.until_shown("30 rows")
        await driver.pilot.press("enter", "enter", "up", *"gpt", "enter", *"http://x", "enter", *"MY_KEY")
        await driver.until(lambda: draft(driver).key_env == "MY_KEY")
        assert draft(driver) == Draft(
            path="orders.jsonl", name="orders", model="gpt", base_url="http://x", key_env="MY_KEY"
        )


# The task


async def test_what_is_wrong_is_told_where_it_is_typed() -> None:
    async with wizard() as driver:
        await to_task(driver)
        await driver.press("pagedown")
        assert driver.line("✕ model: the model's name is wanted")
        await driver.press("m", "down")
        await paste(driver, "localhost")
        await driver.press("pagedown")
        assert driver.line("✕ server: begins with http://")
        assert driver.line("✕ server +localhost")
        assert driver.line("▸ 2 Task")


async def test_a_key_is_told_by_its_name_and_never_kept() -> None:
    key = "sk-proj-1234567890abcdef"
    async with wizard(FakeWorkbench(keys=frozenset({"MY_KEY"}))) as driver:
        await to_task(driver)
        await driver.press("m", "down", "down")
        assert driver.line("OPENAI_API_KEY is not set here")
        await paste(driver, "MY_KEY")
        assert driver.line("✓ MY_KEY is set")
        await driver.press("ctrl+u")
        await paste(driver, key)
        assert key not in driver.text()
        assert "a key itself" in driver.text()
        assert key not in repr(draft(driver))


async def test_values_that_are_not_typed_are_picked_from_lists() -> None:
    async with wizard() as driver:
        await to_task(driver)
        await driver.press("up", "enter")
        assert isinstance(driver.app.screen, PickScreen)
        await driver.press("down", "enter")
        assert draft(driver).kind == "embeddings"
        assert "max tokens" not in driver.text()
        await driver.press("m", "down", "down", "down", "enter")
        await driver.until_shown("the row number")
        await driver.press("j", "enter", "down", "down", "enter")
        await driver.until_shown("conservative")
        await driver.press("escape", "enter", "end", "enter")
        await driver.until(lambda: draft(driver).preset == "aggressive/discovery")
        assert (draft(driver).id, draft(driver).model) == ("id", "m")


# The prompt


async def test_the_preview_follows_what_is_typed() -> None:
    async with wizard() as driver:
        await to_prompt(driver)
        await driver.press(*"A {tex", "}", "enter", *"q?", "ctrl+o")
        await driver.until_shown("Insert a field")
        await driver.press("enter")
        await driver.until(lambda: draft(driver).prompt == "A {tex}\nq?{id}")
        assert driver.line("✕ {tex}: no such field; did you mean 'text'")
        await driver.press("up", "t")
        await driver.until_shown("A item 1")
        assert driver.line(r"q\?1$")
        await driver.press("ctrl+t")
        assert driver.line("Sent for row 2 of the first 3")
        assert driver.line("A item 2$")
        await driver.press("shift+tab")
        await paste(driver, "Be brief.")
        await driver.press("ctrl+o")
        await driver.until_shown("Insert a field")
        await driver.press("enter")
        await driver.until(lambda: draft(driver).system == "Be brief.{id}")


async def test_control_codes_never_reach_the_terminal(folder: Path) -> None:
    (folder / "orders.jsonl").write_text(json.dumps({"\x1b]0;evil\x07": 1, "text": "t"}) + "\n")
    async with wizard() as driver:
        await paste(driver, "orders.jsonl\x1b\x9b")
        await driver.press("enter")
        await driver.until_shown("▸ 2 Task")
        await paste(driver, "m")
        await driver.press("pagedown")
        await driver.until_shown("▸ 3 Prompt")
        await driver.press("ctrl+o")
        await driver.until(lambda: isinstance(driver.app.screen, PickScreen))
        await driver.press("enter")
        await paste(driver, "\ta\n\x1b]52;c;AAAA\x07b")
        await driver.until(lambda: draft(driver).prompt == "{text}\ta\n]52;c;AAAAb")


async def test_a_brace_without_its_partner_goes_no_further() -> None:
    async with wizard() as driver:
        await to_prompt(driver)
        await driver.press(*"a } b", "pagedown")
        assert driver.line("✕ prompt: '}' at character 3")
        assert driver.line("▸ 3 Prompt")


# The plan


async def test_a_long_plan_tells_how_far_it_is_and_is_given_up() -> None:
    bench = FakeWorkbench(held=Event())
    async with wizard(bench) as driver:
        await to_plan(driver)
        await driver.until_shown("reading the input: 120,000 rows, 40% of the input")
        await driver.press("enter")
        assert driver.line("✕ the input is still being read")
        await driver.press("escape")
        await driver.until(lambda: bench.given_up == 1)
        assert draft(driver).prompt == "Sort: {text}"
        assert bench.held
        bench.held.set()
        await driver.press("pagedown")
        await driver.until_shown("30 rows in the input")


async def test_a_plan_is_not_made_twice_unless_the_job_is_another() -> None:
    bench = FakeWorkbench()
    async with wizard(bench) as driver:
        await to_start(driver)
        await driver.press("escape")
        await driver.until_shown("30 rows in the input")
        await driver.press("escape", "!", "pagedown")
        await driver.until(lambda: bench.planned == 2)
        assert len(bench.checked) == 3


async def test_what_stands_against_a_job_is_told_before_the_plan() -> None:
    bench = FakeWorkbench(
        found=(Finding("no API key: MY_KEY is not set", hinders=True), Finding("it continues", hinders=False))
    )
    async with wizard(bench) as driver:
        await to_plan(driver)
        await driver.until_shown("✕ no API key: MY_KEY is not set")
        assert driver.line("◇ it continues")


async def test_a_job_file_that_is_no_good_goes_no_further() -> None:
    async with wizard(FakeWorkbench(refusal="task.base_url: must not hold a user")) as driver:
        await to_plan(driver)
        await driver.until_shown(r"must\s+not\s+hold\s+a\s+user")
        await driver.press("enter")
        assert driver.line("▸ 4 Plan")


# The end


async def test_save_only_tells_the_command_and_starts_nothing(folder: Path) -> None:
    bench = FakeWorkbench()
    async with wizard(bench) as driver:
        await to_start(driver)
        await driver.press("down", "enter")
        await driver.until_shown("saved; to run it:  batchtop run orders.toml")
        assert (folder / "orders.toml").exists()
        await driver.press(*["escape"] * 5)
        await driver.until(lambda: isinstance(driver.app.screen, JobsScreen))
    assert bench.started == []


async def test_another_job_file_is_replaced_only_when_that_is_said(folder: Path) -> None:
    other = folder / "mine.toml"
    other.write_text("mine")
    bench = FakeWorkbench()
    async with wizard(bench) as driver:
        await to_start(driver)
        await driver.press("up")
        await paste(driver, "mine.toml")
        await driver.press("enter", "enter")
        await driver.until_shown("Write over this file")
        await driver.press("escape")
        assert other.read_text() == "mine"
        await driver.press("enter")
        await driver.until_shown("Write over this file")
        await driver.press("y")
        await driver.until(lambda: bench.started)
    assert other.read_text() == bench.started[0]


async def test_a_job_that_can_not_be_started_says_why_and_stays(folder: Path) -> None:
    async with wizard(FakeWorkbench(trouble="no engine could be started")) as driver:
        await to_start(driver)
        await driver.press("enter")
        await driver.until_shown("✕ not started: no engine could be started")
        assert driver.line("▸ 5 Start")
        await driver.press("escape")
        await driver.until_shown("▸ 4 Plan")


async def test_a_draft_is_thrown_away_only_when_that_is_said() -> None:
    async with wizard() as driver:
        await driver.press("escape")
        assert isinstance(driver.app.screen, JobsScreen), "nothing was typed"
        await driver.press("n")
        await driver.until_shown("orders.jsonl")
        await to_prompt(driver, "my model q?")
        await driver.press("ctrl+c")
        assert isinstance(driver.app.screen, QuestionScreen)
        await driver.press("escape", "escape", "escape", "escape")
        assert isinstance(driver.app.screen, QuestionScreen)
        await driver.press("escape")
        assert draft(driver).model == "my model q?", "no letter is a key while one types"
        await driver.press("escape", "y")
        assert isinstance(driver.app.screen, JobsScreen)


async def test_another_file_keeps_the_rest(folder: Path) -> None:
    (folder / "other.csv").write_text("a,text\n1,2\n")
    async with wizard() as driver:
        await to_prompt(driver)
        before = draft(driver)
        await driver.press("escape", "escape", "ctrl+u")
        await paste(driver, "other.csv")
        await driver.until_shown("1 row,")
        await driver.press("enter")
        await driver.until_shown("▸ 2 Task")
        assert draft(driver) == replace(before, path="other.csv", name="other")


def test_a_job_file_is_never_written_over_unasked(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    assert write_job(path, "a")
    assert write_job(path, "a"), "it is there already"
    assert not write_job(path, "b")
    assert path.read_text() == "a"
    assert write_job(path, "b", over=True)
    path.write_bytes(b"\xff")
    assert not write_job(path, "b")


def test_a_job_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text("mine")
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        for path in (old, new):
            with pytest.raises(OutputError, match="cannot be written"):
                write_job(path, "x" * 1_000, over=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, heard)
    assert [each.name for each in tmp_path.glob("*.toml*")] == ["old.toml"]
    assert old.read_text() == "mine"


@pytest.mark.timeout(10)
def test_a_job_file_is_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "job.toml")
    with pytest.raises(OutputError, match="no regular file"):
        write_job(tmp_path / "job.toml", "a")


async def test_every_step_has_its_look_at_every_size(looks_like: Callable[[str, str], None]) -> None:
    async with wizard() as driver:

        async def look(step: str) -> None:
            for columns, rows in ((60, 20), (120, 36), (200, 60), (80, 24)):
                await driver.pilot.resize_terminal(columns, rows)
                await driver.pilot.pause(0.05)
                shown = re.sub(r"(?m)^.*/.*$", "(its path)", driver.text()) if step == "start" else driver.text()
                looks_like(f"wizard-{step}-{columns}x{rows}", shown)

        await look("matches")
        await driver.press("enter")
        await driver.until_shown("30 rows")
        await look("file")
        await driver.press("enter")
        await driver.until_shown("▸ 2 Task")
        await paste(driver, "gpt-4o-mini")
        await look("task")
        await driver.press("pagedown")
        await paste(driver, "Sort: {text}\nnote: {noet}")
        await driver.until_shown("did you mean")
        await look("prompt")
        await driver.press("pagedown")
        await driver.until_shown("30 rows in the input")
        await look("plan")
        await driver.press("enter")
        await driver.until_shown("start the job")
        await look("start")


async def test_it_can_be_drawn_in_ascii(looks_like: Callable[[str, str], None]) -> None:
    async with wizard(ascii_only=True) as driver:
        await to_task(driver)
        await driver.press("up", "enter")
        looks_like("wizard-pick-ascii-80x24", driver.text())
        assert driver.text().isascii()


async def test_a_terminal_that_is_too_small_says_so() -> None:
    async with wizard() as driver:
        await to_prompt(driver)
        await driver.pilot.resize_terminal(50, 24)
        await driver.until_shown("too small")
        assert "prompt" not in driver.text()
        await driver.pilot.resize_terminal(80, 24)
        await driver.until_shown("3 Prompt")
        await driver.press("a")
        await driver.until(lambda: draft(driver).prompt == "a")
