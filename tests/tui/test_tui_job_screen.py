import re
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from batchtop.engine.errors import PresetError
from batchtop.engine.settings import DIALS, Layer, resolve
from batchtop.engine.snapshot import EngineRow, JobState
from batchtop.tui import open_dashboard
from batchtop.tui.exit import Exit, Left
from batchtop.tui.screens.help import HelpScreen
from batchtop.tui.screens.job import JobScreen
from batchtop.tui.screens.jobs import JobsScreen
from batchtop.tui.screens.presets import PresetScreen
from batchtop.tui.screens.question import QuestionScreen
from batchtop.tui.tuning import ORDER
from batchtop.tui.widgets.throughput import Throughput
from textual import events
from textual.widgets import Input
from textual.worker import WorkerFailed

from .driving import Driver, dashboard
from .fake_source import JOB, START, FakeSource, ended, snapshot


def sent(driver: Driver) -> list[tuple[str, dict[str, object]]]:
    return [(verb, dict(args)) for _, verb, args in driver.source.sent]


async def test_a_step_is_pending_until_the_engine_confirms_it() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("c", "right")
        await tui.until_shown(r"▸ concurrency\s+20 \(17 in flight\) → 25 …")
        assert "waiting for the engine" in tui.text()
        await tui.until(lambda: sent(tui) == [("set", {"concurrency": 25})])
        tui.source.answer_all()
        await tui.until_shown(r"▸ concurrency\s+25 \(17 in flight\) +live: you")
        await tui.until(lambda: "waiting" not in tui.text())


async def test_quick_steps_add_up_and_go_as_few_commands() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("c", "right", "right", "right", "left", "right")
        await tui.until_shown(r"→ 40 …")
        tui.source.obey = True
        tui.source.answer_all()
        await tui.until_shown(r"▸ concurrency\s+40 ")
        assert sent(tui)[-1] == ("set", {"concurrency": 40})
        assert len(sent(tui)) <= 3


async def test_a_refused_change_goes_back_and_says_why() -> None:
    async with dashboard(FakeSource(refusal="reviews: is draining, its settings are fixed")) as tui:
        await tui.press("d", "right")
        await tui.until_shown("is draining, its settings are fixed")
        assert "→" not in tui.line("delay")
        await tui.press("down")
        assert "its settings are fixed" not in tui.text()


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [("b", "batch size"), ("d", "delay"), ("c", "concurrency"), ("down", "delay"), ("jj", "concurrency"),
     ("ck", "delay"), ("up", "batch size")],
)  # fmt: skip
async def test_keys_choose_a_dial(keys: str, chosen: str) -> None:
    async with dashboard() as tui:
        await tui.press(*([keys] if keys in {"up", "down"} else keys))
        assert f"▸ {chosen}" in tui.text()


@pytest.mark.parametrize(
    ("key", "value"),
    [("right", 15), ("l", 15), ("plus", 15), ("equals_sign", 15), ("left", 5), ("h", 5), ("minus", 5)],
)
async def test_keys_step_a_dial(key: str, value: int) -> None:
    async with dashboard() as tui:
        await tui.press("b", key)
        await tui.until(lambda: sent(tui) == [("set", {"batch_size": value})])
        await tui.until_shown(rf"▸ batch size\s+{value} items")


async def test_every_dial_can_be_reached_and_stepped() -> None:
    async with dashboard() as tui:
        for i, key in enumerate(ORDER):
            await tui.press("right")
            await tui.until(lambda n=i: len(sent(tui)) == n + 1)
            assert list(sent(tui)[-1][1]) == [key]
            await tui.press("down")
        assert set(ORDER) == set(DIALS)


async def test_a_typed_value_is_taken() -> None:
    async with dashboard() as tui:
        await tui.press("d", "enter")
        await tui.until_shown(r"delay .*seconds from 0 to")
        assert "esc leave" in tui.text()
        await tui.press("2", "5", "0", "m", "s", "enter")
        await tui.until_shown(r"▸ delay\s+0.25 s")
        assert sent(tui) == [("set", {"delay": 0.25})]


