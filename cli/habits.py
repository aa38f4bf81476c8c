"""`batchtop config`, and the habits that a dashboard is opened with."""

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Final

from rich.text import Text

from ..engine.errors import UsageError
from ..engine.settings import did_you_mean
from ..tui.habits import Habits
from .config import VARIABLE, Config, load_config
from .table import new_table, show_table

_TOLD: Final[Mapping[str, str]] = {
    "theme": "colours of the dashboard",
    "ascii": "draw with ASCII characters only",
    "refresh": "seconds between two reads of the dashboard",
    "read_only": "a dashboard that changes nothing",
    "notify.bell": "ring the terminal's bell when a job ends or is in trouble",
    "notify.desktop": "show a desktop notice then, where the terminal can (OSC 9)",
    "notify.hook": "a line for the shell, run then by the engine",
}


def habits(options: Namespace) -> Habits:
    """Return how the dashboard is to be, by the config file and the command line.

    Raises UsageError for a theme, an action or a key that does not exist.
    """
    from .keymap import keymap

    config = load_config()
    return Habits(
        theme=_theme(config),
        ascii_only=config.plain.ascii or options.ascii,
        refresh_s=config.plain.refresh,
        read_only=config.plain.read_only or options.read_only,
        keymap=keymap(config.keys, config.path),
        bell=config.notify.bell,
        desktop=config.notify.desktop,
    )


def config(options: Namespace) -> int:
    """Show the config file, what is in force, and where each value comes from."""
    from .keymap import keymap

    found = load_config()
    _theme(found)
    keys = keymap(found.keys, found.path)
    if options.keys:
        print("\n".join(_key_lines(keys)))
    else:
        _show(found, keys)
    return 0


def _theme(config: Config) -> str | None:
    """Return the theme that the file names; it is checked here, where textual may be imported."""
    from ..tui.themes import NAMES

    wanted = config.plain.theme
    if wanted is not None and wanted not in NAMES:
        raise UsageError(f"{config.path}: theme: there is no theme {wanted!r}{did_you_mean(wanted, NAMES)}")
    return wanted


def _show(config: Config, keys: Mapping[str, str]) -> None:
    from ..tui.themes import NAMES

    table = new_table("KEY", "VALUE", "COMES FROM", "WHAT IT IS")
    for key, told in _TOLD.items():
        table.add_row(key, *map(Text, _in_force(config, key)), told)
    for name, value in keys.items():
        table.add_row(Text(f"keys.{name}"), Text(value), "config", "")
    show_table(table)
    there = "" if config.path is None or os.access(config.path, os.F_OK) else " (not there yet)"
    print(f"file: {config.path or f'none: {VARIABLE} is empty'}{there}")
    print(f"themes: {', '.join(NAMES)}")
    print("keys: `batchtop config --keys` lists every action")


def _in_force(config: Config, key: str) -> tuple[str, str]:
    """Return a value as TOML has it, and where it comes from."""
    from ..tui.themes import default_theme

    part, _, name = key.rpartition(".")
    value = getattr(config.notify if part else config.plain, name)
    if key in config.written:
        return _toml(value), "config"
    if key == "theme":
        source = next((each for each in ("TEXTUAL_THEME", "NO_COLOR") if each in os.environ), "default")
        return _toml(default_theme(os.environ)), source
    return _toml(value), "default"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def _key_lines(keys: Mapping[str, str]) -> Iterator[str]:
    """Yield every action with its keys, as lines of the config file."""
    from ..tui.actions import TITLES, of
    from .keymap import keys_of

    yield "[keys]"
    for where, title in TITLES.items():
        yield f"# {title}"
        for action in of(where):
            setting = f'"{action.id}" = "{",".join(keys_of(action, keys))}"'
            yield f"{setting:<44}  # {action.help}"
