"""A terminal that is slow, or that has hardly any room, is served as well as it can be."""

import os
import sys
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest
from batchtop.tui import app as app_module
from batchtop.tui.app import Dashboard
from batchtop.tui.screens.job import JobScreen
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.screen import Screen

from .driving import dashboard
from .fake_source import FakeSource


@pytest.mark.parametrize("size", [(40, 3), (10, 4), (5, 2), (40, 7), (4, 40)])
async def test_the_palette_has_a_list_to_page_in_however_small_the_terminal(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as tui:
        await tui.press("ctrl+p")
        await tui.pilot.pause(0.3)
        await tui.press("down", "pagedown", "up", "pageup", "pagedown")
        assert tui.app.failure is None


def test_a_terminal_is_behind_while_it_does_not_take_what_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, terminal = os.openpty()
    os.set_blocking(terminal, False)
    with os.fdopen(screen, "rb", buffering=0), os.fdopen(terminal, "wb", buffering=0) as drawn_on:
        monkeypatch.setattr(sys, "__stderr__", drawn_on)
        app = cast("Dashboard", SimpleNamespace(is_headless=False))
        assert not Dashboard.behind.fget(app)  # type: ignore[misc]
        for _ in range(1_000):  # the kernel moves what was written on in its own time
            if Dashboard.behind.fget(app):  # type: ignore[misc]
                break
            drawn_on.write(b"x" * 4096)
        else:
            pytest.fail("4 MB fit into a terminal that nobody reads")
        while os.read(screen, 65_536) and Dashboard.behind.fget(app):  # type: ignore[misc]
            pass
        assert not Dashboard.behind.fget(app)  # type: ignore[misc]


async def test_nothing_is_read_by_the_clock_while_the_terminal_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource()
    async with dashboard(source, refresh_s=0.02) as tui:
        monkeypatch.setattr(Dashboard, "behind", property(lambda _: True))
        await tui.pilot.pause(0.2)
        before = source.reads
        await tui.pilot.pause(0.3)
        assert source.reads == before
        await tui.read_again()  # a key still has its answer
        monkeypatch.setattr(Dashboard, "behind", property(lambda _: False))
        await tui.until(lambda: source.reads > before + 2)


async def test_a_covered_job_does_nothing_by_the_clock_as_textual_would_draw_all_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[None] = []
    monkeypatch.setattr(JobScreen, "_tell_age", lambda _: looks.append(None))
    async with dashboard() as tui:
        await tui.until(lambda: looks)
        await tui.press("question_mark")
        seen = len(looks)
        await tui.pilot.pause(1.3)
        assert len(looks) == seen
        await tui.press("escape")
        await tui.until(lambda: len(looks) > seen)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_a_job_that_is_opened_is_drawn_once_with_all_that_it_shows(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(job=None, size=size, refresh_s=60.0) as tui:
        await tui.pilot.pause(0.1)
        drawn: list[tuple[object, str]] = []
        display = App._display

        def record(app: App[object], screen: Screen[object], what: object) -> None:
            display(app, screen, what)  # type: ignore[arg-type]
            if what is not None and not app._batch_count:
                drawn.append((type(what), tui.text()))

        monkeypatch.setattr(App, "_display", record)
        await tui.press("enter")
        await tui.until_shown("4,068 done")
        await tui.pilot.pause(0.3)
        assert [kind for kind, _ in drawn].count(LayoutUpdate) == 1
        assert all("4,068 done" in text and "p95" in text for _, text in drawn), "never without its numbers"


async def test_a_job_that_can_not_be_read_soon_is_opened_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "STILL_S", 0.05)
    async with dashboard(job=None) as tui:
        go_on = Event()
        monkeypatch.setattr(tui.source, "snapshot", lambda *_: go_on.wait(10) and None)
        try:
            await tui.press("enter")
            await tui.until(lambda: isinstance(tui.app.screen, JobScreen) and not tui.app._batch_count)
            assert "? help" in tui.text()
        finally:
            go_on.set()
