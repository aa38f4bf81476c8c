from collections.abc import Callable
from dataclasses import replace

import pytest
from batchtop.engine.snapshot import EngineRow, JobRow, JobState
from batchtop.engine.store.rates import Rates
from batchtop.tui.exit import Exit, Left
from batchtop.tui.figures.pace import Pace, Speeds
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import JobsScreen

from .driving import Driver, dashboard
from .fake_source import JOB, START, FakeSource, snapshot

HARD_NAME = "评论 \x1b[31mمراجعة\t😀 a name that goes on and on"
OTHERS = (
    replace(JOB, id=2, name="embeddings", state=JobState.FINISHED, done=9_000, failed=0, started_at=START - 7_000,
            model="text-embedding-3-small", requests=90, cost=0.02, active_s=61.0),
    replace(JOB, id=3, name="translate", state=JobState.PAUSED, started_at=START - 400, done=120, failed=0, cost=None),
    replace(JOB, id=4, name=HARD_NAME, state=JobState.STOPPED, reason="the key was refused (401)",
            started_at=START - 900_000, total=12_000_000, done=11_000_000, failed=812_345, cost=1234.5),
    replace(JOB, id=5, name="new", state=JobState.QUEUED, started_at=None, created_at=START - 3, total=0, done=0,
            failed=0, requests=0, cost=None, errors={}, spent={}, active_s=0.0),
)  # fmt: skip
SPEEDS = {
    1: Rates((*(None,) * 20, 0.0, 4.0, 8.0, 20.0, 20.0, 12.0, 0.0, 33.0, 31.0, 32.0), lately=True),
    2: Rates(tuple(float(i % 20) for i in range(60)), lately=False),
    3: Rates((None,) * 28 + (3.0, 0.0), lately=True),
    4: Rates((1.0, 9.0, 9.0, 2.0), lately=False),
}


def many(count: int = 41) -> FakeSource:
    """Make a workspace of so many jobs besides the first, each older than the one before."""
    made = (
        replace(OTHERS[0], id=number, name=f"job-{number:02d}", started_at=START - 1_000 * number)
        for number in range(2, count + 1)
    )
    return FakeSource(others=tuple(made))


def names(tui: Driver) -> list[str]:
    assert isinstance(tui.app.screen, JobsScreen)
    return [each.job.name for each in tui.app.screen.shown]


async def read(tui: Driver) -> None:
    """Have the list read once more, and wait until it did."""
    assert isinstance(tui.app.screen, JobsScreen)
    before = tui.app.screen.found
    tui.app.screen.poll.ask_anew()
    await tui.until(lambda: tui.app.screen.found is not before)
    await tui.pilot.pause()


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((60, 20), {}),
        ((80, 24), {}),
        ((120, 36), {}),
        ((200, 60), {}),
        ((80, 24), {"ascii_only": True}),
        ((80, 24), {"environment": {"TERM": "linux"}}),
    ],
)
async def test_how_it_looks(
    looks_like: Callable[[str, str], None], size: tuple[int, int], options: dict[str, object]
) -> None:
    earlier, at = replace(JOB, done=JOB.done - 331), [START - 10]
    source = FakeSource(snapshot(job=earlier), others=OTHERS, speeds=SPEEDS)
    async with dashboard(source, job=None, size=size, now=lambda: at[0], **options) as tui:
        await tui.until(lambda: len(tui.source.rates_of[-1]) == 5)
        source.current, at[0] = snapshot(), START
        await read(tui)
        await read(tui)
        await tui.press("down")
        charset = "" if tui.app.charset == "braille" else f"-{tui.app.charset}"
        looks_like(f"jobs-{size[0]}x{size[1]}{charset}", tui.text())


async def test_jobs_are_listed_and_opened() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        await tui.until_shown(r"5 jobs, 3 active")
        assert names(tui) == ["new", "reviews", "translate", "embeddings", HARD_NAME], "active first, then the newest"
        assert "✓ finished  embeddings" in tui.line("embeddings")
        await tui.press("down", "down", "up", "enter")
        assert isinstance(tui.app.screen, JobScreen)
        assert tui.app.screen.job == "reviews"
        await tui.press("escape")
        await tui.until_shown("▸ ● running   reviews")


async def test_an_empty_workspace_says_what_to_do() -> None:
    async with dashboard(FakeSource(None), job=None) as tui:
        await tui.until_shown("batchtop run JOB.toml")
        assert "batchtop demo" in tui.text()
        assert not tui.line(r"^ n  +makes one")
        assert "open" not in tui.line("quit")
        await tui.press("enter", "down", "space", "s", "o", "slash", "y", "pagedown")
        assert tui.app.is_running
        tui.source.others = OTHERS
        await tui.until_shown("embeddings")


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_new_job_is_offered_where_one_can_be_made(read_only: object) -> None:
    async with dashboard(FakeSource(None), job=None, workbench=object(), read_only=read_only) as tui:
        await tui.until_shown("batchtop demo")
        assert bool(tui.line(r"^ n  +makes one")) is not read_only


