"""A question with its answers: quitting, draining, cancelling. The harmless answer is marked first."""

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from ..actions import bindings
from ..keys import key_name
from ..widgets.keybar import KeyBar
from ..widgets.painted import Painted
from ..words.glyphs import Charset
from ..words.line import BLANK, Line, fit, line


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: its key, its name, what then happens, and the command that makes it happen, if there is one."""

    key: str
    name: str
    effect: str
    verb: str = ""


STAY = Choice("escape", "stay", "change nothing")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, two sentences about it, and the answers; `escape` is always one of them."""

    title: str
    about: tuple[str, str]
    choices: tuple[Choice, ...]
    facts: tuple[Line, ...] = ()
    """What it is about, line by line."""


class QuestionScreen(ModalScreen[Choice], inherit_bindings=False):
    """Asks, and is dismissed with the answer."""

    BINDINGS = bindings("question")

    def __init__(self, question: Question, charset: Charset) -> None:
        super().__init__(classes=f"-{charset}")
        self.question = question
        self.choices = (*question.choices, STAY)
        self.body = Painted(charset=charset)
        self.body.styles.height = len(self._above()) + len(self.choices)
        self.keys = KeyBar(charset=charset)
        self.index = 0

    def compose(self) -> ComposeResult:
        """Yield the box, and the keys of the answers."""
        with Vertical(id="box") as box:
            box.border_title = self.question.title
            yield self.body
        yield self.keys

    def on_mount(self) -> None:
        """Draw the answers."""
        self._draw()

    def on_resize(self) -> None:
        """Fill the key bar anew, once it has its size."""
        self.call_after_refresh(self.keys.show)

    def _above(self) -> list[Line]:
        """Return what stands above the answers."""
        about = [line((text, "dim")) for text in self.question.about]
        return [*about, BLANK, *self.question.facts, *([BLANK] if self.question.facts else [])]

    def _draw(self) -> None:
        answers = [choice_line(choice, marked=i == self.index) for i, choice in enumerate(self.choices)]
        self.body.paint([*self._above(), *answers])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether a key means something here."""
        return action != "answer" or any(choice.key == parameters[0] for choice in self.choices)

    def action_cursor(self, step: int) -> None:
        """Mark the answer above or below."""
        self.index = min(max(self.index + step, 0), len(self.choices) - 1)
        self._draw()

    def action_take(self) -> None:
        """Answer with the marked one."""
        self.dismiss(self.choices[self.index])

    def action_answer(self, key: str) -> None:
        """Answer with the one of this key."""
        self.dismiss(next(choice for choice in self.choices if choice.key == key))

    def action_stay(self) -> None:
        """Go back."""
        self.dismiss(STAY)

    def on_click(self, event: events.Click) -> None:
        """Answer with the line under the pointer."""
        row = event.screen_y - self.body.region.y - len(self._above())
        if event.widget is self.body and 0 <= row < len(self.choices):
            self.dismiss(self.choices[row])


def choice_line(choice: Choice, *, marked: bool) -> Line:
    """Return an answer: its key, its name, what it does."""
    name = fit(choice.name, 14)
    return line(
        "▸ " if marked else "  ",
        (f"{key_name(choice.key):<4}", "key"),
        (name, "chosen" if marked else "strong"),
        (f" {choice.effect}", "dim"),
    )
