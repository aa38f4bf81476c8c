"""The field a dial's value is typed into."""

from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Input

from ..actions import bindings


class ValueInput(Input):
    """One line of text that Esc leaves."""

    BINDINGS = bindings("typing")
    DEFAULT_CSS = "ValueInput { height: 1; }"

    @dataclass
    class Left(Message):
        """Esc was pressed."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=True)
        self.cursor_blink = False

    def action_leave_typing(self) -> None:
        """Leave without a value."""
        self.post_message(self.Left())
