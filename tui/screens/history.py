"""The changes of a job's settings, the newest first, and what came of each; Enter takes one back."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from textual.geometry import Size
from textual.message import Message

from ...engine.settings import Settings, Value
from ...engine.snapshot import Snapshot
from ..actions import bindings
from ..figures.good import Stretch, last_good, stretches, way_back
from ..figures.series import is_live
from ..figures.turns import TURNS_SHOWN, Step, Turn, values_before
from ..messages import HistoryRead
from ..widgets.header import state_span
from ..widgets.turntable import turn_line, turn_lines, turn_text, turn_title
from ..words.dial import change_text
from ..words.line import BLANK, Line, Span, first_fit, line
from .goingback import going_back, when
from .listing import ListScreen
from .question import Choice, QuestionScreen

_NO_ENGINE: Final = "no engine runs this job; its settings stay as they are"


class HistoryScreen(ListScreen, inherit_bindings=False):
    """The turns of one job's settings."""

    PLACES = ("history",)
    BINDINGS = bindings(*PLACES)
    heading = "Settings history"

    snapshot: Snapshot | None = None
    turns: tuple[Turn, ...] = ()
    """The newest first."""
    good: Stretch | None = None
    """The last settings that did well."""
    _last: HistoryRead | None = None

    # What is read

    def read(self) -> Message:
        """Return the job and its turns; called on the source's thread."""
        snapshot, last, now = self.board.source.snapshot(self.job, 0.0), self._last, self.board.now()
        if last and snapshot and last.is_fresh(snapshot, now):
            return HistoryRead(snapshot, last.history, last.at)
        return HistoryRead(snapshot, self.board.source.history(self.job), now)

    def on_history_read(self, message: HistoryRead) -> None:
        """Show what was read, and keep the mark on its turn."""
        marked = self.marked()
        self._last, self.snapshot, self.turns = message, message.snapshot, message.history.turns[::-1]
        if message.snapshot is None:
            self.no_such_job()
        else:
            self.good = last_good(stretches(message.history, message.snapshot.dials.settings))
        kept = (i for i, turn in enumerate(self.turns) if marked is not None and turn.at == marked.at)
        self.list.index = next(kept, self.list.index)
        self.draw()

    # What is shown

    def marked(self) -> Turn | None:
        """Return the marked turn, if there is any."""
        return self.turns[min(self.list.index, len(self.turns) - 1)] if self.turns else None

    def show_rows(self) -> None:
        """Give the list the turns."""
        rows = [partial(_row, turn, self._is_good(turn)) for turn in self.turns]
        instead = "no setting was changed while the job ran" if self.snapshot else ""
        self.list.show(turn_title, rows, self.list.index, instead)

    def standing(self) -> tuple[Span, ...]:
        """Return the job's state."""
        return (state_span(self.snapshot.job.state),) if self.snapshot else ()

    def about(self, width: int) -> Line:
        """Return which settings did well last, and what the numbers are of."""
        if not self.turns:
            return BLANK
        which = f"the last {TURNS_SHOWN}; " if len(self.turns) == TURNS_SHOWN else ""
        good: Span = (f"✓ good {when(self.good)}  " if self.good else "", "ok")
        texts = (f"{which}the minute before → after a change, or up to the next", "a minute before → after", "")
        return first_fit([line(good, (text, "dim")) for text in texts], width)

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked turn in full."""
        marked = self.marked()
        return turn_lines(marked, room, good=self._is_good(marked)) if marked else []

    def _is_good(self, turn: Turn) -> bool:
        """Return whether the last good settings are those that a turn led to."""
        return self.good is not None and self.good.since == turn.at

    # Keys

    def does(self, action: str) -> bool:
        """Return whether a key does something now: without a turn there is none to take back, or to copy."""
        return action not in {"undo", "good", "copy"} or bool(self.turns)

    def action_undo(self) -> None:
        """Ask the engine for what was before the marked turn, or say why not."""
        marked = self.marked()
        if marked is None or self.snapshot is None or self.asking:
            return
        current = self.snapshot.dials.settings
        values = values_before(marked.step, current)
        if not is_live(self.snapshot):
            self.say(_NO_ENGINE, "dim")
        elif not values:
            self.say("the settings are as they were before this already", "dim")
        else:
            self.ask(f"back to before this: {_told(values, current)}", "undo", values)

    def action_good(self) -> None:
        """Show what would bring the last good settings back, and do it when that is wanted; or say why not."""
        if self.snapshot is None or self.asking:
            return
        current = self.snapshot.dials.settings
        if not is_live(self.snapshot):
            self.say(_NO_ENGINE, "dim")
        elif self.good is None:
            self.say("no settings did well for long enough to go back to", "dim")
        elif not (step := way_back(self.good, current)):
            self.say(f"these did well {when(self.good)} already", "dim")
        else:
            lately = self._last.history.lately if self._last else None
            question = going_back(self.good, step, lately)
            self.board.ask(QuestionScreen(question, self.board.charset), partial(self._go_back, step))

    def _go_back(self, step: Step, choice: Choice | None) -> None:
        if choice is not None and choice.verb:
            self.ask("back to what did well", choice.verb, {key: then for key, (_, then) in step.items()})

    def action_copy(self) -> None:
        """Copy the marked turn through the terminal."""
        if marked := self.marked():
            self.board.copy(turn_text(marked))
            self.say("copied the change", "ok")


def _row(turn: Turn, good: bool, cells: int, marked: bool) -> Line:  # noqa: FBT001 - the list's call
    return turn_line(turn, cells, marked=marked, good=good)


def _told(values: Mapping[str, Value], current: Settings) -> str:
    """Return what a wish changes."""
    return ", ".join(change_text(key, getattr(current, key), value) for key, value in values.items())
