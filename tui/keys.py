"""What a key does, and how it is written: the shape of the table in `actions`."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .words.glyphs import Charset

Where: TypeAlias = Literal[
    "anywhere",
    "job",
    "dials",
    "log",
    "failures",
    "history",
    "lanes",
    "jobs",
    "presets",
    "question",
    "help",
    "typing",
    "wizard",
    "pick",
    "results",
    "item",
]

_KEYS_ONLY: Final = frozenset[Where](
    {"dials", "log", "presets", "question", "typing", "help", "wizard", "pick", "item"}
)
_MOVES: Final = frozenset({"cursor", "page", "command_palette", "app.ask_quit"})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a key does. Its id is what a keymap rebinds."""

    where: Where
    name: str
    keys: str
    """Keys as textual names them, separated by commas; the first is the one shown."""
    method: str
    """The action a binding calls: `pause` is `action_pause`."""
    label: str
    help: str
    bar: int = 0
    """Its place in the key bar, from 1; 0: not there."""
    writes: bool = False
    """Whether it asks something of an engine, or writes a file: a dashboard that only reads does not offer it."""

    @property
    def id(self) -> str:
        """The name a keymap knows it by."""
        return f"{self.where}.{self.name}"

    @property
    def in_palette(self) -> bool:
        """Whether the palette offers it: not what moves a mark, or belongs to a field, a question or a page of text."""
        return self.where not in _KEYS_ONLY and self.method.partition("(")[0] not in _MOVES


_SYMBOLS: Final = {
    "escape": "esc", "enter": "↵", "left": "←", "right": "→", "up": "↑", "down": "↓", "question_mark": "?",
    "slash": "/", "comma": ",", "full_stop": ".", "less_than_sign": "<", "greater_than_sign": ">",
    "left_square_bracket": "[", "right_square_bracket": "]",
    "plus": "+", "equals_sign": "=", "minus": "-", "pageup": "PgUp", "pagedown": "PgDn", "home": "Home",
    "end": "End", "tab": "Tab", "ctrl+o": "^o", "ctrl+t": "^t",
    "ctrl+p": "^p", "ctrl+c": "^c", "ctrl+q": "^q", "f1": "F1",
}  # fmt: skip
_IN_LETTERS: Final = {"↵": "enter", "←": "left ", "→": "right", "↑": "up", "↓": "down"}


def key_name(key: str, charset: Charset = "braille") -> str:
    """Return a key as a keyboard says it; in letters where the terminal has no arrows."""
    name = _SYMBOLS.get(key, key)
    return name if charset == "braille" else _IN_LETTERS.get(name, name)
