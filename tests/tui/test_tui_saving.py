"""Settings are saved as a preset of the person's own, by a name that is judged as it is typed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from batchtop.engine.presets import COMPLETE, load_presets
from batchtop.engine.settings import Layer, resolve
from batchtop.tui.words.line import text_of
from batchtop.tui.words.typed import dial_meaning, name_meaning

from .driving import dashboard
from .fake_source import PRESETS, FakeSource, ended, snapshot


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "batchtop" / "presets"


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_settings_in_force_become_a_preset_that_the_picker_has(folder: Path) -> None:
    async with dashboard(presets=load_presets) as tui:
        await tui.press("S")
        await tui.until_shown("save as")
        await tui.press(*"night-1")
        assert "= a new preset; limits are no part of it" in tui.text()
        await tui.press("enter")
        await tui.until_shown("saved as preset night-1")
        saved = load_presets()["night-1"]
        (values,) = saved.profiles.values()
        assert set(values) == set(COMPLETE)
        assert (values["concurrency"], values["delay"], values["batch_size"]) == (20, 0.0, 10)
        assert saved.description == "saved from reviews, 2023-11-14 22:13:20"
        assert [file.name for file in files(folder)] == ["night-1.toml"], "nothing is left of the writing"
        await tui.press("p")
        await tui.until_shown("night-1")


async def test_a_name_is_judged_as_it_is_typed(folder: Path) -> None:
    async with dashboard(presets=load_presets) as tui:
        await tui.press("S")
        await tui.until_shown("a name for these settings")
        await tui.press(*"balanced")
        assert "✕ built in: choose another name than balanced" in tui.text()
        await tui.press("enter")
        assert "save as" in tui.text()
        await tui.press("slash")
        assert "✕ only letters, digits, - and _ make a n" in tui.text()
        await tui.press("escape")
        assert "save as" not in tui.text()
    assert files(folder.parent.parent) == []


def test_what_a_name_would_replace_is_told() -> None:
    assert "▲ replaces your broken" in text_of(name_meaning(PRESETS, "broken").told)
    mine = {"mine": PRESETS["aggressive"]}
    assert "▲ replaces your mine and its 2 profiles" in text_of(name_meaning(mine, " mine ").told)
    assert not name_meaning(PRESETS, " ").good


@pytest.fixture
def in_the_way(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")


@pytest.mark.usefixtures("in_the_way")
async def test_a_folder_that_can_not_be_written_is_told() -> None:
    async with dashboard() as tui:
        await tui.press("S", *"mine", "enter")
        await tui.until_shown("preset mine can't be saved: ")


async def test_settings_of_an_ended_job_can_be_saved(folder: Path) -> None:
    async with dashboard(FakeSource(ended())) as tui:
        await tui.press("S", *"worked", "enter")
        await tui.until_shown("saved as preset worked")
    assert (folder / "worked.toml").exists()


async def test_no_preset_is_saved_where_nothing_may_be_changed(folder: Path) -> None:
    async with dashboard(read_only=True) as tui:
        await tui.press("S")
        assert "save as" not in tui.text()


# Dials


@pytest.mark.parametrize(
    ("key", "text", "told", "good"),
    [
        ("delay", "500ms", "= 0.5 s  seconds from 0", True),
        ("delay", "2", "= 2 s, as it is  ", True),
        ("delay", "50ms", "= 50 ms  ", True),
        ("delay", "fast", "✕ not seconds from 0", False),
        ("delay", "", "seconds from 0", False),
        ("rpm", "1_000", "= 1,000 requests/min  ", True),
        ("rpm", "0", "= no limit  ", True),
        ("concurrency", "0", "✕ not a whole number from 1 to 4,096", False),
    ],
)
def test_a_typed_value_is_judged(key: str, text: str, told: str, *, good: bool) -> None:
    meaning = dial_meaning(key, 2, text)
    assert text_of(meaning.told).startswith(told)
    assert meaning.good is good


async def test_a_value_is_judged_as_it_is_typed() -> None:
    async with dashboard() as tui:
        await tui.press("d", "enter", *"50")
        assert "= 50 s" in tui.text()
        await tui.press(*"0ms")
        assert "= 0.5 s" in tui.text()
        await tui.press("x")
        assert "✕ not seconds from 0" in tui.text()


async def test_a_wish_that_nobody_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchtop.tui.reads.courier.ANSWER_S", 0.2)
    async with dashboard(FakeSource(obey=False)) as tui:
        await tui.press("c", "right")
        assert "→ 25 …" in tui.text()
        await tui.until_shown("nothing was changed")
        assert "→" not in tui.line("concurrency")


async def test_where_a_value_comes_from_is_seen() -> None:
    values = {"preset conservative": {"batch_size": 10}, "tuner": {"concurrency": 7}, "live: you": {"delay": 1.0}}
    layers = [Layer(origin, layer) for origin, layer in values.items()]
    async with dashboard(FakeSource(snapshot(dials=resolve(layers)))) as tui:
        assert tui.line("batch size").endswith("preset conservative")
        assert tui.line("concurrency ").endswith("≈ tuner")
        assert tui.line("delay").endswith("live: you")
        assert tui.line("max wait").endswith("default")


# Read only


async def test_a_locked_dashboard_offers_no_change(looks_like: Callable[[str, str], None]) -> None:
    async with dashboard(read_only=True) as tui:
        assert "read only  ● running" in tui.text()
        assert "Settings (preset" in tui.text()
        assert "▸" not in tui.text()
        for key in ("c", "right", "enter", "space", "p", "D", "u", "x"):
            await tui.press(key)
        await tui.pilot.click(offset=(5, 15))
        assert tui.source.sent == []
        assert "▸" not in tui.text()
        looks_like("read-only-80x24", tui.text())


@pytest.mark.parametrize("options", [{"read_only": True}, {"source": FakeSource(ended())}])
async def test_all_settings_can_be_seen_where_none_can_be_changed(options: dict[str, object]) -> None:
    async with dashboard(**options) as tui:
        assert "memory" not in tui.text()
        await tui.press("down")
        assert "rpm" in tui.text()
        await tui.press(*["down"] * 13)
        assert "memory" in tui.text()
        await tui.press("up")
        assert "tpm out" in tui.text()
