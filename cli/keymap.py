"""The keys that a person gave to actions, checked against the table of all actions."""

import string
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Final

from textual.binding import Binding
from textual.keys import Keys

from ..engine.errors import UsageError
from ..engine.settings import did_you_mean
from ..tui.actions import ACTIONS
from ..tui.keys import Action

_EATEN: Final[Mapping[str, str]] = {
    "ctrl+a": "screen takes it for itself",
    "ctrl+b": "tmux takes it for itself",
    "ctrl+s": "terminals stop their output with it",
    "ctrl+z": "it stands for suspending a program",
    "ctrl+h": "terminals send backspace for it",
    "ctrl+i": "terminals send tab for it",
    "ctrl+j": "terminals send enter for it",
    "ctrl+m": "terminals send enter for it",
    "return": "its name is enter",
    "ctrl+left_square_bracket": "terminals send escape for it",
    "ctrl+pageup": "terminals change their tab with it",
    "ctrl+pagedown": "terminals change their tab with it",
    "shift+pageup": "terminals scroll with it",
    "shift+pagedown": "terminals scroll with it",
    "shift+home": "terminals scroll with it",
    "shift+end": "terminals scroll with it",
    "shift+insert": "terminals paste with it",
    "ctrl+insert": "terminals copy with it",
    "f10": "terminals open their menu with it",
    "f11": "terminals fill the screen with it",
}
"""Keys that a program does not get, or not as themselves."""
_LOST: Final = (
    *("alt+", "meta+", "super+", "hyper+", "ctrl+shift+", "shift+ctrl+", "shift+enter", "ctrl+enter"),
    *(f"ctrl+{digit}" for digit in range(10)),
)
_TYPED_IN: Final = frozenset({"wizard", "typing"})
"""Places where a character is typed into a field."""
_NO_FIELD: Final = "wizard.quit"
"""Does nothing while a field has the cursor."""
_TOGETHER: Final = frozenset({"job", "dials", "log"})
"""Places on one screen."""


def _character_name(character: str) -> str:
    (binding,) = Binding.make_bindings([Binding(character, "")])
    return binding.key


_CHARACTERS: Final = {
    *(_character_name(each) for each in string.punctuation if each != ","),
    *("comma", "space"),
}
_NAMED: Final = {
    *(key.value for key in Keys if key.value[0].isalnum() and not key.value.startswith((*_LOST, "ctrl-"))),
    *_CHARACTERS,
}
"""The keys that have a name; a character is its own."""


def keymap(written: Mapping[str, str], path: Path | None) -> dict[str, str]:
    """Return action id -> keys as textual names them; raises UsageError, which names the file and the key at fault."""
    known = {action.id: action for action in ACTIONS}
    found: dict[str, str] = {}
    for name, keys in written.items():
        if name not in known:
            raise UsageError(f"{path}: keys.{name}: there is no such action{did_you_mean(name, known)}")
        try:
            found[name] = ",".join(map(_key, keys.split(",")))
            _check_place(known[name], found[name].split(","))
        except ValueError as error:
            raise UsageError(f"{path}: keys.{name}: {error}") from None
    for one, other, key in _clashes(found):
        raise UsageError(f"{path}: keys: {key} is for {one.id} ({one.help}) and for {other.id} ({other.help})")
    return found


def keys_of(action: Action, changed: Mapping[str, str]) -> list[str]:
    """Return the keys of an action as textual names them."""
    return changed.get(action.id, action.keys).split(",")


def _key(written: str) -> str:
    """Return a key as textual names it; raises ValueError for one that a program would never get."""
    key = written.strip()
    if not key:
        raise ValueError('a key is missing; a comma itself is written "comma"')
    key = _character_name(key) if len(key) == 1 else key
    if key in _EATEN:
        raise ValueError(f"{written.strip()!r} can't be used: {_EATEN[key]}")
    if key.startswith(_LOST):
        raise ValueError(f"{written.strip()!r} can't be used: many terminals, and tmux, do not pass it on")
    if len(key) > 1 and key not in _NAMED:
        near = get_close_matches(key, sorted(_NAMED), n=1)
        known = f"did you mean {near[0]!r}?" if near else "it can be a character, or a name such as space, f2 or ctrl+g"
        raise ValueError(f"{written.strip()!r} is no key; {known}")
    return key


def _check_place(action: Action, keys: Iterable[str]) -> None:
    """Raise ValueError for a character where it would be lost to the text."""
    if action.where in _TYPED_IN and action.id != _NO_FIELD:
        for key in keys:
            if len(key) == 1 or key in _CHARACTERS:
                raise ValueError(f"{key!r} can't be used: it is typed into the fields there")


def _clashes(changed: Mapping[str, str]) -> Iterator[tuple[Action, Action, str]]:
    """Yield two actions that a person's keys have put on one key, and the key; what the table itself does is meant."""
    shadowing = _shadowing()
    for one, other in combinations(ACTIONS, 2):
        if not (changed.keys() & {one.id, other.id} and _meet(one, other, shadowing)):
            continue
        meant = set(one.keys.split(",")) & set(other.keys.split(","))
        for key in sorted(set(keys_of(one, changed)) & set(keys_of(other, changed)) - meant):
            yield one, other, key


def _meet(one: Action, other: Action, shadowing: Iterable[str]) -> bool:
    """Return whether two actions are to be had at the same time."""
    places = {one.where, other.where}
    if len(places) == 1 or places <= _TOGETHER:
        return True
    return "anywhere" in places and places.isdisjoint(shadowing)


def _shadowing() -> set[str]:
    """Return the places whose keys stand before those for everywhere, such as a question that `q` leaves."""
    everywhere = {key for action in ACTIONS if action.where == "anywhere" for key in action.keys.split(",")}
    return {action.where for action in ACTIONS if everywhere & set(action.keys.split(","))} - {"anywhere"}
