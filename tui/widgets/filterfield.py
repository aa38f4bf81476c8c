"""The field that narrows a list as one types."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from ..words.glyphs import Charset
from ..words.line import line
from .painted import Painted
from .valueinput import ValueInput


class FilterField(Horizontal):
    """A slash and what is typed behind it. Its `ValueInput` posts each change, Enter and Esc."""

    DEFAULT_CSS = """
    FilterField {
        height: 1; padding: 0 1; display: none;
        Painted { width: 2; }
        ValueInput { width: 1fr; }
    }
    """

    def __init__(self, charset: Charset) -> None:
        super().__init__()
        self.slash, self.typed = Painted(charset=charset), ValueInput()

    def compose(self) -> ComposeResult:
        """Yield the slash and the field."""
        yield self.slash
        yield self.typed

    def on_mount(self) -> None:
        """Draw the slash."""
        self.slash.paint([line(("/", "key"))])

    @property
    def typing(self) -> bool:
        """Whether it is open."""
        return bool(self.display)

    def open(self, text: str) -> None:
        """Open it with a text to go on from."""
        self.display, self.typed.value = True, text
        self.typed.cursor_position = len(text)
        self.screen.set_focus(self.typed)

    def close(self) -> None:
        """Close it; hidden, it would keep its keys from the screen."""
        self.display = False
        self.screen.set_focus(None)

    def catch(self, event: events.Key) -> None:
        """Give the field a key that came before it had the focus."""
        event.stop()
        if event.character:
            self.typed.insert_text_at_cursor(event.character)
