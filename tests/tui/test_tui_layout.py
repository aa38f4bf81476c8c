from collections.abc import Callable
from dataclasses import replace

import pytest
from batchtop.engine.snapshot import JobState, LaneState, Snapshot
from batchtop.tui.exit import Exit, Left
from batchtop.tui.words.line import width

from .driving import dashboard
from .fake_source import EVENTS, JOB, LANE, START, FakeSource, ended, snapshot

ESSENTIALS = """reviews; ● running; 45.3 %; 4,068 done; 12 failed; 4,920 left; ETA; $0.4127; gpt-4o-mini; items/s;
requests/s; p50; p95; p99; rate limited; RPM; TPM; 429s; reset in 14 s; batch size; delay; concurrency; (17 in flight);
preset conservative; ? help; q quit""".replace("\n", " ").split("; ")
NEW = snapshot(
    job=replace(JOB, state=JobState.QUEUED, done=0, failed=0, cost=None, errors={}, active_s=0.0, started_at=None),
    samples=(),
    lanes=(),
    events=(),
    changes=(),
)
SIZES = [(80, 24), (120, 36), (160, 48), (200, 60), (80, 48), (120, 24)]


@pytest.mark.parametrize("size", [*SIZES, (60, 20)])
async def test_the_essentials_show_at_every_size(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as tui:
        await tui.until_shown("4,068 done")
        text = tui.text()
        missing = [part for part in ESSENTIALS if part not in text]
        assert missing == ([] if size != (60, 20) else ["reset in 14 s"])
        lines = text.splitlines()
        assert len(lines) == size[1]
        assert max(width([(line, "")]) for line in lines) <= size[0]


@pytest.mark.parametrize(
    ("name", "size", "source"),
    [
        ("job-80x24", (80, 24), FakeSource()),
        ("job-120x36", (120, 36), FakeSource()),
        ("job-160x48", (160, 48), FakeSource()),
        ("job-60x20", (60, 20), FakeSource()),
        ("ended-80x24", (80, 24), FakeSource(ended(reason="all items are done"))),
        ("new-80x24", (80, 24), FakeSource(NEW)),
    ],
)
async def test_screens_look_as_they_did(
    name: str, size: tuple[int, int], source: FakeSource, looks_like: Callable[[str, str], None]
) -> None:
    async with dashboard(source, size=size) as tui:
        await tui.until_shown("done")
        await tui.pilot.pause(0.1)
        looks_like(name, tui.text())


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48)])
async def test_ascii_is_ascii(size: tuple[int, int]) -> None:
    event = replace(EVENTS[0], message="said by a server: naïve")
    async with dashboard(FakeSource(snapshot(events=(event,))), size=size, ascii_only=True) as tui:
        await tui.until_shown("4,068 done")
        assert tui.text().replace("ï", "").isascii()
        await tui.press("question_mark")
        assert tui.text().isascii()
        await tui.press("escape", "q")
        assert "enter take" in tui.text()
        await tui.press("escape", "p")
        await tui.until_shown("Load a preset")
        assert tui.text().replace("ï", "").isascii()


