"""The field a dial's value is typed into."""

from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Input

from ..actions import bindings
from .fields import Plain


class ValueInput(Plain, Input):
    """One line of text that Esc leaves."""

    BINDINGS = bindings("typing")
    DEFAULT_CSS = "ValueInput { height: 1; }"

    @dataclass
    class Left(Message):
        """Esc was pressed."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self.cursor_blink = False

    def offer(self, value: str) -> None:
        """Show a value that the first key replaces. It is marked here, since focus may come after that key."""
        self.value = value
        self.action_select_all()

    def action_leave_typing(self) -> None:
        """Leave without a value."""
        self.post_message(self.Left())
