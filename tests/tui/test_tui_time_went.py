from collections.abc import Callable
from dataclasses import replace

import pytest
from batchtop.engine.snapshot import LaneState, Snapshot
from batchtop.tui.widgets.lanes import lane_block, lane_line
from batchtop.tui.widgets.timewent import rows, table
from batchtop.tui.words.line import text_of
from textual.geometry import Size

from .driving import dashboard
from .fake_source import JOB, LANE, START, FakeSource, ended, samples, snapshot

STATES = {3: "cooling", 5: "paused", 7: "refused"}
WAITS_S = {"cooling": 23, "paused": 840}
REASON = "a pause of 23 s; the server said: you are [bold]too fast[/]\x1b[31m, slow down, see the page on rate limits"


def keys(count: int) -> tuple[LaneState, ...]:
    """Return the lanes of so many keys, three of them in trouble."""
    return tuple(
        LaneState(
            name=f"gpt-4o-mini @ api.example.com · OPENAI_API_KEY_{i + 1}",
            state=(state := STATES.get(i, "open")),
            reason=REASON if state != "open" else "",
            rpm_limit=500,
            rpm_used=300 + 17 * i,
            hits_429=i,
            limit_source="learned",
            reset_at=START + WAITS_S[state] if state in WAITS_S else None,
        )
        for i in range(count)
    )


def waiting(state: str, reset_at: float | None = None) -> Snapshot:
    return snapshot(lanes=(replace(LANE, state=state, reason=REASON, reset_at=reset_at),))


def silent(seconds: int) -> Snapshot:
    quiet = [replace(each, requests=0, items=0, errors={}) for each in samples()[-seconds:]]
    return snapshot(samples=(*samples()[:-seconds], *quiet))


@pytest.mark.parametrize("size", [(120, 36), (160, 48), (200, 60), (80, 48)])
async def test_the_panel_tells_where_the_time_went_and_what_would_help(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as tui:
        await tui.until_shown("Where the time went")
        assert tui.line("last 60 s +run")
        shown = [" ".join(tui.line(name).split()) for name in ("in flight +[━=]", "waiting for RPM", "delay +[╸━─]")]
        for line, lately, ever in zip(shown, ("72 %", "25 %", "3 %"), ("75 %", "20 %", "3 %"), strict=True):
            assert f"{lately} {ever}" in line
        assert tui.text().count("limited by concurrency") == 1
        percent = [line.index(" %", line.index("─  ")) for line in tui.text().splitlines()[4:] if "─  " in line]
        assert len(set(percent)) == 1


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 24)])
async def test_where_there_is_no_room_one_line_tells_what_limits(size: tuple[int, int]) -> None:
    full = replace(LANE, rpm_used=1_499)
    async with dashboard(FakeSource(snapshot(lanes=(full,))), size=size) as tui:
        await tui.until_shown("limited by RPM")
        assert tui.text().splitlines()[3].startswith(" limited by RPM")
        assert tui.text().splitlines()[3].count("gpt-4o-mini") == 1
        assert "Where the time went" not in tui.text()


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (160, 48)])
async def test_a_server_that_does_not_answer_is_told(size: tuple[int, int]) -> None:
    source = FakeSource(silent(44))
    async with dashboard(source, size=size) as tui:
        assert "no answer" not in tui.text()
        source.current = silent(52)
        await tui.until_shown(r"▲ no answer for 52 s, batches in flight: 17")
        source.current = snapshot()
        await tui.until(lambda: "no answer" not in tui.text())


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_a_wait_is_counted_down(size: tuple[int, int]) -> None:
    source = FakeSource(waiting("cooling", START + 23))
    async with dashboard(source, size=size) as tui:
        await tui.until_shown("▲ nothing goes out: cooling, next try in 23 s")
        engine = replace(source.current.engine, heartbeat_at=START + 2)
        source.current = replace(source.current, taken_at=START + 2, engine=engine)
        await tui.until_shown("nothing goes out: cooling, next try in 21 s")
        source.current = replace(source.current, lanes=(LANE,))
        await tui.until(lambda: "nothing goes out" not in tui.text())


async def test_a_refused_key_can_be_tested_again() -> None:
    async with dashboard(FakeSource(snapshot(lanes=keys(10)))) as tui:
        await tui.until_shown("K retest")
        await tui.press("K")
        await tui.until(lambda: [verb for _, verb, _ in tui.source.sent] == ["retest"])
        await tui.until_shown("retest done")
        await tui.until(lambda: "K retest" not in tui.text())
        await tui.press("K")
        assert len(tui.source.sent) == 1


