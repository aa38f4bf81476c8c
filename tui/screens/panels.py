"""The panels of a job's screen: which there are, in how large a terminal, and what they draw."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.geometry import Size

from ...engine.snapshot import Snapshot
from ..board import Board
from ..widgets.errors import Errors
from ..widgets.eventlog import EventLog
from ..widgets.header import Header
from ..widgets.lanes import Lanes
from ..widgets.latency import Latency
from ..widgets.numbers import Numbers
from ..widgets.resources import Resources
from ..widgets.throughput import Throughput
from ..widgets.timewent import TimeWent
from .past import PastScreen

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]
_HEIGHTS: Final = [(0, "-flat"), (20, "-low"), (24, "-short"), (34, "-tall"), (46, "-high")]
ROOMY: Final = (150, 46)
"""Columns and rows of a terminal that shows everything at once."""


class PanelScreen(PastScreen, inherit_bindings=False):
    """The screen of one job, as far as it draws."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self, job: str, board: Board) -> None:
        super().__init__(job, board)
        set_ = board.charset
        self.header = Header(charset=set_)
        self.latency = Latency(set_, heat=board.heat, id="latency")
        self.panels = (Throughput(set_, id="throughput"), self.latency, Errors(set_, id="errors"))
        self.time_went, self.resources = TimeWent(charset=set_), Resources(charset=set_)
        self.lanes, self.numbers = Lanes(charset=set_), Numbers(charset=set_)
        self.log_view = EventLog(charset=set_)
        self.parts = (
            self.header, self.time_went, self.lanes, self.numbers, self.resources, self.controls, self.log_view
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        """Yield the header, five panels (or their numbers), the dials, the events and the keys."""
        yield self.header
        with Container(id="panels"):
            yield from self.panels
            with Vertical(id="time", classes="panel") as time:
                time.border_title = "Where the time went"
                yield self.time_went
            with Vertical(id="lanes", classes="panel"):
                yield self.lanes
        yield self.numbers
        with Container(id="bottom"):
            yield self.controls
            with Vertical(id="resources", classes="panel") as resources:
                resources.border_title = "Resources"
                yield self.resources
            with Vertical(id="events", classes="panel") as log:
                log.border_title = "Events"
                yield self.log_view
        yield self.keys
        yield self.too_small

    def on_resize(self) -> None:
        """Make use of the size."""
        self.fit(self.size)

    def fit(self, size: Size) -> None:
        """Have the classes of a size, that of one with room for everything among them."""
        super().fit(size)
        self.set_class(size.width >= ROOMY[0] and size.height >= ROOMY[1], "-roomy")

    def draw(self, now: Snapshot, then: Snapshot | None) -> None:
        """Draw a job as it stands, and as it stood where the cursor is: charts show both, numbers one."""
        for panel in self.panels:
            panel.show(now, then)
        for part in self.parts:
            part.show(then or now)

    def name_panels(self, *, live: bool) -> None:
        """Give the panels the room and the titles of a job that runs, or of one that has ended."""
        self.set_class(not live, "-over")
        self.query_one("#lanes").border_title = "Rate limits" if live else "Summary"