async def test_a_typed_value_that_can_not_be_is_told_and_esc_leaves() -> None:
    async with dashboard() as tui:
        await tui.press("c", "enter", "x", "q", "enter")
        await tui.until_shown("not a whole number from 1 to 4,096")
        await tui.press("escape")
        await tui.until_shown("batches in flight")
        assert "not a whole number" not in tui.text()
        assert sent(tui) == []
        await tui.press("down")
        assert "▸ max wait" in tui.text()


async def test_keys_that_come_at_once_mean_what_they_mean_one_by_one() -> None:
    async with dashboard() as tui:
        for key in ("c", "enter", "1", "7", "enter", "d", "enter", "5", "0", "0", "m", "s", "enter"):
            tui.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await tui.until_shown(r"delay\s+0.5 s")
        await tui.until_shown(r"concurrency\s+17")
        assert {key: value for _, args in sent(tui) for key, value in args.items()} == {"concurrency": 17, "delay": 0.5}


async def test_a_terminal_that_shrinks_while_a_value_is_typed_leaves_no_dead_field() -> None:
    async with dashboard() as tui:
        await tui.press("c", "enter")
        await tui.pilot.resize_terminal(40, 10)
        await tui.until(lambda: not isinstance(tui.app.focused, Input))
        await tui.pilot.resize_terminal(80, 24)
        await tui.press("d", "right")
        await tui.until_shown(r"▸ delay")
        assert sent(tui) != []


async def test_space_pauses_and_resumes() -> None:
    async with dashboard() as tui:
        await tui.press("space")
        await tui.until_shown("‖ paused")
        assert "paused by you" in tui.text()
        assert "space resume" in tui.text()
        await tui.press("space")
        await tui.until_shown("● running")
        assert sent(tui) == [("pause", {}), ("resume", {})]


async def test_space_takes_a_pause_back_before_it_is_seen() -> None:
    async with dashboard() as tui:
        await tui.press("space", "space", "space")
        await tui.until(lambda: len(sent(tui)) == 3)
        await tui.until_shown("space resume")
        assert [verb for verb, _ in sent(tui)] == ["pause", "resume", "pause"]


@pytest.mark.parametrize(("keys", "verb"), [("Dy", "drain"), ("xy", "cancel"), ("xd", "drain")])
async def test_drain_and_cancel_are_confirmed_first(keys: str, verb: str) -> None:
    async with dashboard() as tui:
        await tui.press(keys[0])
        assert isinstance(tui.app.screen, QuestionScreen)
        assert "17 batches in flight" in tui.text()
        assert sent(tui) == []
        await tui.press(keys[1])
        await tui.until(lambda: sent(tui) == [(verb, {})])
        await tui.until_shown("draining" if verb == "drain" else "cancelled")
        assert tui.app.is_running


@pytest.mark.parametrize("key", ["escape", "n", "q", "ctrl+c"])
async def test_a_question_can_be_left(key: str) -> None:
    async with dashboard() as tui:
        await tui.press("x", key)
        assert isinstance(tui.app.screen, JobScreen)
        assert sent(tui) == []


async def test_a_preset_is_shown_as_a_difference_and_loaded() -> None:
    async with dashboard() as tui:
        await tui.press("p")
        await tui.until(lambda: isinstance(tui.app.screen, PresetScreen))
        await tui.until_shown("▸ conservative")
        assert "20 → 1" in tui.line("concurrency")
        await tui.press("down")
        assert "10 items → 15 items" in tui.text()
        await tui.press("down", "enter")
        await tui.until_shown(r"Controls \(preset aggressive/discovery\)")
        assert sent(tui) == [("preset", {"name": "aggressive/discovery"})]
        await tui.until_shown(r"batch size\s+100 items +preset aggressive/discovery")


async def test_a_broken_preset_says_so_and_can_not_be_loaded() -> None:
    async with dashboard() as tui:
        await tui.press("p", "down", "down", "down", "enter")
        assert "profiles: is missing" in tui.text()
        await tui.press("escape")
        assert sent(tui) == []
        assert isinstance(tui.app.screen, JobScreen)


@pytest.mark.parametrize(
    ("key", "verb", "left"),
    [
        ("l", None, Left.RUNNING),
        ("d", "drain", Left.DRAINING),
        ("x", "cancel", Left.CANCELLED),
        ("enter", None, Left.RUNNING),
    ],
)
async def test_quitting_asks_what_becomes_of_the_job(key: str, verb: str | None, left: Left) -> None:
    async with dashboard() as tui:
        await tui.press("q")
        assert "leave running" in tui.text()
        await tui.press(key)
        await tui.until(lambda: tui.app.return_value is not None)
        assert (tui.app.return_value.left, tui.app.return_value.job) == (left, "reviews")
        assert sent(tui) == ([(verb, {})] if verb else [])
    tui.app.thread._pool.shutdown(wait=True)
    assert tui.source.closed