@pytest.mark.parametrize("key", ["escape", "q", "ctrl+c"])
async def test_the_list_is_left_at_once(key: str) -> None:
    async with dashboard(job=None) as tui:
        await tui.until_shown("reviews")
        await tui.press(key)
        assert tui.app.return_value == Exit(Left.RUNNING)


async def test_the_marked_job_stays_marked_while_the_order_changes_under_it() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        await tui.press("end", "up")
        assert "▸ ✓ finished  embeddings" in tui.text()
        for _ in range(9):
            await tui.press("s")
            assert "▸ ✓ finished  embeddings" in tui.text()
        await tui.press("o")
        assert "▸ ✓ finished  embeddings" in tui.text()
        tui.source.current = None
        await tui.until(lambda: "reviews" not in names(tui))
        assert "▸ ✓ finished  embeddings" in tui.text()
        tui.source.others = OTHERS[2:3]
        await tui.until(lambda: names(tui) == [HARD_NAME])
        await tui.press("enter")
        assert isinstance(tui.app.screen, JobScreen)
        assert tui.app.screen.job == HARD_NAME, "where the marked one is gone, what is marked is what opens"


async def test_the_order_is_shown_and_turned() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        assert "active first" in tui.line("5 jobs")
        await tui.press("s", "s")
        assert "name▴" in tui.line("items/s ")
        assert "by name ▴" in tui.line("5 jobs")
        ordered = names(tui)
        await tui.press("o")
        assert "name▾" in tui.line("items/s ")
        assert names(tui) == ordered[::-1]
        while "active first" not in tui.text():
            await tui.press("s")


async def test_a_filter_is_typed_kept_and_taken_away() -> None:
    async with dashboard(many(), job=None) as tui:
        await tui.press("slash", *"JOB-4")
        await tui.until_shown("2 of 41 jobs")
        assert names(tui) == ["job-40", "job-41"]
        assert "▸ ✓ finished  job-40" in tui.text(), "the first of what is left is marked"
        await tui.press("down", "enter")
        assert "2 of 41 jobs, 0 active  /JOB-4" in tui.text()
        await tui.press("slash", "1", "enter")
        await tui.until_shown("1 of 41 jobs")
        await tui.press("escape")
        await tui.until_shown("41 jobs, 1 active")
        assert "▸ ✓ finished  job-41" in tui.text(), "what was found stays marked"
        await tui.press("escape")
        assert tui.app.return_value == Exit(Left.RUNNING)


async def test_keys_belong_to_the_field_while_one_types() -> None:
    async with dashboard(many(), job=None) as tui:
        await tui.press("slash", *"so qyn?lkj", "space")
        assert isinstance(tui.app.screen, JobsScreen)
        assert (tui.app.screen.filter, tui.source.sent) == ("so qyn?lkj", [])
        await tui.until_shown("no job's name, state or model has that in it")
        assert "0 of 41 jobs" in tui.text()
        await tui.press("up", "down", "pagedown", "enter", "enter", "space", "y")
        assert isinstance(tui.app.screen, JobsScreen)
        await tui.press("escape")
        await tui.until_shown("41 jobs, 1 active")
        await tui.press("slash", *"ab", "escape")
        assert names(tui)[0] == "reviews"
        assert not tui.app.screen.field.typing


async def test_keys_that_come_before_the_focus_are_not_lost() -> None:
    async with dashboard(many(), job=None) as tui:
        for key in ("slash", "4", "1", "enter", "o"):
            tui.app.simulate_key(key)
        await tui.until(lambda: names(tui) == ["job-41"])
        await tui.until(lambda: tui.app.screen.order.falling)


async def test_a_field_out_of_sight_does_not_keep_its_keys() -> None:
    async with dashboard(many(), job=None) as tui:
        await tui.press("slash", *"41")
        await tui.pilot.resize_terminal(50, 10)
        await tui.until_shown("too small")
        await tui.pilot.resize_terminal(80, 24)
        await tui.until_shown("1 of 41 jobs, 0 active  /41")
        await tui.press("enter")
        assert isinstance(tui.app.screen, JobScreen)


async def test_only_of_jobs_in_sight_more_is_read() -> None:
    async with dashboard(many(300), job=None) as tui:
        await tui.until(lambda: tui.source.rates_of[-1])
        assert max(map(len, tui.source.rates_of)) <= 24
        assert 1 in tui.source.rates_of[-1]
        await tui.press("end")
        await tui.until(lambda: 300 in tui.source.rates_of[-1])
        assert 1 not in tui.source.rates_of[-1]
        await tui.press("pageup", "pageup")
        assert "▸" in tui.text()
        assert max(map(len, tui.source.rates_of)) <= 24


