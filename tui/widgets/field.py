"""A line to type into: what for, the text, and beside it at once what that would become, or why it can't be taken."""

from collections.abc import Callable
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from ..words.glyphs import Charset
from ..words.line import BLANK, line
from ..words.typed import Meaning
from .painted import Painted
from .valueinput import ValueInput


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be typed: its name, how a text is judged, and who takes it."""

    name: str
    judge: Callable[[str], Meaning]
    take: Callable[[str], object]
    cells: int = 12


class Field(Horizontal):
    """Judges the text at every key; whoever shows it is told of one that can be taken."""

    DEFAULT_CSS = """
    Field { height: 1; display: none; }
    Field #label { width: 13; }
    Field ValueInput { width: 12; margin-right: 1; }
    Field #rule { width: 1fr; }
    """

    def __init__(self, charset: Charset) -> None:
        super().__init__(id="field")
        self.label, self.rule = Painted(charset=charset, id="label"), Painted(charset=charset, id="rule")
        self.typed = ValueInput()
        self.wanted = Wanted("", lambda _: Meaning(BLANK), str)

    def compose(self) -> ComposeResult:
        """Yield the name, the text and its meaning."""
        yield self.label
        yield self.typed
        yield self.rule

    def open(self, wanted: Wanted, text: str) -> None:
        """Ask for something, with a text that the first key replaces."""
        self.wanted = wanted
        self.typed.offer(text)
        self.typed.styles.width = wanted.cells
        self.label.paint([line((wanted.name, "chosen"))])
        self._judge(text)

    def catch(self, event: events.Key) -> None:
        """Take a key that came before the text had the focus."""
        event.stop()
        if event.is_printable and event.character:
            self.typed.replace(event.character, *self.typed.selection)
        else:
            self._take(self.typed.value)

    @on(Input.Changed)
    def look(self, message: Input.Changed) -> None:
        """Say what the text means now."""
        message.stop()
        self._judge(message.value)

    @on(Input.Submitted)
    def take(self, message: Input.Submitted) -> None:
        """Take the text, if it can be taken."""
        message.stop()
        self._take(message.value)

    def _judge(self, text: str) -> Meaning:
        meaning = self.wanted.judge(text)
        self.rule.paint([meaning.told])
        return meaning

    def _take(self, text: str) -> None:
        if self._judge(text).good:
            self.wanted.take(text)
