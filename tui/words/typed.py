"""What a typed text would become: a dial's value, or the name of a preset. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...engine.errors import PresetError, SettingError
from ...engine.presets import Preset, check_name
from ...engine.settings import DIALS, Value, allowed, parse
from ...engine.text import clean
from .dial import value_of
from .line import Line, line

_WITHOUT: Final = "; limits are no part of it"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a typed text means; only what is good can be taken."""

    told: Line
    good: bool = False


def dial_meaning(key: str, now: Value, text: str) -> Meaning:
    """Return the value that a text stands for, and which values are allowed."""
    rule = allowed(DIALS[key])
    if not text.strip():
        return Meaning(line((rule, "dim")))
    try:
        value = parse(key, text)
    except SettingError:
        return Meaning(line((f"✕ not {rule}", "error")))
    same = ", as it is" if value == now else ""
    return Meaning(line((f"= {value_of(key, value)}{same}", "ok"), (f"  {rule}", "dim")), good=True)


def name_meaning(presets: Mapping[str, Preset], text: str) -> Meaning:
    """Return whether settings can be saved under a name, and what becomes of a preset that has it."""
    name = text.strip()
    if not name:
        return Meaning(line(("a name for these settings", "dim")))
    try:
        check_name(name)
    except PresetError as error:
        return Meaning(line((f"✕ {clean(str(error))}", "error")))
    before = presets.get(name)
    if before is None:
        return Meaning(line(("= a new preset", "ok"), (_WITHOUT, "dim")), good=True)
    others = f" and its {len(before.profiles)} profiles" if len(before.profiles) > 1 else ""
    return Meaning(line((f"▲ replaces your {name}{others}", "warn"), (_WITHOUT, "dim")), good=True)