async def test_quitting_by_drain_stays_when_the_engine_refuses() -> None:
    async with dashboard(FakeSource(refusal="there is no such job")) as tui:
        await tui.press("q", "d")
        await tui.until_shown("there is no such job")
        assert tui.app.return_value is None


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_an_ended_job_is_left_at_once(key: str) -> None:
    async with dashboard(FakeSource(ended())) as tui:
        await tui.until_shown("✓ finished")
        await tui.press(key)
        assert tui.app.return_value == Exit(Left.ENDED, "reviews")


@pytest.mark.parametrize("key", ["space", "p", "D", "x", "right", "enter", "c"])
async def test_the_dials_of_an_ended_job_do_nothing(key: str) -> None:
    async with dashboard(FakeSource(ended())) as tui:
        await tui.until_shown("as they were when the job ended")
        await tui.press(key)
        assert isinstance(tui.app.screen, JobScreen)
        assert sent(tui) == []
        assert "▸" not in tui.text()


async def test_a_job_that_ends_while_a_value_is_typed_closes_the_field() -> None:
    async with dashboard() as tui:
        await tui.press("enter", "9")
        tui.source.current = ended()
        await tui.until_shown("as they were when the job ended")
        await tui.press("q")
        assert tui.app.return_value == Exit(Left.ENDED, "reviews")


@pytest.mark.parametrize(
    ("engine", "told"),
    [(EngineRow(1, START, START - 7.4), "✕ stalled 7 s  ● running"), (None, "✕ no engine  ● running")],
)
async def test_a_job_that_nobody_moves_is_told(engine: EngineRow | None, told: str) -> None:
    async with dashboard(FakeSource(snapshot(engine=engine))) as tui:
        await tui.until_shown(told)
        assert ("its engine is gone: run the job again" in tui.text()) == (engine is None)


async def test_a_lost_workspace_is_told_and_found_again() -> None:
    source = FakeSource()
    async with dashboard(source) as tui:
        source.trouble = "batchtop.db: there is no workspace here"
        await tui.until_shown(r"✕ batchtop\.db: there is no workspace here \(shown: 0 s old\)")
        assert "33.5 items/s" in tui.text()
        source.trouble = ""
        await tui.until(lambda: "no workspace" not in tui.text())


async def test_a_job_that_is_not_there_is_told() -> None:
    async with dashboard(job="nope") as tui:
        await tui.until_shown("there is no job 'nope' in this workspace")
        await tui.press("p", "c", "right", "space", "y", "pageup", "end")
        await tui.press("q")
        assert tui.app.return_value == Exit(Left.RUNNING, "nope")


async def test_events_are_marked_copied_and_followed() -> None:
    async with dashboard() as tui:
        await tui.press("pageup")
        assert "y copies, End follows" in tui.text()
        await tui.press("pageup", "y")
        assert tui.app.clipboard == (
            "22:12:49 error item 3071 failed: 400 context length exceeded: 9,213 tokens, at most 8,192 allowed"
        )
        await tui.press("home")
        assert "started: 9,000 items" in tui.text()
        await tui.press("end")
        assert "delay 0.5 s → 0 s" in tui.text()
        await tui.press("y")
        assert tui.app.clipboard.startswith("reviews: running\nitems      4,068 done, 12 failed, 4,920 left\n")


async def test_a_marked_event_is_told_in_full_where_its_line_has_no_room() -> None:
    async with dashboard(size=(80, 24)) as tui:
        assert "allowed" not in tui.text()
        await tui.press("pageup", "pageup")
        assert re.search(r"22:12:49 ✕ item 3071 failed: 400 .*\n {12}\S.*allowed", tui.text())
        await tui.press("end")
        assert "allowed" not in tui.text()


async def test_escape_leads_to_the_list_and_back() -> None:
    async with dashboard() as tui:
        await tui.press("escape")
        assert isinstance(tui.app.screen, JobsScreen)
        await tui.until_shown(r"▸ .*reviews")
        await tui.press("enter")
        assert isinstance(tui.app.screen, JobScreen)
        await tui.until_shown("4,068 done")