async def test_a_job_is_paused_and_resumed_and_no_other() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        await tui.press("home", "down", "space")
        await tui.until_shown("reviews, pause: pause done")
        await tui.until_shown("‖ paused    reviews")
        assert "resume" in tui.line("quit")
        await tui.press("space")
        await tui.until_shown("● running   reviews")
        assert [(job, verb) for job, verb, _ in tui.source.sent] == [("reviews", "pause"), ("reviews", "resume")]
        await tui.press("space", "space")
        await tui.until(lambda: len(tui.source.sent) == 4)
        await tui.until_shown("● running   reviews")
        await tui.press("end", "space")
        assert len(tui.source.sent) == 4, "an ended job is not paused"


@pytest.mark.parametrize("options", [{"read_only": True}, {}])
async def test_nothing_is_asked_where_it_can_only_be_read_or_nobody_listens(options: dict[str, object]) -> None:
    source = FakeSource() if options else FakeSource(snapshot(engine=None))
    async with dashboard(source, job=None, **options) as tui:
        await tui.press("space")
        assert "pause" not in tui.line("quit")
        assert tui.source.sent == []


async def test_the_line_of_the_marked_job_is_copied() -> None:
    async with dashboard(job=None) as tui:
        await tui.press("y")
        assert tui.app.clipboard.startswith("reviews: running, 45.3 % of 9,000 items")
        assert "copied the job's line" in tui.text()


async def test_the_mouse_marks_and_opens() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        assert isinstance(tui.app.screen, JobsScreen)
        await tui.pilot.click(tui.app.screen.list, offset=(5, 3))
        assert tui.app.screen.marked().job.name == "translate"
        await tui.pilot.click(tui.app.screen.list, offset=(5, 3))
        await tui.until(lambda: isinstance(tui.app.screen, JobScreen))


async def test_a_missing_workspace_is_told_and_found_again() -> None:
    async with dashboard(FakeSource(trouble="batchtop.db: there is no workspace here"), job=None) as tui:
        await tui.until_shown("✕ batchtop.db: there is no workspace here")
        tui.source.trouble = ""
        await tui.until_shown("▸ ● running   reviews")
        assert "no workspace" not in tui.text()


async def test_a_replaced_workspace_is_another_list() -> None:
    async with dashboard(FakeSource(others=OTHERS), job=None) as tui:
        await tui.press("end")
        tui.source.current, tui.source.others = None, (replace(JOB, id=1, name="other", created_at=START, done=3),)
        await tui.until_shown("▸ ✕ no engine other")
        assert "-" in tui.line("other"), "no speed is told from another job's numbers"


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


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (replace(JOB, done=0), {1: Pace(0.0, None)}),
        (replace(JOB, done=9_000, created_at=START), {}),
    ],
)
def test_no_speed_is_told_of_steps_back_or_of_another_job(job: JobRow, told: dict[int, Pace]) -> None:
    speeds = Speeds()
    speeds.read(100.0, (JOB,))
    assert speeds.read(110.0, (job,)) == told


def test_a_clock_set_back_starts_the_readings_anew() -> None:
    speeds = Speeds()
    speeds.read(5_000.0, (JOB,))
    assert speeds.read(100.0, (JOB,)) == {}
    assert speeds.read(102.0, (replace(JOB, done=JOB.done + 8),))[1].speed == 4.0


async def test_a_job_whose_engine_died_is_not_shown_as_running() -> None:
    async with dashboard(FakeSource(snapshot(engine=None)), job=None) as tui:
        assert "✕ no engine reviews" in tui.line("0.0|45.3 %")
        assert "✕ no engine" in tui.line("batchtop")
        assert "running" not in tui.text()


async def test_a_stalled_engine_is_shown_as_stalled() -> None:
    stalled = snapshot(engine=EngineRow(4242, START - 190, START - 3.4))
    async with dashboard(FakeSource(stalled), job=None) as tui:
        assert "✕ engine 4242 stalled 3 s" in tui.line("batchtop")
        assert "✕ stalled   reviews" in tui.text()
        await tui.press("space")
        await tui.until(lambda: tui.source.sent), "it may come round"


@pytest.mark.parametrize("width", [60, 64, 67, 68, 80, 120, 200])
async def test_the_list_is_whole_at_every_width(width: int) -> None:
    async with dashboard(FakeSource(others=(replace(JOB, id=2, name="other"),)), job=None, size=(width, 24)) as tui:
        rows = [line for line in tui.text().splitlines() if "running" in line and "items" not in line]
        assert len(rows) >= 2
        assert "…" not in "".join(rows[:2])
        assert "ETA" in tui.text()
        assert ("lately" in tui.text() or "last " in tui.text()) == (width >= 79)


async def test_what_became_of_a_command_is_told_on_the_list() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("x", "y", "escape")
        await tui.until(lambda: tui.source.sent)
        tui.source.refusal = "the job has ended"
        tui.source.answer_all()
        await tui.until_shown("reviews, cancel: the job has ended")
        await tui.press("down")
        await tui.until(lambda: "has ended" not in tui.text())
