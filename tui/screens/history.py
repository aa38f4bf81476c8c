"""The changes of a job's settings, the newest first, and what came of each; Enter takes one back."""

from collections.abc import Mapping, Sequence
from functools import partial

from textual.geometry import Size
from textual.message import Message

from ...engine.settings import Settings, Value
from ...engine.snapshot import Snapshot
from ..actions import bindings
from ..line import BLANK, Line, Span, line
from ..messages import HistoryRead
from ..series import is_live
from ..turns import TURNS_SHOWN, Turn, values_before
from ..widgets.header import state_span
from ..widgets.turntable import change_text, turn_line, turn_lines, turn_text, turn_title
from .listing import ListScreen


class HistoryScreen(ListScreen, inherit_bindings=False):
    """The turns of one job's settings."""

    PLACES = ("history",)
    BINDINGS = bindings(*PLACES)
    heading = "Settings history"

    snapshot: Snapshot | None = None
    turns: tuple[Turn, ...] = ()
    """The newest first."""
    asking: bool = False
    """Whether the engine has not yet answered the last wish."""
    _last: HistoryRead | None = None

    # What is read

    def read(self) -> Message:
        """Return the job and its turns; called on the source's thread."""
        snapshot, last, now = self.board.source.snapshot(self.job), self._last, self.board.now()
        if last and snapshot and last.is_fresh(snapshot, now):
            return HistoryRead(snapshot, last.turns, last.at)
        return HistoryRead(snapshot, self.board.source.turns(self.job), now)

    def on_history_read(self, message: HistoryRead) -> None:
        """Show what was read, and keep the mark on its turn."""
        marked = self.marked()
        self._last, self.snapshot, self.turns = message, message.snapshot, message.turns[::-1]
        if message.snapshot is None:
            self.no_such_job()
        kept = (i for i, turn in enumerate(self.turns) if marked is not None and turn.at == marked.at)
        self.list.index = next(kept, self.list.index)
        self.draw()

    def answered(self) -> None:
        """Note that the engine may be asked again."""
        self.asking = False

    # What is shown

    def marked(self) -> Turn | None:
        """Return the marked turn, if there is any."""
        return self.turns[min(self.list.index, len(self.turns) - 1)] if self.turns else None

    def show_rows(self) -> None:
        """Give the list the turns."""
        rows = [partial(_row, turn) for turn in self.turns]
        instead = "no setting was changed while the job ran" if self.snapshot else ""
        self.list.show(turn_title, rows, self.list.index, instead)

    def standing(self) -> tuple[Span, ...]:
        """Return the job's state."""
        return (state_span(self.snapshot.job.state),) if self.snapshot else ()

    def about(self, width: int) -> Line:  # noqa: ARG002 - the base's name
        """Return which changes are shown, and what the numbers are of."""
        if not self.turns:
            return BLANK
        which = f"the last {TURNS_SHOWN} changes" if len(self.turns) == TURNS_SHOWN else "changes"
        return line((f"{which}; numbers of the minute before → after, or up to the next change", "dim"))

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked turn in full."""
        marked = self.marked()
        return turn_lines(marked, room) if marked else []

    # Keys

    def hush(self) -> None:
        """Take away what was said last, unless the engine is still being asked."""
        if not self.asking:
            super().hush()

    def does(self, action: str) -> bool:
        """Return whether a key does something now: without a turn there is none to take back, or to copy."""
        return action not in {"undo", "copy"} or bool(self.turns)

    def action_undo(self) -> None:
        """Ask the engine for what was before the marked turn, or say why not."""
        marked = self.marked()
        if marked is None or self.snapshot is None or self.asking:
            return
        current = self.snapshot.dials.settings
        values = values_before(marked.step, current)
        if not is_live(self.snapshot):
            self.say("no engine runs this job; its settings stay as they are", "dim")
        elif not values:
            self.say("the settings are as they were before this already", "dim")
        else:
            self.asking = True
            self.say(f"back to before this: {_told(values, current)} …", "warn")
            self.board.tell(self.job, "set", values)

    def action_copy(self) -> None:
        """Copy the marked turn through the terminal."""
        if marked := self.marked():
            self.board.copy(turn_text(marked))
            self.say("copied the change", "ok")


def _row(turn: Turn, cells: int, marked: bool) -> Line:  # noqa: FBT001 - the list's call
    return turn_line(turn, cells, marked=marked)


def _told(values: Mapping[str, Value], current: Settings) -> str:
    """Return what a wish changes."""
    return ", ".join(change_text(key, getattr(current, key), value) for key, value in values.items())