@pytest.mark.parametrize("size", [(59, 30), (100, 19), (20, 5)])
async def test_a_terminal_too_small_says_so_and_can_be_left(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as tui:
        await tui.until_shown("too small")
        await tui.press("q", "l")
        assert tui.app.return_value == Exit(Left.RUNNING, "reviews")


async def test_a_terminal_that_grows_shows_the_job() -> None:
    async with dashboard(size=(20, 5)) as tui:
        await tui.pilot.resize_terminal(80, 24)
        await tui.until_shown("4,068 done")


async def test_no_colour_is_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard(environment={"NO_COLOR": "1"}, size=(120, 36)) as tui:
        await tui.until_shown("4,068 done")
        strips = tui.app.screen._compositor.render_strips()
        colours = {segment.style.color for strip in strips for segment in strip if segment.style}
        assert all(colour is None or colour.is_default for colour in colours), colours


@pytest.mark.parametrize(
    "still",
    [snapshot(), ended(), snapshot(job=replace(JOB, state=JobState.PAUSED), lanes=(replace(LANE, reset_at=None),))],
    ids=["same", "ended", "paused"],
)
async def test_what_stands_still_draws_nothing(still: Snapshot) -> None:
    source = FakeSource(still)
    passing = 0.0 if still.job.state is JobState.RUNNING else 1.0
    async with dashboard(source, size=(160, 48)) as tui:
        await tui.until_shown("4,068 done|8,988 done")
        await tui.pilot.pause(0.2)
        drawn: list[object] = []
        display = tui.app._display
        tui.app._display = lambda screen, what: (drawn.append(what), display(screen, what))
        for _ in range(3):
            now = source.current.taken_at + passing
            engine = source.current.engine and replace(source.current.engine, heartbeat_at=now)
            source.current = replace(source.current, taken_at=now, engine=engine)
            await tui.read_again()
            await tui.pilot.pause(0.05)
        assert drawn == []
        source.current = replace(source.current, job=replace(source.current.job, done=4_500))
        await tui.until_shown("4,500 done")
        assert drawn


@pytest.mark.parametrize("key", ["q", "p", "question_mark"])
async def test_nothing_moves_behind_a_question(key: str) -> None:
    async with dashboard() as tui:
        await tui.press(key)
        await tui.pilot.pause(0.2)
        reads = tui.source.reads
        drawn: list[object] = []
        display = tui.app._display
        tui.app._display = lambda screen, what: (drawn.append(what), display(screen, what))
        await tui.pilot.pause(0.7)
        assert (drawn, tui.source.reads) == ([], reads)
        tui.source.current = replace(tui.source.current, job=replace(JOB, done=4_500))
        await tui.press("escape")
        await tui.until_shown("4,500 done")


async def test_many_lanes_show_one_a_line_the_worst_first() -> None:
    lanes = (*(LaneState(name=f"lane {i}", rpm_limit=500, rpm_used=i) for i in range(6)),
             LaneState(name="cold", state="cooling", reason="429", reset_at=START + 7))  # fmt: skip
    async with dashboard(FakeSource(snapshot(lanes=lanes)), size=(120, 36)) as tui:
        await tui.until_shown("in 7 s")
        assert "‖ cooling" in tui.line("cold")
        assert "RPM 5/500" in tui.line("lane 5")
        assert tui.text().index("cold") < tui.text().index("lane 5")


async def test_a_resize_lays_everything_out_again() -> None:
    async with dashboard(size=(80, 24)) as tui:
        await tui.until_shown("4,068 done")
        for size in ((200, 60), (60, 20), (120, 36), (80, 24)):
            await tui.pilot.resize_terminal(*size)
            await tui.until(lambda s=size: len(tui.text().splitlines()) == s[1] and "items/s" in tui.text())


REASON = (
    "no key is left: OPENAI_API_KEY was refused by 127.0.0.1:8800 (401 incorrect API key provided); set a key that is"
    " good in the environment of the engine, and run the job again: what is done stays done, and nothing is paid twice"
)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_why_a_job_stopped_is_told_in_full(size: tuple[int, int]) -> None:
    source = FakeSource(ended(reason="the disk is full", state=JobState.STOPPED))
    async with dashboard(source, size=size) as tui:
        before = tui.text()
        assert tui.app.screen.header.size.height == 4
        source.current = ended(reason=REASON, state=JobState.STOPPED)
        tui.app.screen.poll.ask_anew()
        await tui.until(lambda: tui.app.screen.header.size.height > 4)
        await tui.pilot.pause()
        shown = " ".join(each.strip() for each in tui.text().splitlines()[3:9])
        if size[0] >= 80:
            assert REASON in shown
            assert "…" not in shown.partition("twice")[0]
        assert shown.startswith(REASON[:130])
        assert "Settings" in tui.text()
        source.current = ended(reason="the disk is full", state=JobState.STOPPED)
        await tui.read_again()
        await tui.until(lambda: tui.text() == before)


async def test_a_reason_longer_than_its_room_ends_in_an_ellipsis() -> None:
    source = FakeSource(ended(reason="a word " * 70, state=JobState.STOPPED))
    async with dashboard(source) as tui:
        assert [bool(each.strip()) for each in tui.text().splitlines()[3:8]] == [True] * 5
        assert tui.text().splitlines()[7].endswith("…")
