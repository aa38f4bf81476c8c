"""How a person likes their dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

REFRESH_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Habits:
    """What a person's config file and the command line say of the dashboard."""

    theme: str | None = None
    """One of `themes.NAMES`; None leaves it to TEXTUAL_THEME, NO_COLOR and our own default."""
    ascii_only: bool = False
    refresh_s: float = REFRESH_S
    """From one read of the workspace to the next."""
    read_only: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict[str, str])
    """Action id -> its keys, as textual names them, separated by commas; those left out keep theirs."""
    bell: bool = False
    desktop: bool = True
    """Whether the terminal rings, and shows a desktop notice, for what `notices` finds."""


USUAL: Final = Habits()
