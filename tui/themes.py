"""Colours: themes of our own that colour-blind people can read, besides those of textual."""

from collections.abc import Mapping
from typing import Final

from textual.theme import BUILTIN_THEMES, Theme

BATCHTOP: Final = Theme(
    name="batchtop",
    primary="#56b4e9",
    secondary="#cc79a7",
    success="#56b4e9",
    warning="#e69f00",
    error="#f0603a",
    accent="#f0e442",
    foreground="#d8dee6",
    background="#0f1318",
    surface="#151a21",
    panel="#1e252f",
    dark=True,
)
"""Blue for well, orange for careful, vermilion for wrong (after Okabe and Ito), never red against green."""

LIGHT: Final = Theme(
    name="batchtop-light",
    primary="#005a94",
    secondary="#8f3a70",
    success="#005a94",
    warning="#8a5a00",
    error="#961c00",
    accent="#6b5d00",
    foreground="#0d1117",
    background="#fbfcfd",
    surface="#f6f8fa",
    panel="#eef1f5",
    dark=False,
)
"""The same colours by day: darker, since thin letters on white need it."""

CONTRAST: Final = Theme(
    name="batchtop-contrast",
    primary="#7cc8ff",
    secondary="#f2a7d0",
    success="#7cc8ff",
    warning="#ffc233",
    error="#ff9a70",
    accent="#ffee66",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#101720",
    dark=True,
)
"""White on black, and every colour at least seven times as bright as what it stands on."""

THEMES: Final = (BATCHTOP, LIGHT, CONTRAST)
"""Our own, to be registered with the app."""

TERMINALS_OWN: Final = ("ansi-dark", "ansi-light")
"""Themes of textual that draw with the terminal's own palette; they also take half the bytes, which helps over SSH."""

NAMES: Final = tuple(dict.fromkeys((*(theme.name for theme in THEMES), *TERMINALS_OWN, *BUILTIN_THEMES)))
"""Every theme there is, those that are meant for this dashboard first."""


def default_theme(environment: Mapping[str, str], wanted: str | None = None) -> str:
    """Return the theme to start with: `wanted`, TEXTUAL_THEME, the terminal's own palette for NO_COLOR, or ours.

    TEXTUAL_THEME may name several; a name that is no theme's is passed over.
    """
    bare = TERMINALS_OWN[0] if "NO_COLOR" in environment else ""
    asked = (wanted or "", *environment.get("TEXTUAL_THEME", "").split(","), bare)
    return next((name for name in map(str.strip, asked) if name in NAMES), BATCHTOP.name)
