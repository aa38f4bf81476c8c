"""The changes of a job's settings, the newest first, and what came of each; Enter takes one back."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from textual.app import ComposeResult
from textual.message import Message

from ...engine.settings import Settings, Value
from ...engine.snapshot import Snapshot
from ...engine.text import clean
from ..actions import bindings
from ..board import Board
from ..line import BLANK, Line, line, spread
from ..messages import Delivered, HistoryRead, ReadFailed, RowPicked
from ..series import is_live
from ..turns import TURNS_SHOWN, Turn, values_before
from ..widgets.failuretable import MarkedList
from ..widgets.header import state_span
from ..widgets.painted import Painted
from ..widgets.turntable import change_text, turn_line, turn_lines, turn_text, turn_title
from .polling import PollingScreen

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow")]
_HEIGHTS: Final = [(0, "-flat"), (20, "-low"), (34, "-tall")]


class HistoryScreen(PollingScreen, inherit_bindings=False):
    """The turns of one job's settings."""

    CSS_PATH = "history.tcss"
    BINDINGS = bindings("history")
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    snapshot: Snapshot | None = None
    turns: tuple[Turn, ...] = ()
    """The newest first."""
    asking: bool = False
    """Whether the engine has not yet answered the last wish."""

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(board)
        self.job = job
        self.note: Line = BLANK
        self._last: HistoryRead | None = None
        self.title_text = Painted(charset=board.charset, id="title")
        self.list = MarkedList(charset=board.charset)
        self.detail = Painted(charset=board.charset, id="detail")

    def compose(self) -> ComposeResult:
        """Yield the title, the turns, the marked one in full, and the keys."""
        yield self.title_text
        yield self.list
        yield self.detail
        yield self.keys
        yield self.too_small

    def on_resize(self) -> None:
        """Draw for the new size."""
        super().on_resize()
        self.call_after_refresh(self._draw)

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
            self.note = line((f"✕ there is no job {clean(self.job)!r} in this workspace", "error"))
        kept = (i for i, turn in enumerate(self.turns) if marked is not None and turn.at == marked.at)
        self.list.index = next(kept, self.list.index)
        self._draw()

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so; the next tick tries again."""
        self.note = line((f"✕ {clean(message.reason)}", "error"))
        self._draw()

    def on_delivered(self, message: Delivered) -> None:
        """Say what became of a command."""
        self.asking = False
        self.note = line((message.text, message.tone))
        self.poll.ask_anew()
        self._draw()

    # What is shown

    def marked(self) -> Turn | None:
        """Return the marked turn, if there is any."""
        return self.turns[min(self.list.index, len(self.turns) - 1)] if self.turns else None

    def _draw(self) -> None:
        rows = [partial(_row, turn) for turn in self.turns]
        instead = "no setting was changed while the job ran" if self.snapshot else ""
        self.list.show(turn_title, rows, self.list.index, instead)
        self._draw_around()

    def _draw_around(self) -> None:
        """Draw what depends on the mark: the turn in full, and the keys."""
        self.title_text.paint([self._heading(self.title_text.size.width), self._about(), self.note])
        marked = self.marked()
        self.detail.paint(turn_lines(marked, self.detail.size) if marked else [])
        self.show_keys()

    def _heading(self, width: int) -> Line:
        name = line((clean(self.job), "strong"), ("  Settings history", "dim"))
        return spread(name, (state_span(self.snapshot.job.state),), width) if self.snapshot else name

    def _about(self) -> Line:
        if not self.turns:
            return BLANK
        which = f"the last {TURNS_SHOWN} changes" if len(self.turns) == TURNS_SHOWN else "changes"
        return line((f"{which}; numbers of the minute before → after, or up to the next change", "dim"))

    # Keys

    def on_key(self) -> None:
        """Take away what was said last, unless the engine is still being asked."""
        if self.note and not self.asking:
            self.note = BLANK
            self._draw_around()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - textual's name
        """Return whether a key does something now: without a turn there is none to take back, or to copy."""
        return action not in {"undo", "copy"} or bool(self.turns)

    def action_cursor(self, step: int) -> None:
        """Mark another turn."""
        self.list.move(step)
        self._draw_around()

    def action_page(self, step: int) -> None:
        """Mark the turn a page further."""
        self.action_cursor(step * self.list.room)

    def on_row_picked(self, message: RowPicked) -> None:
        """Mark a clicked turn."""
        self.action_cursor(message.row - self.list.index)

    def action_undo(self) -> None:
        """Ask the engine for what was before the marked turn, or say why not."""
        marked = self.marked()
        if marked is None or self.snapshot is None or self.asking:
            return
        current = self.snapshot.dials.settings
        values = values_before(marked.step, current)
        if not is_live(self.snapshot):
            self.note = line(("no engine runs this job; its settings stay as they are", "dim"))
        elif not values:
            self.note = line(("the settings are as they were before this already", "dim"))
        else:
            self.asking = True
            self.note = line((f"back to before this: {_told(values, current)} …", "warn"))
            self.board.tell(self.job, "set", values)
        self._draw_around()

    def action_copy(self) -> None:
        """Copy the marked turn through the terminal."""
        if marked := self.marked():
            self.board.copy(turn_text(marked))
            self.note = line(("copied the change", "ok"))
            self._draw_around()

    def action_back(self) -> None:
        """Go back to the job."""
        self.board.open_job(self.job)


def _row(turn: Turn, cells: int, marked: bool) -> Line:  # noqa: FBT001 - the list's call
    return turn_line(turn, cells, marked=marked)


def _told(values: Mapping[str, Value], current: Settings) -> str:
    """Return what a wish changes."""
    return ", ".join(change_text(key, getattr(current, key), value) for key, value in values.items())
