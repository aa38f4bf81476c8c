"""What lists have in common that a text typed into a field narrows."""

from collections.abc import Mapping
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Input

from ..board import Board
from ..widgets.filterfield import FilterField
from ..widgets.toosmall import LEAST
from ..widgets.valueinput import ValueInput
from .listing import ListScreen

_WHILE_TYPING: Final = frozenset({"cursor", "page"})


class FilteredScreen(ListScreen, inherit_bindings=False):
    """A list with a field above it. What is typed is told to `typed`, and `filter` holds it from then on."""

    filter: str = ""

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(job, board)
        self.field = FilterField(board.charset)

    def compose(self) -> ComposeResult:
        """Yield the title, the field, the list, the marked row in full, and the keys."""
        yield self.title_text
        yield self.field
        yield self.list
        yield self.detail
        yield self.keys
        yield self.too_small

    def typed(self, text: str) -> None:
        """Narrow the list to what has this text in it."""
        raise NotImplementedError

    def labels(self) -> Mapping[str, str]:
        """Return what actions are called at this moment, by id."""
        return {}

    def does(self, action: str) -> bool:
        """Return whether a key does something now; a field that is typed into needs its keys for itself."""
        return not self.field.typing or action in _WHILE_TYPING

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def show_keys(self) -> None:
        """Fill the key bar anew."""
        self.keys.show({"typing.take": "keep", "typing.leave": "show all", **self.labels()})

    @on(events.Key)
    async def take_key(self, event: events.Key) -> None:
        """Do what the key means now: keys may come faster than focus moves."""
        active = self.active_bindings.get(event.key)
        if self.field.typing and event.is_printable:
            self.field.catch(event)
        elif self.field.typing and event.key == "enter":
            event.stop()
            self.keep_filter()
        elif self.field.typing and event.key == "escape":
            event.stop()
            self.show_all()
        elif active and active.enabled and active.node is self:
            event.stop()
            event.prevent_default()  # the list would take away what the action says
            self.hush()
            await self.board.act(active.binding.action, self)

    def on_resize(self) -> None:
        """Close the field when it goes out of sight: hidden, it would keep its keys from the screen."""
        if self.field.typing and (self.size.width < LEAST[0] or self.size.height < LEAST[1]):
            self.keep_filter()

    def action_filter(self) -> None:
        """Open the field."""
        self.set_class(True, "-typing")  # noqa: FBT003 - textual's call
        self.field.open(self.filter)
        self.draw_around()

    @on(Input.Changed)
    def narrow(self, message: Input.Changed) -> None:
        """Tell what is typed."""
        message.stop()
        if self.field.typing:
            self._type(message.value)

    @on(Input.Submitted)
    def keep_filter(self) -> None:
        """Close the field, and go on with what it holds."""
        self.set_class(False, "-typing")  # noqa: FBT003 - textual's call
        self.field.close()
        self._type(self.field.typed.value)
        self.draw_around()

    @on(ValueInput.Left)
    def show_all(self) -> None:
        """Close the field, and let everything through."""
        self.field.typed.value = ""
        self.keep_filter()

    def _type(self, text: str) -> None:
        if text.strip() != self.filter:
            self.filter = text.strip()
            self.typed(self.filter)
