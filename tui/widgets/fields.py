"""What is typed into, and picked from."""

import re

from textual.events import Paste
from textual.message import Message
from textual.widgets import Input, TextArea

from ..words.glyphs import Charset
from ..words.line import Tone, line
from .painted import Painted

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""What a terminal would obey when it is drawn; not the tab and the ends of lines."""


class Plain:
    """A field that takes no control codes, which would be drawn as they are."""

    def on_paste(self, event: Paste) -> None:
        """Leave them out of what is pasted, before the field itself takes it."""
        event.text = _CONTROL.sub("", event.text)


class TextField(Plain, Input):
    """One line of text."""

    DEFAULT_CSS = "TextField { height: 1; width: 1fr; scrollbar-size: 0 0; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - textual's name
        super().__init__(compact=True, select_on_focus=False, id=id)
        self.cursor_blink = False

    def put(self, value: str) -> None:
        """Show a value, with the cursor behind it; one that stands there already is left as it is."""
        if value != self.value:
            self.value = value
            self.cursor_position = len(value)


class TextEditor(Plain, TextArea):
    """Several lines of text."""

    DEFAULT_CSS = """
    TextEditor { scrollbar-size: 0 0; }
    TextEditor:ansi .text-area--placeholder { color: ansi_default; text-style: dim; }
    """

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:  # noqa: A002 - textual's name
        super().__init__(compact=True, highlight_cursor_line=False, placeholder=placeholder, id=id)
        self.cursor_blink = False

    def put(self, text: str) -> None:
        """Show a text, unless it stands there already."""
        if text != self.text:
            self.text = text


class PickField(Painted, can_focus=True):
    """A value that is not typed: enter, or a click, asks for another one."""

    class Picked(Message):
        """The field was clicked."""

        def __init__(self, field: "PickField") -> None:
            super().__init__()
            self.field = field

    def __init__(self, *, charset: Charset, id: str | None = None) -> None:  # noqa: A002 - textual's name
        super().__init__(charset=charset, id=id)
        self.value = ("", "")

    def put(self, value: str, about: str = "") -> None:
        """Show a value, and what it means."""
        self.value = (value, f"  {about}")
        self._draw()

    def on_focus(self) -> None:
        """Show that this is the field."""
        self._draw()

    def on_blur(self) -> None:
        """Show that this is no longer the field."""
        self._draw()

    def _draw(self) -> None:
        name, about = self.value
        shown: tuple[str, Tone] = (name, "chosen" if self.has_focus else "strong")
        self.paint([line("▸ " if self.has_focus else "  ", shown, (about, "dim"))])

    def on_click(self) -> None:
        """Ask for another value."""
        self.focus()
        self.post_message(self.Picked(self))
