"""A person's habits: `config.toml` in the folder that holds their presets too, read strictly."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import msgspec

from ..engine.errors import UsageError
from ..engine.presets import user_folder
from ..engine.toml_file import Table, TomlFile
from ..tui.habits import REFRESH_S

VARIABLE: Final = "BATCHTOP_CONFIG"
"""The environment variable that names another file; an empty one means none at all."""
LEAST_REFRESH_S: Final = 0.25
MOST_REFRESH_S: Final = 10.0


class Plain(msgspec.Struct, frozen=True):
    """What stands at the top of the file."""

    theme: str | None = None
    ascii: bool = False
    refresh: float = REFRESH_S
    read_only: bool = False


class Notify(msgspec.Struct, frozen=True):
    """How a person is called when a job ends or is in trouble."""

    bell: bool = False
    desktop: bool = True
    hook: str = ""
    """A line for the shell, run by the process of the engine."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says; `written` has the dotted names that stand in it."""

    path: Path | None = None
    plain: Plain = field(default_factory=Plain)
    notify: Notify = field(default_factory=Notify)
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """Action id -> keys, as the person wrote them; `keymap` checks them, since that takes textual."""
    written: frozenset[str] = frozenset()


def config_path(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the file is, or would be; None where the environment says that there is none."""
    other = environment.get(VARIABLE)
    if other is None:
        return user_folder().with_name("config.toml")
    return Path(other).expanduser() if other else None


def load_config(environment: Mapping[str, str] = os.environ) -> Config:
    """Return what the file says; without one all is as usual.

    Raises UsageError for what is wrong with it, or when a file that was asked for by name is missing.
    """
    path = config_path(environment)
    if path is None or (VARIABLE not in environment and not os.access(path, os.F_OK)):  # also in a folder of others
        return Config(path)
    return _read(TomlFile(path, UsageError), path)


def _read(file: TomlFile, path: Path) -> Config:
    file.check_keys(file.root, (*Plain.__struct_fields__, "keys", "notify"))
    tops = {key: value for key, value in file.root.items() if key in Plain.__struct_fields__}
    plain = file.build(tops, Plain, of="")
    if not LEAST_REFRESH_S <= plain.refresh <= MOST_REFRESH_S:
        file.fail("refresh", f"{plain.refresh:g} is not from {LEAST_REFRESH_S:g} to {MOST_REFRESH_S:g} s")
    notify = file.build(table := file.table("notify"), Notify, of="notify.")
    keys = dict(_keys(file, file.table("keys")))
    written = {*tops, *(f"notify.{key}" for key in table), *(f"keys.{name}" for name in keys)}
    return Config(path, plain, notify, keys, frozenset(written))


def _keys(file: TomlFile, table: Table, of: str = "") -> Iterator[tuple[str, str]]:
    """Yield action ids and their keys; without quotes TOML takes the dot of an id for a table in a table."""
    for name, found in table.items():
        if isinstance(found, dict) and not of:
            yield from _keys(file, cast("Table", found), f"{name}.")
        elif isinstance(found, str):
            yield f"{of}{name}", found
        else:
            file.fail(f"keys.{of}{name}", 'expected keys in a text, such as "space,P"')