async def test_why_a_key_is_not_tested_again_is_told() -> None:
    source = FakeSource(snapshot(lanes=keys(10)), refusal="no key was refused or given up")
    async with dashboard(source) as tui:
        await tui.press("K")
        await tui.until_shown("no key was refused")


@pytest.mark.parametrize(
    "now",
    [snapshot(), waiting("cooling", START + 9), replace(waiting("refused"), engine=None)],
    ids=["none refused", "one cools", "no engine"],
)
async def test_only_refused_keys_of_a_live_job_are_tested_again(now: Snapshot) -> None:
    async with dashboard(FakeSource(now)) as tui:
        await tui.press("K")
        assert "K retest" not in tui.text()
        assert tui.source.sent == []


async def test_the_palette_offers_the_test_while_it_means_something() -> None:
    async with dashboard(FakeSource(snapshot(lanes=keys(10)))) as tui:
        await tui.press("ctrl+p", *"retest")
        await tui.until_shown("try keys again that were refused or given up")


@pytest.mark.parametrize(("name", "size"), [("keys-120x36", (120, 36)), ("keys-80x24", (80, 24))])
async def test_many_keys_are_legible(name: str, size: tuple[int, int], looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(FakeSource(snapshot(lanes=keys(10))), size=size) as tui:
        await tui.until_shown("refused")
        await tui.pilot.pause(0.1)
        looks_like(name, tui.text())


def test_lanes_on_one_line_tell_what_those_in_use_allow_and_cut_no_number() -> None:
    used = replace(LANE, rpm_limit=600, rpm_used=594, tpm_limit=0, tpm_used=4_210, hits_429=0)
    paused = replace(used, state="paused", rpm_used=3, hits_429=2, reset_at=START + 194)
    told = "◇ 1 paused ● 1 open  next try in 3m 14s  RPM 594/600  TPM 4,210"
    for cells, tail in ((90, "  429s 2"), (65, "")):
        assert text_of(lane_line(snapshot(lanes=(used, paused)), cells)).rstrip() == told + tail


async def test_a_lane_tells_its_other_limits_where_it_knows_them() -> None:
    lane = replace(
        LANE, tpm_limit=0, tpm_in_limit=80_000, tpm_in_used=71_000, tpm_out_limit=16_000, tpm_out_used=1_200,
        rpd_limit=10_000, rpd_used=9_871, limit_source="learned", state="cooling", reason=REASON, reset_at=START + 23,
    )  # fmt: skip
    async with dashboard(FakeSource(snapshot(lanes=(lane,))), size=(120, 36)) as tui:
        await tui.until_shown("TPM in")
        for told in (
            r"TPM in +71k of 80k +88 %",
            r"TPM out +1.2k of 16k +7 %",
            r"RPD +9,871 of 10,000 +98 %",
            r"429s 212  next try in 23 s",
            r"pace learned from 429s",
            r"a pause of 23 s; the server said: .*…",
        ):
            assert tui.line(told), told
        assert "TPM  " not in tui.text().replace("TPM in", "").replace("TPM out", "")


def test_what_a_server_said_is_cleaned_and_cut() -> None:
    block = lane_block(replace(LANE, state="broken", reason=REASON), START, 60)
    last = text_of(block[-1])
    assert last.startswith("a pause of 23 s; the server said: you are [bold]too fast[/]")
    assert last.endswith("…")
    assert "\x1b" not in last


async def test_answers_that_were_cut_short_are_counted() -> None:
    job = replace(JOB, cut=12)
    for size in ((60, 20), (80, 24), (120, 36)):
        async with dashboard(FakeSource(snapshot(job=job)), size=size) as tui:
            assert tui.line(r"12 cut short|cut short +12")
    over = ended()
    async with dashboard(FakeSource(replace(over, job=replace(over.job, cut=12))), size=(120, 36)) as tui:
        await tui.until_shown("0 left, 12 cut short")
        assert "in flight 75 %, RPM 20 %, delay 3 %, cooldown 1 %" in tui.line("time went")


def test_the_largest_share_comes_first_and_the_rest_is_summed_up() -> None:
    assert [name for name, _, _ in rows(snapshot())][:3] == ["in flight", "waiting for RPM", "delay"]
    last = text_of(table(snapshot(), Size(35, 5))[-1])
    assert last.split() == ["2", "more", "────", "0", "%", "1", "%"]
    assert text_of(table(snapshot(samples=(), job=replace(JOB, spent={})), Size(35, 5))[0]) == "nothing sent yet"


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_all_of_it_goes_without_unicode(size: tuple[int, int]) -> None:
    async with dashboard(FakeSource(snapshot(lanes=keys(10))), size=size, ascii_only=True) as tui:
        await tui.until_shown("refused")
        assert tui.text().isascii()
