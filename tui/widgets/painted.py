"""A widget that draws toned lines, and repaints only those that changed."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..words.glyphs import SUBSTITUTES, Charset
from ..words.line import Line, Tone, crop


class Painted(Widget):
    """Shows lines of text as they are: no markup, no layout, no more cells than the line needs."""

    DEFAULT_CSS = "Painted { height: 1; }"

    def __init__(self, *, charset: Charset = "braille", id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, classes=classes)
        self.charset: Charset = charset
        self.lines: tuple[Line, ...] = ()
        self._styles_by_tone: dict[Tone, Style] = {}
        """Looked up once: components of each widget would triple what textual needs to restyle a screen."""

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
        return Strip(segments).adjust_cell_length(width, self.style_of(""))

    def style_of(self, tone: Tone) -> Style:
        """Return the theme's style for a tone."""
        if tone not in self._styles_by_tone:
            self._styles_by_tone[tone] = self._look_up(tone)
        return self._styles_by_tone[tone]

    def _look_up(self, tone: Tone) -> Style:
        if not tone:
            return self.rich_style
        styles = self.app.get_component_styles(f"tone--{tone}")  # pyright: ignore[reportUnknownMemberType] - any app
        color = (self.background_colors[1] + styles.color).rich_color if styles.has_rule("color") else None
        return self.rich_style + styles.text_style + Style.from_color(color)

    def notify_style_update(self) -> None:
        """Look all tones up again, as the theme may be another one."""
        super().notify_style_update()
        self._styles_by_tone.clear()
