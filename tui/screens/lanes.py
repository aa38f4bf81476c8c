"""The lanes of a job: what each allows, how it stands, what it did; Enter switches one off, or on again."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from textwrap import wrap

from textual.geometry import Size
from textual.message import Message

from ...engine.snapshot import LaneState, Snapshot
from ...engine.text import clean
from ..actions import bindings
from ..figures.series import is_live, stale
from ..messages import SnapshotRead
from ..widgets.header import state_span
from ..widgets.lanefacts import lane_lines, lane_text
from ..widgets.lanetable import LaneTable, faint, totals_line
from ..words import format as say
from ..words.lane import by_name, pressure, short_names, standing, total_of
from ..words.line import BLANK, Line, Span, Tone, line
from .listing import ListScreen


class LanesScreen(ListScreen, inherit_bindings=False):
    """Every provider, model and key of one job.

    The worst comes first, as lanes get better or worse, until a row is marked: from then on all keep their places.
    """

    PLACES = ("lanes",)
    BINDINGS = bindings(*PLACES)
    heading = "Lanes"

    snapshot: Snapshot | None = None
    worst_first: bool = True
    held: bool = False
    """Whether a row was marked by hand."""
    lanes: tuple[LaneState, ...] = ()
    """In the order of the rows."""
    above: Line = BLANK
    """What was said last, as far as the note has no room for it."""
    _stood: Mapping[str, str] = {}
    """How each lane stood when they were sorted, by its name."""

    # What is read

    def read(self) -> Message:
        """Return the job, called on the source's thread; by its samples the app knows of a silence to call for."""
        return SnapshotRead(self.board.source.snapshot(self.job))

    def on_snapshot_read(self, message: SnapshotRead) -> None:
        """Show what was read, every lane at its place."""
        self.snapshot = message.snapshot
        if message.snapshot is None:
            self.no_such_job()
        read = {lane.name: lane for lane in message.snapshot.lanes} if message.snapshot else {}
        stood = {name: standing(lane) for name, lane in read.items()}
        if stood.keys() != self._stood.keys() or (stood != self._stood and not self.held):
            self._sort(read.values())
        else:
            self.lanes = tuple(read[lane.name] for lane in self.lanes)
        self.draw()

    def _sort(self, lanes: Iterable[LaneState]) -> None:
        """Put these lanes in order, and keep the mark on its lane."""
        marked, named = self.marked(), sorted(lanes, key=by_name)
        self.lanes = tuple(sorted(named, key=pressure, reverse=True) if self.worst_first else named)
        self._stood = {lane.name: standing(lane) for lane in named}
        kept = (i for i, lane in enumerate(self.lanes) if marked is not None and lane.name == marked.name)
        self.list.index = next(kept, self.list.index)

    # What is shown

    @property
    def live(self) -> bool:
        """Whether an engine has the job in hand, so that its lanes are as they are shown."""
        return self.snapshot is not None and is_live(self.snapshot)

    def marked(self) -> LaneState | None:
        """Return the marked lane, if there is any."""
        return self.lanes[min(self.list.index, len(self.lanes) - 1)] if self.lanes else None

    def show_rows(self) -> None:
        """Give the list the lanes."""
        table = LaneTable(short_names(lane.name for lane in self.lanes), self._now, over=not self.live)
        rows = [partial(table.row, lane) for lane in self.lanes]
        self.list.show(table.title, rows, self.list.index, "nothing sent yet" if self.snapshot else "")

    @property
    def _now(self) -> float:
        return self.snapshot.taken_at if self.snapshot else 0.0

    def standing(self) -> tuple[Span, ...]:
        """Return the job's state, or that nobody moves it."""
        if self.snapshot is None:
            return ()
        nobody = stale(self.snapshot)
        return ((f"✕ {nobody}", "error") if nobody else state_span(self.snapshot.job.state),)

    def say(self, text: str, tone: Tone) -> None:
        """Say something below the title, in the place of the totals too where one line is not enough."""
        first, *rest = wrap(text, max(self.title_text.size.width, 20), max_lines=2, placeholder=" …") or [""]
        self.above = line((first, tone)) if rest else BLANK
        super().say(rest[0] if rest else first, tone)

    def about(self, width: int) -> Line:
        """Return how the lanes stand, or of when that is, and what they did together."""
        if self.note and self.above:
            return self.above
        requests = self.snapshot.job.requests if self.snapshot else 0
        return totals_line(self.lanes, self._since(), requests, width) if self.lanes else BLANK

    def _since(self) -> str:
        """Return, where no engine has the job, of when its lanes are."""
        if self.snapshot is None or self.live:
            return ""
        ended_at = self.snapshot.job.ended_at
        return "as they were last" if ended_at is None else f"as they were at the end, {say.clock(ended_at)}"

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked lane in full."""
        marked = self.marked()
        if marked is None:
            return []
        lines = lane_lines(marked, total_of(self.lanes), self._now, room)
        return lines if self.live else list(map(faint, lines))

    def show_keys(self) -> None:
        """Fill the key bar anew, with what a switch does to the marked lane."""
        marked = self.marked()
        self.keys.show({"lanes.switch": "switch on" if marked and not marked.enabled else "switch off"})

    # Keys

    def does(self, action: str) -> bool:
        """Return whether a key does something now."""
        if action == "retest":
            return self.live and any(lane.state in {"refused", "broken"} for lane in self.lanes)
        return action not in {"switch", "copy", "sort"} or bool(self.lanes)

    def action_cursor(self, step: int) -> None:
        """Mark another lane; from now on all keep their places."""
        self.held = True
        super().action_cursor(step)

    def action_sort(self) -> None:
        """Sort by name instead of the worst first, or the other way round."""
        self.worst_first, self.held = not self.worst_first, False
        self._sort(self.lanes)
        self.draw()
        self.say("the worst first" if self.worst_first else "by name", "ok")

    def action_switch(self) -> None:
        """Ask the engine to use the marked lane no more for this job, or again, or say why not."""
        marked = self.marked()
        if marked is None or self.asking:
            return
        if not self.live:
            self.say("no engine runs this job; its lanes stay as they are", "dim")
            return
        told = f"switching {'off' if marked.enabled else 'on'}: {clean(marked.name)}"
        self.ask(told, "lane", {"name": marked.name, "enabled": not marked.enabled})

    def action_retest(self) -> None:
        """Try keys again that were refused or given up."""
        self.say("testing again …", "warn")
        self.board.tell(self.job, "retest", {})

    def action_copy(self) -> None:
        """Copy the marked lane through the terminal."""
        if marked := self.marked():
            self.board.copy(lane_text(marked, total_of(self.lanes), self._now))
            self.say("copied the lane", "ok")
