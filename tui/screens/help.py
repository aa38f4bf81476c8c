"""Every key, from the one table of actions, as it is bound now."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from ..actions import ACTIONS, TITLES, bindings
from ..keys import key_name
from ..widgets.keybar import KeyBar
from ..widgets.painted import Painted
from ..words.glyphs import Charset
from ..words.line import BLANK, Line, fit, line

_KEYS: Final = 18
"""Cells for the keys of an action."""
_ABOUT: Final = (
    "A dial shows what is in force. What was asked and is not confirmed yet stands behind an arrow: 10 → 20 …",
    "A dotted line marks a change in the charts.",
    "Shift and the mouse select text in most terminals.",
)


def help_lines(keymap: Mapping[str, str], charset: Charset = "braille", cells: int = 120) -> list[Line]:
    """Return the whole help in so many cells; `keymap` holds rebound keys by action id."""
    lines: list[Line] = []
    for where, title in TITLES.items():
        lines += [line((title, "strong"))]
        for action in ACTIONS:
            if action.where == where:
                lines += _entry(keymap.get(action.id, action.keys), action.help, charset, cells)
        lines.append(BLANK)
    return [*lines, *(line((text, "dim")) for about in _ABOUT for text in wrap(about, cells))]


def _entry(keys: str, text: str, charset: Charset, cells: int) -> list[Line]:
    names = " ".join(key_name(key, charset) for key in keys.split(","))
    first, *rest = wrap(text, max(cells - _KEYS - 2, 20))
    return [line("  ", (fit(names, _KEYS), "key"), first), *(line(" " * (_KEYS + 2), each) for each in rest)]


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """The help, a page at a time."""

    BINDINGS = bindings("help")

    def __init__(self, charset: Charset, keymap: Mapping[str, str]) -> None:
        super().__init__(classes=f"-{charset}")
        self.keymap, self.text = keymap, [BLANK]
        self.body = Painted(charset=charset)
        self.keys = KeyBar(charset=charset)
        self.first = 0

    def compose(self) -> ComposeResult:
        """Yield the page and the keys."""
        with Vertical(id="page") as page:
            page.border_title = "Help"
            yield self.body
        yield self.keys

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        self.text = help_lines(self.keymap, self.body.charset, max(20, self.body.size.width))
        self.action_scroll(0)

    def action_scroll(self, step: int) -> None:
        """Move so many lines."""
        height = self.body.size.height
        self.first = min(max(self.first + step, 0), max(0, len(self.text) - height))
        self.body.paint(self.text[self.first : self.first + height])
        left = len(self.text) - self.first - height
        self.query_one("#page").border_subtitle = f"{left} more lines below" if left > 0 else "the end"
        self.keys.show()

    def action_page(self, step: int) -> None:
        """Move a page."""
        self.action_scroll(step * max(1, self.body.size.height - 1))

    def on_mouse_scroll_down(self) -> None:
        """Move down."""
        self.action_scroll(3)

    def on_mouse_scroll_up(self) -> None:
        """Move up."""
        self.action_scroll(-3)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
