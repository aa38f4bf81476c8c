"""What a terminal can draw: full Unicode, the console's own block characters, or ASCII alone."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Charset: TypeAlias = Literal["braille", "block", "ascii"]

_NOT_ON_THE_CONSOLE: Final = {
    "…": "~", "✓": "+", "✕": "x", "◐": "o", "◇": "v", "‖": "=", "▸": ">", "▾": "v", "▴": "^", "●": "*", "○": "o",
    "◑": "o", "╌": "-", "┈": ".", "┊": ":", "▲": "^", "→": ">", "←": "<", "↑": "^", "↓": "v", "↵": "Enter", "━": "=",
    "╸": "=", "■": "#", "▽": "v", "◀": "<", "≈": "~",
}  # fmt: skip
_NOT_ASCII: Final = {
    **_NOT_ON_THE_CONSOLE, "│": "|", "─": "-", "·": "-", "█": "#", "░": ".", "┤": "|", "┼": "+", "▀": "'", "▄": ".",
}  # fmt: skip

SUBSTITUTES: Final[Mapping[Charset, Mapping[int, str]]] = {
    "braille": {},
    "block": str.maketrans({glyph: other[0] for glyph, other in _NOT_ON_THE_CONSOLE.items()}),
    "ascii": str.maketrans({glyph: other[0] for glyph, other in _NOT_ASCII.items()}),
}
"""What to draw instead of a glyph that is not there; one cell for one cell, so nothing moves."""


def charset(environment: Mapping[str, str], *, ascii_only: bool) -> Charset:
    """Return the best character set for this terminal."""
    if ascii_only:
        return "ascii"
    if environment.get("TERM") == "linux":
        return "block"
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "utf-8")
    return "braille" if "utf" in locale.lower() else "ascii"
