"""A list to pick one thing from, over the screen that wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from ...engine.text import clean
from ..actions import bindings
from ..messages import RowPicked
from ..widgets.keybar import KeyBar
from ..widgets.markedlist import MarkedList
from ..words.glyphs import Charset
from ..words.line import Line, crop, fit, line


@dataclass(frozen=True, slots=True)
class Option:
    """What can be picked, and a word about it."""

    value: str
    name: str
    about: str = ""


class PickScreen(ModalScreen[str], inherit_bindings=False):
    """Dismissed with the value picked, or nothing."""

    BINDINGS = bindings("pick")

    def __init__(self, title: str, options: Sequence[Option], current: str, charset: Charset) -> None:
        super().__init__(classes=f"-{charset}")
        self.heading, self.options = title, options
        self.first = next((i for i, each in enumerate(options) if each.value == current), 0)
        self.list, self.keys = MarkedList(charset=charset), KeyBar(charset=charset)

    def compose(self) -> ComposeResult:
        """Yield the list and the keys."""
        with Vertical(id="box") as box:
            box.border_title = self.heading
            yield self.list
        yield self.keys

    def on_mount(self) -> None:
        """Make room for as many lines as there are."""
        self.query_one("#box").styles.height = len(self.options) + 4

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        cells = min(28, max((len(each.name) for each in self.options), default=0))
        rows = [_row(each, cells) for each in self.options]
        self.list.show(lambda _cells: (), rows, self.list.index or self.first, "there is nothing to pick from")
        self.keys.show()

    def action_cursor(self, step: int) -> None:
        """Mark another line."""
        self.list.move(step)

    def action_page(self, step: int) -> None:
        """Mark the line a page further."""
        self.list.move(step * self.list.room)

    def action_take(self) -> None:
        """Pick the marked line."""
        if self.options:
            self.dismiss(self.options[self.list.index].value)

    def action_close(self) -> None:
        """Pick nothing."""
        self.dismiss(None)

    def on_row_picked(self, message: RowPicked) -> None:
        """Pick the line that was clicked."""
        self.dismiss(self.options[message.row].value)


def _row(option: Option, cells: int) -> Callable[[int, bool], Line]:
    def draw(width: int, marked: bool) -> Line:  # noqa: FBT001 - as a list calls it
        name = fit(clean(option.name), cells)
        return crop(
            line("▸ " if marked else "  ", (name, "chosen" if marked else ""), (f"  {clean(option.about)}", "dim")),
            width,
        )

    return draw