async def test_help_scrolls_to_the_end_in_a_small_terminal() -> None:
    async with dashboard() as tui:
        await tui.press("question_mark")
        assert isinstance(tui.app.screen, HelpScreen)
        assert "more lines below" in tui.text()
        await tui.press("end")
        assert "the end" in tui.text()
        await tui.press("escape")
        assert isinstance(tui.app.screen, JobScreen)


async def test_the_palette_does_what_the_keys_do() -> None:
    async with dashboard() as tui:
        await tui.press("ctrl+p")
        await tui.press(*"pause")
        await tui.until_shown("again: resume")
        await tui.press("down", "enter")
        await tui.until(lambda: sent(tui) == [("pause", {})])


async def test_a_rebound_key_works_and_is_shown() -> None:
    async with dashboard(keymap={"job.pause": "z"}) as tui:
        assert "z pause" in tui.text()
        await tui.press("z")
        await tui.until_shown("paused")


async def test_text_from_a_server_is_shown_as_it_is() -> None:
    job = replace(JOB, name="[red]x[/]", state=JobState.PAUSED, reason="429 [bold]slow\x1b[31m down[/bold]\n now")
    async with dashboard(FakeSource(snapshot(job=job)), job="[red]x[/]") as tui:
        await tui.until_shown(r"\[red\]x\[/\]")
        assert "429 [bold]slow down[/bold] now" in tui.text()


async def test_keys_and_dials_can_be_clicked() -> None:
    async with dashboard() as tui:
        dials = tui.app.screen.query_one("Dials").region
        await tui.pilot.click(offset=(dials.x + 4, dials.y + 2))
        assert "▸ concurrency" in tui.text()
        await tui.pilot.click(offset=(2, 23))
        await tui.until_shown("paused")


async def test_presets_that_can_not_be_read_are_told() -> None:
    def broken() -> dict[str, object]:
        raise PresetError("the folder of presets can't be read")

    async with dashboard(presets=broken) as tui:
        await tui.press("p")
        await tui.until_shown("the folder of presets can't be read")


async def test_a_cancel_reaches_the_engine_though_the_screen_is_left() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("c", "right")
        await tui.until(lambda: sent(tui))
        await tui.press("x", "y", "escape")
        assert isinstance(tui.app.screen, JobsScreen)
        tui.source.obey = True
        tui.source.answer_all()
        await tui.until(lambda: ("cancel", {}) in sent(tui))


async def test_the_last_steps_reach_the_engine_though_the_dashboard_is_left() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("c", "right")
        await tui.until(lambda: sent(tui))
        await tui.press("right", "right", "q", "l")
        assert tui.app.return_value == Exit(Left.RUNNING, "reviews")
        tui.source.obey = True
        tui.source.answer_all()
    assert sent(tui)[1:] == [("set", {"concurrency": 40})]


async def test_leaving_waits_for_the_answer_to_what_was_chosen_on_the_way_out() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("D", "y")
        await tui.until(lambda: sent(tui))
        await tui.press("q", "x")
        tui.source.answer_all()
        await tui.until(lambda: ("cancel", {}) in sent(tui))
        assert tui.app.return_value is None
        tui.source.answer_all()
        await tui.until(lambda: tui.app.return_value == Exit(Left.CANCELLED, "reviews", "cancel done"))


async def test_esc_waits_while_the_engine_is_told_of_a_choice_on_the_way_out() -> None:
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("q", "d", "escape")
        assert isinstance(tui.app.screen, JobScreen)
        assert "telling the engine" in tui.text()
        tui.source.answer_all()
        await tui.until(lambda: tui.app.return_value == Exit(Left.DRAINING, "reviews", "drain done"))


async def test_titles_keys_and_hints_follow_an_engine_that_dies_and_comes_back() -> None:
    async with dashboard(size=(120, 36)) as tui:
        engine = tui.source.current.engine
        for row in (None, engine):
            tui.source.current = replace(tui.source.current, engine=row)
            live = row is not None
            await tui.until(lambda live=live: live == ("drain" in tui.text().splitlines()[-1]))
            assert ("Rate limits" in tui.text(), "Controls" in tui.text()) == (live, live)
            assert ("Summary" in tui.text(), "Settings" in tui.text()) == (not live, not live)
            assert ("no engine has this job" in tui.text()) != live
            assert len(re.findall(r" now ", tui.text())) == (3 if live else 0)


