"""What a person asks of the engine of one job: by dials, by presets, and by questions before it is stopped or left."""

from collections.abc import Callable
from typing import Final, Literal

from ...engine.snapshot import Snapshot
from ..board import Board
from ..exit import Exit, Left
from ..figures.series import is_live
from ..messages import Asked
from ..pausing import Pausing
from ..reads.courier import Delivery
from ..widgets.controls import Controls
from .polling import PollingScreen
from .presets import ask_name, pick_preset
from .question import Choice, Question, QuestionScreen
from .stopping import LEAVE, cancelling, draining, quitting

_LEFT: Final = {"drain": Left.DRAINING, "cancel": Left.CANCELLED}


class AskingScreen(PollingScreen, inherit_bindings=False):
    """The screen of one job, as far as something is asked of its engine."""

    snapshot: Snapshot | None = None
    leaving: str = ""
    """The command chosen on the way out, while the engine is still being told."""

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(board)
        self.job = job
        self.pausing = Pausing()
        self.controls = Controls(board.charset, board.now, id="controls", fixed=board.read_only)

    def tell(self, verb: str) -> None:
        """Send a command that has no arguments."""
        self.board.tell(self.job, verb, {})

    # By dials and presets

    def on_asked(self, message: Asked) -> None:
        """Send what the controls ask."""
        self.board.tell(self.job, message.verb, message.args)

    @property
    def pause_verb(self) -> str:
        """What the key that pauses does now."""
        return self.pausing.verb(self.job, self.snapshot and self.snapshot.job.state)

    def action_dial(self, step: Literal[-1, 1]) -> None:
        """Choose the dial above or below."""
        self.controls.move(step)

    def action_choose(self, key: str) -> None:
        """Choose a dial by name."""
        self.controls.choose(key)

    def action_step(self, direction: Literal[-1, 1]) -> None:
        """Move the chosen dial one step."""
        self.controls.step(direction)

    def action_type(self) -> None:
        """Open the field for a value."""
        self.controls.type()

    def action_pause(self) -> None:
        """Pause, or resume what is paused."""
        self.tell(self.pausing.ask(self.job, self.snapshot and self.snapshot.job.state))

    def action_retest(self) -> None:
        """Try keys again that were refused or given up."""
        self.tell("retest")

    async def action_presets(self) -> None:
        """Open the preset picker."""
        if self.snapshot is not None:
            await pick_preset(self.board, self.controls, self.snapshot)

    async def action_save(self) -> None:
        """Ask for the name that the settings in force are to have as a preset."""
        if self.snapshot is not None:
            await ask_name(self.board, self.controls, self.snapshot)

    def action_undo(self) -> None:
        """Undo the newest change of settings that is not undone yet."""
        self.controls.undo()

    # By questions

    def action_drain(self) -> None:
        """Ask whether to drain."""
        self._ask(draining)

    def action_cancel(self) -> None:
        """Ask whether to cancel."""
        self._ask(cancelling)

    def _ask(self, question: Callable[[Snapshot], Question]) -> None:
        def answered(choice: Choice | None) -> None:
            if choice is not None and choice.verb:
                self.tell(choice.verb)

        if self.snapshot is not None:
            self.board.ask(QuestionScreen(question(self.snapshot), self.board.charset), answered)

    def ask_quit(self) -> None:
        """Leave at once when the job has ended, or is no business of this dashboard; else ask what becomes of it."""
        live = self.snapshot is None or is_live(self.snapshot)
        if self.snapshot is None or not live or self.board.read_only:
            self.board.leave(Exit(Left.RUNNING if live else Left.ENDED, self.job))
            return
        self.board.ask(QuestionScreen(quitting(self.snapshot), self.board.charset), self._quit)

    def _quit(self, choice: Choice | None) -> None:
        if choice == LEAVE:
            self.board.leave(Exit(Left.RUNNING, self.job))
        elif choice is not None and choice.verb:
            self.leaving = choice.verb
            self.controls.say("telling the engine …", "warn")
            self.tell(choice.verb)

    def leave_if_told(self, got: Delivery) -> None:
        """Leave when this answers what was chosen on the way out, unless the engine refused it."""
        if got.verb == self.leaving:
            self.leaving = ""
            if got.applied:
                self.board.leave(Exit(_LEFT[got.verb], self.job, got.message))
