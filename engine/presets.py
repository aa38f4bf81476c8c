"""Presets: named values for the dials, in profiles for the stages of a job. One TOML file each."""

import importlib.resources
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import platformdirs

from .errors import OutputError, PresetError
from .output.whole import whole_file
from .settings import DIALS, Settings, Value, did_you_mean
from .text import clean
from .toml_file import Table, TomlFile

COMPLETE: Final = ("batch_size", "delay", "concurrency", "max_wait", "chunk_batches", "chunk_pause")
"""What every profile sets, so that loading one undoes all of another."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Preset:
    """One file of profiles."""

    name: str
    description: str
    profiles: Mapping[str, Mapping[str, Value]]
    default: str
    """The profile meant where none is named."""
    source: str
    """The file, or `built in`."""
    problem: str = ""
    """Why the file can't be used; it then has no profiles."""


def user_folder() -> Path:
    """Return where a user's own presets live."""
    home = os.environ.get("XDG_CONFIG_HOME")
    config = Path(home) / "batchtop" if home else platformdirs.user_config_path("batchtop", appauthor=False)
    return config / "presets"


def load_presets(folder: Path | None = None) -> dict[str, Preset]:
    """Return the built-in presets and those of `folder` (default: the user's), which win.

    A malformed file is told in its preset's `problem`, and raised when that preset is used.
    """
    own = (user_folder() if folder is None else folder).glob("*.toml")
    found = [_load(file, "built in") for file in _built_in()]
    found += [_load(file, str(file)) for file in sorted(own)]
    return {preset.name: preset for preset in found}


def check_name(name: str) -> None:
    """Raise PresetError unless a person's own preset can have this name."""
    if not _NAME.fullmatch(name):
        raise PresetError(f"only letters, digits, - and _ make a name, at most 40, the first no - or _: {name!r}")
    if name.lower() in {file.name.removesuffix(".toml") for file in _built_in()}:
        raise PresetError(f"built in: choose another name than {name}")


def save_preset(name: str, settings: Settings, description: str, folder: Path | None = None) -> Path:
    """Write the settings that a profile has as a preset of one profile into `folder` (default: the user's).

    A preset of that name is replaced, whole or not at all; where its file is a link, what that leads to. Raises
    PresetError for a name that can't be, and where the file can't be written.
    """
    check_name(name)
    file = (user_folder() if folder is None else folder) / f"{name}.toml"
    values = "".join(f"{key} = {getattr(settings, key)!r}\n" for key in COMPLETE)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(Path(os.path.realpath(file)), f"description = {_quoted(description)}\n\n[profiles.saved]\n{values}")
    except OSError as error:
        raise PresetError(f"preset {name} can't be saved: {error.strerror or error}: {file}") from error
    except OutputError as error:
        raise PresetError(f"preset {name} can't be saved: {error}") from error
    return file


def _quoted(text: str) -> str:
    """Return a text as TOML and JSON both write it."""
    return json.dumps(clean(text), ensure_ascii=False)


def _write(file: Path, text: str) -> None:
    """Write a file whole, readable for whom it was; a new one is its person's own."""
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
    with whole_file(file, "preset", lambda _: True, ()) as new:
        os.fchmod(new.fileno(), mode)
        new.write(text.encode())


def _built_in() -> list[Traversable]:
    files = importlib.resources.files("batchtop.presets").iterdir()
    return sorted((file for file in files if file.name.endswith(".toml")), key=str)


def profile(presets: Mapping[str, Preset], wanted: str) -> tuple[str, Mapping[str, Value]]:
    """Return the label and the values of `preset` or `preset/profile`.

    The label leaves the default profile unsaid. Raises PresetError when there is no such thing.
    """
    name, slash, stage = wanted.partition("/")
    preset = presets.get(name)
    if preset is None:
        raise PresetError(f"unknown preset {name!r}{did_you_mean(name, presets)}")
    if preset.problem:
        raise PresetError(preset.problem)
    if slash and stage not in preset.profiles:
        raise PresetError(f"preset {name} has no profile {stage!r}{did_you_mean(stage, preset.profiles)}")
    stage = stage or preset.default
    return (name if stage == preset.default else f"{name}/{stage}"), preset.profiles[stage]


def _load(file: Traversable, source: str) -> Preset:
    name = file.name.removesuffix(".toml")
    try:
        return _read(TomlFile(file, PresetError), name, source)
    except PresetError as error:
        return Preset(name, "", {}, "", source, str(error))


def _read(file: TomlFile, name: str, source: str) -> Preset:
    file.check_keys(file.root, ("description", "default", "profiles"))
    tables = file.table("profiles")
    if not tables:
        file.fail("profiles", "is missing: a preset has at least one [profiles.NAME] table")
    profiles = {stage: _values(file, stage, file.table(stage, tables, of="profiles.")) for stage in tables}
    default = file.text("default", file.root) or next(iter(profiles))
    if default not in profiles:
        file.fail("default", f"there is no profile {default!r}{did_you_mean(default, profiles)}")
    return Preset(name, clean(file.text("description", file.root) or ""), profiles, default, source)


def _values(file: TomlFile, stage: str, table: Table) -> dict[str, Value]:
    where = f"profiles.{stage}."
    file.check_keys(table, DIALS, of=where)
    for key in COMPLETE:
        if key not in table:
            file.fail(f"{where}{key}", "is missing: a profile sets it, so that loading one undoes all of another")
    return {key: file.dial(key, raw, of=where) for key, raw in table.items()}