@pytest.mark.parametrize("where", ["snapshot", "send"])
async def test_a_mistake_in_the_program_is_seen(where: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    async def meet_it() -> None:
        async with dashboard() as tui:
            setattr(tui.source, where, broken)
            await tui.press("c", "right")
            await tui.until(lambda: not tui.app.is_running)

    with pytest.raises(WorkerFailed, match="a mistake"):
        await meet_it()


def test_a_dashboard_that_breaks_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    source = FakeSource()
    source.snapshot = broken
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.headless_driver:HeadlessDriver")
    with pytest.raises(RuntimeError, match="a mistake"):
        open_dashboard(source, job="reviews")
    assert capsys.readouterr() == ("", ""), "it is told once, by whoever opened it"


async def test_a_preset_may_be_named_like_markup() -> None:
    layers = [Layer("preset [bold]a[/bold] v[/x]", {"delay": 1.0})]
    async with dashboard(FakeSource(snapshot(dials=resolve(layers)))) as tui:
        assert "Controls (preset [bold]a[/bold] v[/x])" in tui.text()


async def test_ctrl_c_asks_while_a_value_is_typed() -> None:
    async with dashboard() as tui:
        await tui.press("c", "enter", "ctrl+c")
        assert isinstance(tui.app.screen, QuestionScreen)
        await tui.press("escape", "escape")
        assert not tui.app.screen.controls.typing


async def test_the_largest_value_can_be_taken_as_it_opens() -> None:
    layers = [Layer("x", {"tpm": 10_000_000_000, "concurrency": 4})]
    async with dashboard(FakeSource(snapshot(dials=resolve(layers)))) as tui:
        await tui.press("c", "down", "down", "down", "enter")
        await tui.until_shown("10000000000")
        await tui.press("enter")
        assert "tpm is that already" in tui.text()


async def test_presets_open_while_a_read_is_slow() -> None:
    source, go_on, begun = FakeSource(), Event(), Event()
    async with dashboard(source) as tui:
        read = source.snapshot
        source.snapshot = lambda *asked: (begun.set(), go_on.wait(30), read(*asked))[-1]
        await tui.until(begun.is_set)
        await tui.press("p")
        await tui.until(lambda: isinstance(tui.app.screen, PresetScreen))
        go_on.set()


async def test_what_was_said_goes_with_the_next_key() -> None:
    async with dashboard(FakeSource(ended())) as tui:
        await tui.press("y")
        assert "copied a summary" in tui.text()
        await tui.press("pageup")
        assert "copied" not in tui.text()


async def test_an_ended_job_tells_what_its_rates_are_of() -> None:
    async with dashboard(FakeSource(ended())) as tui:
        assert "last 10 s" not in tui.text()
        assert "last 4 min" in tui.line("Throughput")


@pytest.mark.parametrize(("options", "arrow"), [({}, "↓"), ({"ascii_only": True}, "v")])
async def test_dials_out_of_sight_are_counted(options: dict[str, bool], arrow: str) -> None:
    async with dashboard(**options) as tui:
        assert f"{arrow} {len(ORDER) - 4} more" in tui.text()
        await tui.press(*["down"] * (len(ORDER) - 1))
        assert " more" not in tui.text()


async def test_an_ended_job_that_has_nothing_new_to_tell_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    show = Throughput.show

    def counted(panel: Throughput, *snapshots: Any) -> None:
        drawn.append(snapshots)
        show(panel, *snapshots)

    monkeypatch.setattr(Throughput, "show", counted)
    source = FakeSource(ended())
    async with dashboard(source) as tui:
        await tui.read_again()
        before = len(drawn)
        await tui.read_again()
        await tui.read_again()
        assert len(drawn) == before
        source.trouble = "batchtop.db: cannot be read"
        await tui.until_shown("cannot be read")
        source.trouble = ""
        await tui.until(lambda: "cannot be read" not in tui.text())
        source.current = replace(source.current, job=replace(source.current.job, failed=77))
        await tui.until_shown("77 failed")
        assert len(drawn) == before + 1
