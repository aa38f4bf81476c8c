"""What the job screen says while its numbers may not hold: a stalled engine, a dead one, a workspace that hangs."""

import re
from dataclasses import replace
from threading import Event

from batchtop.engine.snapshot import EngineRow, JobState
from batchtop.tui.figures import series
from batchtop.tui.words.limiting import limit_texts

from .busy import busy
from .driving import dashboard
from .fake_source import JOB, START, FakeSource


def stalled(age_s: float) -> FakeSource:
    return FakeSource(busy(taken_at=START + age_s, engine=EngineRow(1, START - 200, START)))


async def test_a_stalled_engine_is_told_though_nothing_new_comes() -> None:
    source = stalled(1.9)
    async with dashboard(source, now=lambda: START + 1.9) as tui:
        assert "stalled" not in tui.text()
        source.current = stalled(2.4).current
        await tui.until_shown("✕ stalled 2 s  ● running")


async def test_a_stalled_engine_has_no_rates_no_eta_and_nothing_in_flight() -> None:
    async with dashboard(stalled(9.0), now=lambda: START + 9.0, size=(120, 36)) as tui:
        assert re.search(r"━ - items/s +╌ - requests/s", tui.text())
        assert tui.line("ETA").rstrip().endswith("ETA -")
        assert "(- in flight)" in tui.text()
        assert "limited by" not in tui.text()
        assert re.search(r"CPU +- .* RSS +- ", tui.text())
        await tui.press("x")
        assert "an unknown number in flight" in tui.text()


def test_a_dead_engine_has_no_eta_and_a_paused_job_has_its_batches_in_flight() -> None:
    dead = busy(engine=None)
    assert (series.eta_s(dead), series.flying(dead), limit_texts(dead)) == (None, None, ())
    paused = busy(job=replace(JOB, state=JobState.PAUSED))
    assert (series.eta_s(paused), series.flying(paused)) == (None, 17)


async def test_a_read_that_hangs_is_told_with_the_age_of_what_is_shown() -> None:
    source, go_on, begun, clock = FakeSource(busy()), Event(), Event(), [START]
    async with dashboard(source, now=lambda: clock[0]) as tui:
        read = source.snapshot
        source.snapshot = lambda *asked: (begun.set(), go_on.wait(30), read(*asked))[-1]
        await tui.until(begun.is_set)
        clock[0] = START + 5.5
        await tui.until_shown("✕ as of 5 s ago  ● running")
        clock[0] = START + 0.2
        go_on.set()
        await tui.until(lambda: "ago" not in tui.text())


async def test_a_workspace_that_can_not_be_read_tells_the_age_once() -> None:
    source = FakeSource(busy())
    async with dashboard(source, now=lambda: START + 7) as tui:
        source.trouble = "batchtop.db: there is no workspace here"
        await tui.until_shown(r"\(shown: 7 s old\)")
        assert "ago" not in tui.line("running")
