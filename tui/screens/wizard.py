"""The wizard for new jobs: five steps, each of which can be gone back to, with nothing typed lost on the way."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import DescendantFocus
from textual.screen import Screen

from ...engine.errors import BatchtopError
from ..actions import bindings
from ..board import Board
from ..exit import Exit, Left
from ..newjob.draft import Draft
from ..newjob.jobtext import job_text
from ..newjob.peek import Peek
from ..widgets.fields import TextEditor, TextField
from ..widgets.keybar import KeyBar
from ..widgets.painted import Painted
from ..widgets.toosmall import TooSmall
from ..words.line import BLANK, Line, Tone, join, line
from .question import Choice, Question, QuestionScreen
from .wizard_file import FileStep
from .wizard_plan import PlanStep
from .wizard_prompt import PromptStep
from .wizard_start import StartStep
from .wizard_step import Step
from .wizard_task import TaskStep

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]
_HEIGHTS: Final = [(0, "-flat"), (20, "-low"), (34, "-tall")]
_PATIENCE_S: Final = 0.5
_THROW_AWAY: Final = Choice("y", "throw away", "forget what was typed", "throw away")


class WizardScreen(Screen[None], inherit_bindings=False):
    """Leads through the steps; the board's workbench does what they come to.

    Its keys come before those of a field, so that each is done before the next one is looked at, and finds the field
    that it was meant for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        replace(each, priority=True) for each in bindings("wizard") if isinstance(each, Binding)
    ]
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self, _job: str, board: Board) -> None:
        super().__init__(classes=f"-{board.charset}")
        if board.workbench is None:
            raise LookupError("a new job needs a workbench")
        self.board, self.bench = board, board.workbench
        self.draft, self.saved = Draft(), ""
        self.found: Peek | None = None
        self.taken: frozenset[str] = frozenset()
        self.note: Line = BLANK
        self.title_text = Painted(charset=board.charset, id="title")
        self.keys, self.too_small = KeyBar(charset=board.charset), TooSmall(charset=board.charset)
        self.steps: tuple[Step, ...] = (
            FileStep(self), TaskStep(self), (prompt := PromptStep(self)), PlanStep(self), StartStep(self)
        )  # fmt: skip
        self.prompt = prompt
        self.at = 0

    @property
    def step(self) -> Step:
        """The step that is shown."""
        return self.steps[self.at]

    def compose(self) -> ComposeResult:
        """Yield the title, the steps and the keys."""
        yield self.title_text
        yield from self.steps
        yield self.keys
        yield self.too_small

    def on_mount(self) -> None:
        """Begin."""
        self.run_worker(self._read_names(), group="names")
        self._go(0)

    async def _read_names(self) -> None:
        """Learn which names are taken; without a workspace, none is."""
        try:
            jobs = await self.board.thread.call(self.board.source.jobs)
        except BatchtopError:
            return
        self.taken = frozenset(job.name for job in jobs.rows)

    def _go(self, number: int) -> None:
        self.at = number
        for i, step in enumerate(self.steps):
            step.set_class(i == number, "-shown")
        self.step.enter()
        self._draw()

    # What the steps need

    def change(self, draft: Draft) -> None:
        """Have another draft from now on."""
        self.draft = draft
        if self.note:
            self.say("")

    def say(self, text: str, tone: Tone = "") -> None:
        """Say something below the title, until the next key."""
        self.note = line((text, tone))
        self._draw()

    def onward(self) -> None:
        """Go to the next step, unless something stands against it."""
        if told := self.step.hindrance():
            self.say(f"✕ {told}", "warn")
        elif self.at + 1 < len(self.steps):
            self.step.leave()
            self._go(self.at + 1)

    # What is shown

    def on_resize(self) -> None:
        """Fill the key bar anew, once it has its size."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        if self.focused is None and not self.too_small.display:  # the field that was typed into was out of sight
            self.step.enter()
        self._draw()

    def on_descendant_focus(self, _event: DescendantFocus) -> None:
        """Show the keys that mean something in this field."""
        self.call_after_refresh(self._draw)

    def on_key(self) -> None:
        """Take away what was said last."""
        if self.note:
            self.say("")

    def _draw(self) -> None:
        names = [self._told(number, step) for number, step in enumerate(self.steps)]
        self.title_text.paint([join([line(("New job", "strong")), *names]), line((self.step.about, "dim")), self.note])
        self.show_keys()

    def show_keys(self) -> None:
        """Fill the key bar anew."""
        self.keys.show({"wizard.take": self.step.verb})

    def _told(self, number: int, step: Step) -> Line:
        if number == self.at:
            return line((f"▸ {number + 1} {step.heading}", "chosen"))
        return line((f"✓ {step.heading}" if number < self.at else f"{number + 1} {step.heading}", "dim"))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - textual's name
        """Return whether a key does something now."""
        if action == "quit":
            return not isinstance(self.focused, TextField | TextEditor)
        return action == "leave" or self.step.does(action)

    async def _settled(self) -> None:
        """Have the field take the keys that came before this one, and the draft what stands in the fields."""
        if self.focused is not None:
            taken = asyncio.Event()
            self.focused.call_later(taken.set)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await taken.wait()
        self.step.gather()

    async def action_take(self) -> None:
        """Do what enter means here: the step's own, the next field, or behind the last one the next step."""
        await self._settled()
        if self.step.take():
            return
        if self.focused is self.step.order()[-1]:
            self.onward()
        else:
            self.step.tab(1)

    async def action_onward(self) -> None:
        """Go a step on."""
        await self._settled()
        self.onward()

    async def action_back(self) -> None:
        """Go a step back; from the first one leave, which asks before anything is lost."""
        await self._settled()
        if self.at:
            self.step.leave()
            self._go(self.at - 1)
        else:
            self._ask_leave(lambda: self.board.open("jobs"))

    async def action_field(self, step: int) -> None:
        """Go to another field."""
        await self._settled()
        self.step.tab(step)

    def action_move(self, step: int) -> None:
        """Go up or down."""
        self.step.move(step)

    async def action_insert(self) -> None:
        """Pick a field for the prompt."""
        await self._settled()
        self.prompt.insert()

    def action_row(self) -> None:
        """Preview another row."""
        self.prompt.next_row()

    async def action_quit(self) -> None:
        """Leave the dashboard, by a key that is a letter in a text."""
        await self.action_leave()

    async def action_leave(self) -> None:
        """Leave the dashboard."""
        await self._settled()
        self._ask_leave(lambda: self.board.leave(Exit(Left.RUNNING, None)))

    def _ask_leave(self, leave: Callable[[], None]) -> None:
        """Leave; asks first where something is typed that no job file holds."""
        if self.draft == Draft() or self.saved == job_text(self.draft):
            leave()
            return

        def answered(choice: Choice | None) -> None:
            if choice is _THROW_AWAY:
                leave()

        about = ("What you typed for this job is in no file yet.", "The last step can save it without starting it.")
        self.board.ask(
            QuestionScreen(Question("Throw this job away?", about, (_THROW_AWAY,)), self.board.charset), answered
        )
