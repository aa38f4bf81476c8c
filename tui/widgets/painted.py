"""A widget that draws toned lines, and repaints only those that changed."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..glyphs import SUBSTITUTES, Charset
from ..line import TONES, Line, Tone, crop


class Painted(Widget):
    """Shows lines of text as they are: no markup, no layout, no more cells than the line needs."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    Painted {
        height: 1;
        .tone--strong { text-style: bold; }
        .tone--dim { color: $foreground 62%; }
        .tone--ok { color: $success; text-style: bold; }
        .tone--warn { color: $warning; text-style: bold; }
        .tone--error { color: $error; text-style: bold; }
        .tone--one { color: $primary; }
        .tone--two { color: $secondary; }
        .tone--three { color: $warning; }
        .tone--key { color: $primary; text-style: bold; }
        .tone--chosen { text-style: bold reverse; }
    }
    Painted:ansi {
        .tone--dim { color: ansi_default; text-style: dim; }
        .tone--ok { color: ansi_blue; }
    }
    Painted:ansi:dark {
        .tone--one, .tone--key, .tone--ok { color: ansi_bright_cyan; }
        .tone--two { color: ansi_bright_magenta; }
        .tone--three, .tone--warn { color: ansi_bright_yellow; }
        .tone--error { color: ansi_bright_red; }
    }
    """

    def __init__(self, *, charset: Charset = "braille", id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, classes=classes)
        self.charset: Charset = charset
        self.lines: tuple[Line, ...] = ()

    def paint(self, lines: Sequence[Line]) -> None:
        """Show these lines from now on."""
        before, self.lines = self.lines, tuple(lines)
        for y in range(max(len(before), len(self.lines))):
            if before[y : y + 1] != self.lines[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Return line `y` as textual draws it."""
        width = self.size.width
        line = crop(self.lines[y], width) if y < len(self.lines) else ()
        return self.strip_of(line, width)

    def strip_of(self, line: Line, width: int) -> Strip:
        """Return a line with its tones as styles, filled to `width`."""
        substitutes = SUBSTITUTES[self.charset]
        segments = [Segment(text.translate(substitutes), self.style_of(tone)) for text, tone in line]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def style_of(self, tone: Tone) -> Style:
        """Return the theme's style for a tone."""
        return self.get_component_rich_style(f"tone--{tone}") if tone else self.rich_style
