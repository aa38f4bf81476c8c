"""Colours: a theme of our own that colour-blind people can read, besides those of textual."""

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

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
    panel="#232b36",
    dark=True,
)
"""Blue for well, orange for careful, vermilion for wrong (after Okabe and Ito), never red against green."""


def default_theme(environment: Mapping[str, str]) -> str:
    """Return the theme to start with: the one asked for, the terminal's own palette without colour, or ours."""
    if "NO_COLOR" in environment:
        return "ansi-dark"
    return environment.get("TEXTUAL_THEME") or BATCHTOP.name
