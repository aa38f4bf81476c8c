"""A titled box with some lines of numbers and, below them, a chart of the same thing."""

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ..glyphs import Charset
from ..line import Line, fit, line
from ..ranges import told
from ..series import Frame, changes, frame, is_live
from .chart import Chart, Curve, Plot
from .painted import Painted

TITLE_WIDTH: Final = 12


class Panel(Vertical):
    """Base of the panels with a chart; what stands in it is told by `head`, `curves` and `value_name`."""

    heading: str = ""
    least: float = 1.0
    """The chart's scale reaches this value at least."""

    def __init__(self, charset: Charset, *, id: str) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, classes="panel")
        self.border_title = self.heading
        self.numbers = Painted(charset=charset, classes="head")
        self.chart = Chart(charset=charset)
        self.chart.value_name = self.value_name
        self.snapshot: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """Yield the numbers above the chart."""
        yield self.numbers
        yield self.chart

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot, if there is room to see it."""
        self.snapshot, title = snapshot, self.heading + told(snapshot.window_s)
        if title != self.border_title:  # setting it draws the frame, though it be the same
            self.border_title = title
        if self.numbers.size:
            self.numbers.paint(self.head(snapshot, self.numbers.size))
        if self.chart.columns:
            self.chart.plot(self.plot_of(snapshot, self.chart.columns))

    def on_resize(self) -> None:
        """Draw for the new size, once the parts have theirs."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Draw what is known again."""
        if self.snapshot is not None:
            self.show(self.snapshot)

    def plot_of(self, snapshot: Snapshot, columns: int) -> Plot:
        """Return the chart of a snapshot in so many dot columns."""
        within = frame(snapshot, columns)
        return Plot(
            self.curves(snapshot, within),
            within.seconds,
            changes(snapshot, within),
            "now" if is_live(snapshot) else "end",
            self.least,
        )

    @property
    def title_width(self) -> int:
        """How many cells a title takes in the first line: none where a frame holds it."""
        return 0 if self.styles.border_top[0] else max(TITLE_WIDTH, len(self.border_title or "") + 2)

    def titled(self, first: Line) -> Line:
        """Return the first line behind the title, unless a frame holds that."""
        return (*line((fit(self.border_title or "", self.title_width), "strong")), *first)

    def head(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the lines above the chart."""
        raise NotImplementedError

    def curves(self, snapshot: Snapshot, within: Frame) -> tuple[Curve, ...]:
        """Return the chart's lines, the last on top."""
        raise NotImplementedError

    def value_name(self, value: float) -> str:
        """Return a value as the chart's side names it."""
        raise NotImplementedError
