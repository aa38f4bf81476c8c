"""A titled box with some lines of numbers and, below them, a chart of the same thing."""

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ..figures.binned import Frame, changes, frame
from ..figures.lookback import place_of
from ..figures.ranges import told
from ..figures.series import is_live
from ..words.glyphs import Charset
from ..words.line import Line, fit, line, spread, width
from .chart import Chart, Plot
from .painted import Painted
from .picture import Body

TITLE_WIDTH: Final = 12


class Panel(Vertical):
    """Base of the panels with a chart; what stands in it is told by `head`, `body` and `value_name`."""

    heading: str = ""
    fine: bool = True
    """Whether the chart draws dots, of which a cell may hold several columns; else it fills cells."""

    def __init__(self, charset: Charset, *, id: str) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, classes="panel")
        self.border_title = self.heading
        self.numbers = Painted(charset=charset, classes="head")
        self.chart = Chart(charset=charset)
        self.chart.value_name = self.value_name
        self.snapshot: Snapshot | None = None
        self.then: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """Yield the numbers above the chart."""
        yield self.numbers
        yield self.chart

    def show(self, snapshot: Snapshot, then: Snapshot | None = None) -> None:
        """Draw this snapshot where there is room; the numbers tell of `then`, at which the chart has its cursor."""
        self.snapshot, self.then, title = snapshot, then, self.heading + told(snapshot.window_s)
        if title != self.border_title:  # setting it draws the frame, though it be the same
            self.border_title = title
        if self.chart.cells:
            self.chart.plot(self.plot_of(snapshot))
        if self.numbers.size:
            self.numbers.paint(self.head(then or snapshot, self.numbers.size))

    def on_resize(self) -> None:
        """Draw for the new size, once the parts have theirs."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Draw what is known again."""
        if self.snapshot is not None:
            self.show(self.snapshot, self.then)

    def plot_of(self, snapshot: Snapshot) -> Plot:
        """Return the chart of a snapshot."""
        within = frame(snapshot, self.chart.dots if self.fine else self.chart.cells)
        return Plot(
            self.body(snapshot, within),
            within,
            changes(snapshot, within),
            self.refused(snapshot, within),
            "now" if is_live(snapshot) else "end",
            self._cursor(snapshot, within),
        )

    def _cursor(self, snapshot: Snapshot, within: Frame) -> int | None:
        """Return the bin that the cursor stands in, None also where it stands before what the chart shows."""
        if self.then is None:
            return None
        cursor = within.bin_of(place_of(snapshot, self.then.taken_at))
        return min(cursor, within.bins - 1) if cursor >= 0 else None

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

    def body(self, snapshot: Snapshot, within: Frame) -> Body:
        """Return what is drawn within the axes, after which the head is."""
        raise NotImplementedError

    def refused(self, snapshot: Snapshot, within: Frame) -> tuple[int, ...]:  # noqa: ARG002 - for those that follow
        """Return the bins in which a mark says that requests were refused."""
        return ()

    def value_name(self, value: float) -> str:
        """Return a value as the chart's side names it."""
        raise NotImplementedError


def spread_hint(left: Line, hint: Line, cells: int) -> Line:
    """Return a line with a hint at its end, where there is room for that."""
    return spread(left, hint if width(left) + width(hint) + 2 <= cells else (), cells)
