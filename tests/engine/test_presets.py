"""Presets have the figures they promise, and a broken one stops nobody else."""

from pathlib import Path

import pytest
from batchtop.engine.errors import PresetError
from batchtop.engine.presets import COMPLETE, load_presets, profile, save_preset, user_folder
from batchtop.engine.settings import Settings

NO_FOLDER = Path("/nonexistent")

DIALS_SHOWN = ("batch_size", "delay", "concurrency", "chunk_batches", "chunk_pause")
FIGURES = {
    "conservative": (10, 1.5, 1, 10, 3.0),
    "conservative/enrichment": (10, 1.5, 1, 10, 3.0),
    "conservative/discovery": (75, 0.05, 1, 10, 3.0),
    "conservative/refresh": (10, 1.2, 1, 10, 3.0),
    "aggressive": (15, 0.5, 2, 0, 0.0),
    "aggressive/discovery": (100, 0.05, 2, 0, 0.0),
    "aggressive/refresh": (15, 0.4, 2, 0, 0.0),
    "balanced": (10, 0.0, 4, 0, 0.0),
    "embeddings": (256, 0.0, 4, 0, 0.0),
}

GOOD = 'description = "mine"\n[profiles.slow]\n' + "\n".join(f"{key} = 3" for key in COMPLETE)


@pytest.mark.parametrize(("name", "figures"), FIGURES.items())
def test_built_in_presets_have_their_figures(name, figures):
    _, values = profile(load_presets(NO_FOLDER), name)
    assert tuple(values[key] for key in DIALS_SHOWN) == figures


def test_built_in_presets_are_whole_and_described():
    for preset in load_presets(NO_FOLDER).values():
        assert not preset.problem
        assert preset.description
        assert preset.source == "built in"
        for values in preset.profiles.values():
            assert set(values) == set(COMPLETE), "more would stay behind when another preset is loaded over it"


def test_a_label_leaves_the_default_profile_unsaid():
    presets = load_presets(NO_FOLDER)
    assert profile(presets, "aggressive")[0] == "aggressive"
    assert profile(presets, "aggressive/enrichment")[0] == "aggressive"
    assert profile(presets, "aggressive/refresh")[0] == "aggressive/refresh"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("agressive", "unknown preset 'agressive'; did you mean 'aggressive'?"),
        ("zzz", "it can be: aggressive, balanced, conservative, embeddings"),
        ("aggressive/discover", "preset aggressive has no profile 'discover'; did you mean 'discovery'?"),
        ("aggressive/", "preset aggressive has no profile ''; it can be: enrichment, discovery, refresh"),
    ],
)
def test_unknown_names_are_told_with_what_there_is(wanted, told):
    with pytest.raises(PresetError) as caught:
        profile(load_presets(NO_FOLDER), wanted)
    assert told in str(caught.value)


def test_a_users_preset_wins_over_a_built_in_one(tmp_path):
    (tmp_path / "balanced.toml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("not a preset")
    presets = load_presets(tmp_path)
    assert set(presets) == {"aggressive", "balanced", "conservative", "embeddings"}
    assert presets["balanced"].source == str(tmp_path / "balanced.toml")
    assert presets["balanced"].default == "slow"
    assert profile(presets, "balanced/slow")[1]["delay"] == 3.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[profiles.x", "line 1: not valid TOML"),
        ("description = 3\n" + GOOD.partition("\n")[2], "description: expected a text, found a whole number"),
        ("", "profiles: is missing"),
        ("profiles = 3", "profiles: expected a table"),
        ("[profiles]\nx = 3", "profiles.x: expected a table, as in [profiles.x]"),
        ("[profiles.x]\nbatch_size = 10", "profiles.x.delay: is missing"),
        ("[profiles.x]\nbatchsize = 10", "profiles.x.batchsize: unknown key; did you mean 'batch_size'?"),
        (GOOD.replace("delay = 3", "delay = -3"), "profiles.slow.delay: -3 is not seconds from 0"),
        (f'default = "fast"\n{GOOD}', "default: there is no profile 'fast'; it can be: slow"),
        (f"colour = 3\n{GOOD}", "colour: unknown key"),
    ],
)
def test_a_broken_preset_is_told_when_it_is_used_and_stops_no_other(tmp_path, text, told):
    file = tmp_path / "broken.toml"
    file.write_text(text)
    presets = load_presets(tmp_path)
    assert profile(presets, "aggressive")
    assert told in presets["broken"].problem
    with pytest.raises(PresetError) as caught:
        profile(presets, "broken")
    assert str(caught.value).startswith(f"{file}: ")


def test_the_users_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert user_folder() == tmp_path / "batchtop" / "presets"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in user_folder().parents
    assert load_presets()


def test_saved_settings_load_as_they_were(tmp_path):
    folder = tmp_path / "deep" / "presets"
    settings = Settings(batch_size=7, delay=1e-05, concurrency=3, rpm=500)
    file = save_preset("mine-2", settings, 'said "so"\x1b[31m \\ naïve', folder)
    assert [each.name for each in folder.iterdir()] == ["mine-2.toml"]
    saved = load_presets(folder)["mine-2"]
    assert (saved.problem, saved.source, saved.description) == ("", str(file), 'said "so" \\ naïve')
    assert profile(load_presets(folder), "mine-2") == ("mine-2", {key: getattr(settings, key) for key in COMPLETE})


def test_a_saved_preset_replaces_one_of_its_name_and_a_failed_one_leaves_it(tmp_path, monkeypatch):
    save_preset("mine", Settings(delay=1.0), "first", tmp_path)
    save_preset("mine", Settings(delay=2.0), "second", tmp_path)
    assert load_presets(tmp_path)["mine"].profiles["saved"]["delay"] == 2.0

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(PresetError, match=r"preset mine can't be saved: .*mine\.toml: .*No space left on device"):
        save_preset("mine", Settings(delay=3.0), "third", tmp_path)
    assert load_presets(tmp_path)["mine"].profiles["saved"]["delay"] == 2.0
    assert [file.name for file in tmp_path.iterdir()] == ["mine.toml"]


def test_a_preset_that_is_a_link_is_written_where_it_leads(tmp_path):
    folder, elsewhere = tmp_path / "presets", tmp_path / "dotfiles"
    elsewhere.mkdir()
    theirs = save_preset("theirs", Settings(delay=1.0), "first", elsewhere)
    assert theirs.stat().st_mode & 0o777 == 0o600
    theirs.chmod(0o644)
    folder.mkdir()
    (folder / "mine.toml").symlink_to(theirs)
    assert save_preset("mine", Settings(delay=2.0), "second", folder) == folder / "mine.toml"
    assert (folder / "mine.toml").is_symlink()
    assert load_presets(elsewhere)["theirs"].profiles["saved"]["delay"] == 2.0
    assert theirs.stat().st_mode & 0o777 == 0o644, "whoever could read it still can"
    assert [file.name for file in elsewhere.iterdir()] == ["theirs.toml"]


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", ".hidden", "-x", "a b", "a" * 41, "ä", "balanced", "Balanced", "a\n"]
)
def test_a_name_that_can_not_be_is_refused(tmp_path, name):
    with pytest.raises(PresetError):
        save_preset(name, Settings(), "", tmp_path)
    assert not list(tmp_path.iterdir())
