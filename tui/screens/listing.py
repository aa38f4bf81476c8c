"""What screens with a list have in common: a title, rows of which one is marked, and the marked one in full."""

from collections.abc import Mapping, Sequence
from typing import Final

from textual.app import ComposeResult
from textual.geometry import Size

from ...engine.text import clean
from ..board import Board
from ..messages import Delivered, ReadFailed, RowPicked
from ..widgets.markedlist import MarkedList
from ..widgets.painted import Painted
from ..words.line import BLANK, Line, Span, Tone, line, spread
from .polling import PollingScreen

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow")]
_HEIGHTS: Final = [(0, "-flat"), (20, "-low"), (34, "-tall")]


class ListScreen(PollingScreen, inherit_bindings=False):
    """A list about one job, or about all. What stands in it is told by `show_rows`, `about` and `detail_lines`.

    Textual calls the `on_...` of every class of a screen, so one that follows overrides what those call instead.
    """

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    heading: str = ""
    """What the list is of."""
    asking: bool = False
    """Whether the engine has not yet answered the last wish."""

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(board)
        self.job = job
        self.note: Line = BLANK
        """What was said last; a key takes it away."""
        self.title_text = Painted(charset=board.charset, id="title")
        self.list = MarkedList(charset=board.charset)
        self.detail = Painted(charset=board.charset, id="detail")

    def compose(self) -> ComposeResult:
        """Yield the title, the list, the marked row in full, and the keys."""
        yield self.title_text
        yield self.list
        yield self.detail
        yield self.keys
        yield self.too_small

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    # What is said

    def say(self, text: str, tone: Tone) -> None:
        """Say something below the title."""
        self.note = line((text, tone))
        self.draw_around()

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so; the next tick tries again."""
        self.say(f"✕ {clean(message.reason)}", "error")

    def on_delivered(self, message: Delivered) -> None:
        """Say what became of a command."""
        self.asking = False
        self.say(message.text, message.tone)
        self.poll.ask_anew()

    def ask(self, told: str, verb: str, args: Mapping[str, object]) -> None:
        """Ask the engine for something, and say so until it has answered."""
        self.asking = True
        self.say(f"{told} …", "warn")
        self.board.tell(self.job, verb, args)

    def no_such_job(self) -> None:
        """Say that the workspace has no job of this name."""
        self.note = line((f"✕ there is no job {clean(self.job)!r} in this workspace", "error"))

    def on_key(self) -> None:
        """Take away what was said last."""
        self.hush()

    def hush(self) -> None:
        """Take away what was said last, unless the engine is still being asked."""
        if self.note and not self.asking:
            self.note = BLANK
            self.draw_around()

    # What is shown

    def draw(self) -> None:
        """Draw the rows, and what depends on which one is marked."""
        self.show_rows()
        self.draw_around()

    def draw_around(self) -> None:
        """Draw what depends on the mark: the row in full, and the keys."""
        width = self.title_text.size.width
        self.title_text.paint([spread(self.called(), self.standing(), width), self.about(width), self.note])
        self.detail.paint(self.detail_lines(self.detail.size))
        self.show_keys()

    def show_rows(self) -> None:
        """Give the list its rows."""
        raise NotImplementedError

    def called(self) -> Line:
        """Return what the list is of, for the beginning of the first line."""
        return line((clean(self.job), "strong"), (f"  {self.heading}", "dim"))

    def standing(self) -> tuple[Span, ...]:
        """Return how the job stands, for the end of the first line."""
        return ()

    def about(self, width: int) -> Line:
        """Return what is known of the list as a whole."""
        raise NotImplementedError

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked row in full."""
        raise NotImplementedError

    # Keys

    def action_cursor(self, step: int) -> None:
        """Mark another row."""
        self.list.move(step)
        self.draw_around()

    def action_page(self, step: int) -> None:
        """Mark the row a page further."""
        self.action_cursor(step * self.list.room)

    def on_row_picked(self, message: RowPicked) -> None:
        """Mark a clicked row; one that was marked already is opened."""
        if message.row == self.list.index:
            self.open_marked()
        else:
            self.action_cursor(message.row - self.list.index)

    def open_marked(self) -> None:
        """Do what Enter does to the marked row."""

    def action_back(self) -> None:
        """Go back to the job."""
        self.board.open("job", self.job)
