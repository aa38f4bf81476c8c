"""Each lane of a job in a row, the marked one in full; a key switches it off for the job, or on again."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from batchtop.engine.snapshot import JobState, LaneState, Snapshot
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.lanes import LanesScreen

from .driving import Driver, dashboard
from .fake_source import JOB, LANE, START, FakeSource, ended, snapshot

REASON = "a pause of 23 s; the server said: you are [bold]too fast[/]\x1b[31m, slow down, see the page on rate limits"
KEYS = (
    replace(LANE, name="gpt-4o-mini @ api.example.com · OPENAI_API_KEY", requests=2_900, tokens_in=540_400,
            tokens_out=66_100, cost=0.2761, hits_429=201),
    LaneState("gpt-4o-mini @ api.example.com · OPENAI_API_KEY_TEAM", "cooling", REASON, rpm_limit=500, rpm_used=398,
              hits_429=11, limit_source="learned", reset_at=START + 23, requests=1_210, tokens_in=231_000,
              tokens_out=28_020, cost=0.1166),
    LaneState("gpt-4o-mini @ api.example.com · OPENAI_API_KEY_OLD", "refused", "the server refused the request 3 times"
              " in a row: invalid_api_key", requests=3, tokens_in=0, tokens_out=0, cost=0.0),
    LaneState("gpt-4o-mini @ api.example.com · OPENAI_API_KEY_MINE", enabled=False, rpm_limit=500,
              limit_source="server", requests=197, tokens_in=41_000, tokens_out=4_000, cost=0.0200),
)  # fmt: skip
CLAUDE = LaneState(
    "claude-haiku @ api.anthropic.com · ANTHROPIC_API_KEY", rpm_limit=1_000, rpm_used=212, tpm_in_limit=80_000,
    tpm_in_used=71_000, tpm_out_limit=16_000, tpm_out_used=1_200, rpd_limit=10_000, rpd_used=4_870,
    limit_source="server", reset_at=START + 7, requests=88, tokens_in=9_000, tokens_out=800,
)  # fmt: skip


def many(count: int) -> tuple[LaneState, ...]:
    return tuple(replace(LANE, name=f"lane {i:02}", rpm_used=30 * i, tpm_limit=0, reset_at=None) for i in range(count))


async def opened(tui: Driver, pattern: str = "▸") -> LanesScreen:
    await tui.press("L")
    await tui.until_shown(pattern)
    assert isinstance(tui.app.screen, LanesScreen)
    return tui.app.screen


def asked(source: FakeSource) -> list[dict[str, object]]:
    return [dict(args) for _, verb, args in source.sent if verb == "lane"]


def with_lanes(*lanes: LaneState) -> FakeSource:
    return FakeSource(snapshot(lanes=lanes))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 60)])
async def test_lanes_look_as_they_did(size: tuple[int, int], looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(with_lanes(*KEYS, CLAUDE), size=size) as tui:
        await opened(tui)
        await tui.press("down")
        looks_like(f"lanes-{size[0]}x{size[1]}", tui.text())


async def test_lanes_without_unicode(looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(with_lanes(*KEYS), ascii_only=True, size=(120, 36)) as tui:
        await opened(tui, "x refused")
        assert tui.text().isascii()
        looks_like("lanes-ascii-120x36", tui.text())


async def test_a_lane_is_switched_off_and_on_for_the_job() -> None:
    async with dashboard(with_lanes(*KEYS)) as tui:
        await opened(tui)
        await tui.press("down", "down")
        for key, enabled, word in (("enter", False, "off"), ("space", True, "on"), ("e", False, "off")):
            await tui.until(lambda told=not enabled: tui.line(r"↵ switch off" if told is True else r"↵ switch"))
            await tui.press(key)
            await tui.until(lambda wish=enabled: asked(tui.source)[-1:] == [{"name": KEYS[0].name, "enabled": wish}])
            await tui.until_shown("reviews, lane: lane done")
            await tui.until_shown(rf"▸ {'○ off' if word == 'off' else '● open'} +OPENAI_API_KEY ")
        await tui.until_shown("↵ switch on")
        await tui.until_shown("switched off for this job")
        assert len(tui.source.sent) == 3


async def test_the_last_lane_stays_on_and_the_engine_tells_why() -> None:
    async with dashboard() as tui:
        await opened(tui)
        await tui.press("e")
        await tui.until_shown("reviews, lane: gpt-4o-mini @ 127.0.0.1:8800 is the only lane")
        assert tui.line("^ use; pause the job instead")
        assert tui.line("▸ ● open")
        await tui.press("down")
        assert "only lane" not in tui.text()
        assert tui.line("● 1 open  +all: 0 requests")


async def test_a_lane_is_switched_once_until_the_engine_answers() -> None:
    source = FakeSource(snapshot(lanes=KEYS), obey=False)
    async with dashboard(source) as tui:
        await opened(tui)
        await tui.press("e", "e", "down", "e")
        await tui.until_shown("switching off: gpt-4o-mini @ api.example.com · OPENAI_API_KEY_OLD …")
        await tui.until(lambda: source.sent)
        source.obey = True
        source.answer_all()
        await tui.until_shown("lane done")
        assert len(asked(source)) == 1


async def test_the_worst_come_first_until_a_row_is_marked() -> None:
    source = with_lanes(*many(4))
    async with dashboard(source) as tui:
        screen = await opened(tui, "▸ ● open +lane 03")
        fallen = [replace(lane, state="refused") if lane.name == "lane 01" else lane for lane in many(4)]
        source.current = snapshot(lanes=tuple(fallen))
        await tui.until_shown("✕ 1 refused")
        assert [lane.name for lane in screen.lanes] == ["lane 01", "lane 03", "lane 02", "lane 00"]
        assert tui.line("▸ ● open +lane 03"), "the mark stays on its lane"
        await tui.press("down")
        assert tui.line("▸ ● open +lane 02")
        source.current = snapshot(lanes=many(4))
        await tui.until(lambda: "refused" not in tui.text())
        assert [lane.name for lane in screen.lanes] == ["lane 01", "lane 03", "lane 02", "lane 00"]
        await tui.press("s")
        assert [lane.name for lane in screen.lanes] == ["lane 00", "lane 01", "lane 02", "lane 03"]
        assert tui.line("▸ ● open +lane 02")
        await tui.press("s")
        assert [lane.name for lane in screen.lanes] == ["lane 03", "lane 02", "lane 01", "lane 00"]


async def test_numbers_that_move_move_no_row() -> None:
    source = with_lanes(*many(3))
    async with dashboard(source) as tui:
        screen = await opened(tui)
        source.current = snapshot(lanes=tuple(replace(lane, rpm_used=1_499 - lane.rpm_used) for lane in many(3)))
        await tui.until_shown(r"lane 00 +1,499/1,500")
        assert [lane.name for lane in screen.lanes] == ["lane 02", "lane 01", "lane 00"]
        source.current = snapshot(lanes=(*source.current.lanes[1:], replace(LANE, name="new")))
        await tui.until_shown("● open +new ")
        assert {lane.name for lane in screen.lanes} == {"lane 01", "lane 02", "new"}


async def test_only_lanes_that_were_given_up_are_tested_again() -> None:
    source = with_lanes(*KEYS)
    async with dashboard(source) as tui:
        await opened(tui, "K retest")
        await tui.press("K")
        await tui.until_shown("reviews, retest: retest done")
        await tui.until(lambda: "K retest" not in tui.text())
        await tui.press("K")
        assert [verb for _, verb, _ in source.sent] == ["retest"]


async def test_a_dashboard_that_only_reads_switches_nothing() -> None:
    source = with_lanes(*KEYS)
    async with dashboard(source, read_only=True) as tui:
        await opened(tui, "y copy")
        assert "switch off" not in tui.text()
        await tui.press("e", "space", "enter", "K", "y")
        await tui.until_shown("copied the lane")
        assert source.sent == []


OVER: tuple[tuple[Snapshot, str], ...] = (
    (replace(ended(), lanes=KEYS), "as they were at the end, 22:13:20"),
    (snapshot(lanes=KEYS, engine=None), "as they were last"),
)


@pytest.mark.parametrize(("over", "word"), OVER, ids=["ended", "dead"])
async def test_without_an_engine_the_lanes_stand_as_they_were(over: Snapshot, word: str) -> None:
    source = FakeSource(over)
    async with dashboard(source) as tui:
        screen = await opened(tui, word)
        tones = {tone for drawn in (*screen.list.lines[1:], *screen.detail.lines) for _, tone in drawn}
        assert tones == {"", "dim", "chosen"}
        assert "K retest" not in tui.text()
        await tui.press("e")
        await tui.until_shown("no engine runs this job")
        assert " 4,310 requests" in tui.text()
        known = replace(KEYS[0], requests=2_890)
        source.current = replace(over, lanes=(known, *KEYS[1:]))
        await tui.until_shown("4,300 of 4,310 requests")
        assert source.sent == []
        assert ("finished" in tui.line("Lanes")) is (over.job.state is JobState.FINISHED)
        assert ("no engine" in tui.line("Lanes")) is (over.job.state is JobState.RUNNING)


async def test_no_lanes_no_job_and_trouble_are_told() -> None:
    source = with_lanes()
    async with dashboard(source) as tui:
        await opened(tui, "nothing sent yet")
        await tui.press("e", "y", "s", "K", "down", "end")
        assert source.sent == []
        source.trouble = "batchtop.db: cannot be read"
        await tui.until_shown("cannot be read")
        source.trouble, source.current = "", None
        await tui.until_shown("there is no job 'reviews'")
        source.current = snapshot(lanes=KEYS[:2])
        await tui.until_shown("OPENAI_API_KEY_TEAM")


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_every_lane_can_be_reached(count: int, size: tuple[int, int]) -> None:
    async with dashboard(with_lanes(*many(count)), size=size) as tui:
        screen = await opened(tui)
        assert tui.line(rf"● {count} open")
        await tui.press("end")
        assert tui.line(r"▸ ● open +lane 00")
        assert screen.marked() == screen.lanes[-1]
        await tui.press("home")
        assert tui.line(rf"▸ ● open +lane {count - 1:02}")
        await tui.press("pagedown", "pageup")
        assert screen.list.index == 0


async def test_a_terminal_may_get_too_small_and_grow_again() -> None:
    async with dashboard(with_lanes(*KEYS)) as tui:
        await opened(tui)
        for size in ((40, 10), (1, 1), (59, 20), (60, 19)):
            await tui.pilot.resize_terminal(*size)
            await tui.pilot.pause(0.05)
            await tui.press("down", "y")
        await tui.pilot.resize_terminal(80, 24)
        await tui.until_shown("▸ ○ off +OPENAI_API_KEY_MINE")


async def test_odd_names_break_nothing() -> None:
    odd = (
        replace(LANE, name="\x1b[31m[red]model[/] @ host\n" + "x" * 3_000 + " · KEY_ONE"),
        replace(
            LANE,
            name="模型模型模型模型模型模型模型模型模型模型模型模型模型模型模型模型 @ 主机 · 钥匙钥匙钥匙钥匙钥匙钥匙",
        ),
        replace(LANE, name=""),
    )
    for size in ((60, 20), (200, 60)):
        async with dashboard(with_lanes(*odd), size=size) as tui:
            await opened(tui)
            rows = [drawn for drawn in tui.text().splitlines() if "● open" in drawn and "1,391/1,500" in drawn]
            assert len(rows) == 3
            assert "\x1b" not in tui.text()
            await tui.press("y")
            assert "\x1b" not in tui.app.clipboard


async def test_the_totals_agree_with_the_job() -> None:
    async with dashboard(with_lanes(*KEYS), size=(120, 36)) as tui:
        await opened(tui)
        assert f"{JOB.requests:,} requests  812k tokens in, 98,120 out  $0.4127" in tui.line("✕ 1 refused")
        assert sum(lane.tokens_in for lane in KEYS) == JOB.tokens_in
        assert sum(lane.tokens_out for lane in KEYS) == JOB.tokens_out
        await tui.press("end", "up")
        await tui.until_shown(r"this job: 2,900 requests \(67.2 % of all\), 540,400 tokens in, 66,100 out, \$0.2761")


async def test_a_lane_is_copied_in_full() -> None:
    async with dashboard(with_lanes(*KEYS, CLAUDE)) as tui:
        await opened(tui)
        await tui.press("s", "home", "y")
        await tui.until_shown("copied the lane")
        assert tui.app.clipboard == (
            "claude-haiku @ api.anthropic.com · ANTHROPIC_API_KEY: open\n"
            "this job: 88 requests (2.0 % of all), 9,000 tokens in, 800 out, no price\n"
            "RPM 212 of 1,000, 788 left, TPM 0 tokens/min, no limit known, TPM in 71,000 of 80,000, 9,000 left,"
            " TPM out 1,200 of 16,000, 14,800 left, RPD 4,870 of 10,000, 5,130 left\n"
            "limits from server\n"
            "reset in 7 s  429s 0"
        )


async def test_back_to_the_job_by_two_keys_and_no_way_there_while_typing() -> None:
    async with dashboard() as tui:
        for key in ("escape", "L"):
            await opened(tui)
            await tui.press(key)
            await tui.until(lambda: isinstance(tui.app.screen, JobScreen))
            await tui.until_shown("4,068 done")
        await tui.press("enter", "L")
        assert isinstance(tui.app.screen, JobScreen)


async def test_what_stands_still_draws_nothing() -> None:
    source = FakeSource(snapshot(lanes=(*many(3), replace(KEYS[2], name="refused")), engine=None))
    async with dashboard(source) as tui:
        screen = await opened(tui)
        await tui.pilot.pause(0.2)
        drawn: list[object] = []
        display = tui.app._display
        tui.app._display = lambda screen, what: (drawn.append(what), display(screen, what))
        for _ in range(3):
            reads = source.reads
            screen.poll.ask_anew()
            await tui.until(lambda before=reads: source.reads > before)
            await tui.pilot.pause(0.05)
        assert drawn == []
