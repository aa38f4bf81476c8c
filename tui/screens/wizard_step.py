"""What the steps of the wizard have in common, and what they share."""

from collections.abc import Sequence
from typing import Protocol

from textual.containers import Vertical
from textual.widget import Widget

from ..board import Board
from ..newjob.draft import Draft
from ..newjob.peek import Peek
from ..newjob.workbench import Workbench
from ..words.line import Tone


class Wizard(Protocol):
    """What a step needs of the screen it stands in."""

    board: Board
    bench: Workbench
    draft: Draft
    found: Peek | None
    """The input as it was looked at, None while there is none."""
    taken: frozenset[str]
    """The names of the jobs in the workspace."""
    saved: str
    """The text of the job file as it was last written."""

    def change(self, draft: Draft) -> None:
        """Have another draft from now on."""
        ...

    def say(self, text: str, tone: Tone = "") -> None:
        """Say something below the title, until the next key."""
        ...

    def show_keys(self) -> None:
        """Fill the key bar anew."""
        ...

    def onward(self) -> None:
        """Go to the next step, unless something stands against it."""
        ...


class Step(Vertical):
    """One step; it is shown and left many times, and keeps what was typed."""

    heading: str = ""
    about: str = ""

    def __init__(self, wizard: Wizard) -> None:
        super().__init__(classes="step")
        self.wizard = wizard

    @property
    def verb(self) -> str:
        """What enter does, in a word."""
        return "next"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the rows have."""
        return self.wizard.found.names if self.wizard.found else ()

    def order(self) -> Sequence[Widget]:
        """Return what can have the cursor, in the order in which it goes through them."""
        raise NotImplementedError

    def enter(self) -> None:
        """Show the draft as it is now, and take the focus."""
        raise NotImplementedError

    def gather(self) -> None:
        """Take what stands in the fields into the draft."""

    def leave(self) -> None:
        """Note what follows from this step, and give up what is under way."""

    def hindrance(self) -> str:
        """Return why the next step can't be taken yet, or nothing; puts the cursor where that can be mended."""
        return ""

    def take(self) -> bool:
        """Do what enter means in this field; False where it means the next one."""
        return False

    def tab(self, step: int) -> None:
        """Go to another field, behind the last one to the first."""
        fields, focused = self.order(), self.screen.focused
        at = next((i for i, field in enumerate(fields) if field is focused), 0)
        self.screen.set_focus(fields[(at + step) % len(fields)])

    def move(self, step: int) -> None:
        """Do what up and down mean."""
        self.tab(step)

    def does(self, action: str) -> bool:
        """Return whether a key does something in this step now."""
        return action not in {"insert", "row"}
