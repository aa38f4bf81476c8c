"""A dial in words: its name, and its value with its unit. Pure."""

from typing import Final

from ...engine.settings import DIALS, Value, show
from ...engine.text import clean
from . import format as say

NAMES: Final = {"cost": "cost limit", "chunk_batches": "chunk", "items_per_request": "per request"}
_UNITS: Final = {
    "batch_size": "items",
    "rpm": "requests/min",
    "tpm": "tokens/min",
    "tpm_in": "tokens/min",
    "tpm_out": "tokens/min",
    "rpd": "requests/day",
    "items_per_request": "items",
    "batch_tokens": "tokens",
    "memory": "MB",
    "max_attempts": "tries",
    "chunk_batches": "batches",
}
_ONE: Final = {"items": "item", "tokens": "token", "tries": "try", "batches": "batch"}


def name_of(key: str) -> str:
    """Return a dial's name in words."""
    return NAMES.get(key, say.words(key))


def value_of(key: str, value: Value) -> str:
    """Return a dial's value with its unit."""
    text = show(key, value)
    if key not in _UNITS or (DIALS[key].unlimited and value == 0):
        return text
    unit = _UNITS[key]
    return f"{text} {_ONE.get(unit, unit) if value == 1 else unit}"


def change_text(key: str, old: Value, new: Value, cells: int = 1_000) -> str:
    """Return a change as `delay 0.5 → 0 s`, without the unit where there are not so many cells."""
    if key not in DIALS:
        return clean(f"{key} {old:g} → {new:g}")
    before, after = value_of(key, old), value_of(key, new)
    unit = after.partition(" ")[2]
    told = f"{name_of(key)} {before.removesuffix(f' {unit}') if unit else before} → {after}"
    return told if len(told) <= cells else f"{name_of(key)} {show(key, old)} → {show(key, new)}"


def number_and_unit(key: str, value: Value) -> tuple[str, str]:
    """Return a value in two parts, which line up below each other."""
    number, _, unit = value_of(key, value).partition(" ")
    return (number, unit) if number[-1:].isdigit() else ("", f"{number} {unit}")
