"""All jobs of the workspace, as in htop: sorted and filtered as one likes; Enter opens one."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from textual.geometry import Size
from textual.message import Message

from ...engine.text import clean
from ..actions import bindings
from ..board import Board
from ..exit import Exit, Left
from ..figures.joblist import Entry, Order, matching, totals, trouble_of
from ..figures.pace import Speeds
from ..messages import Delivered, JobsRead, ReadFailed
from ..pausing import Pausing
from ..widgets.jobtable import (
    arranged,
    empty_lines,
    engine_span,
    job_lines,
    job_text,
    next_order,
    order_text,
    rows_of,
    title_line,
    totals_texts,
)
from ..words.line import BLANK, Line, Span, join, line, spread
from .filtering import FilteredScreen

_OF_MARKED: Final = ("open", "cursor", "page", "copy")
_OF_ANY: Final = ("sort", "reverse", "filter")


class JobsScreen(FilteredScreen, inherit_bindings=False):
    """The list of jobs."""

    PLACES = ("jobs",)
    BINDINGS = bindings(*PLACES)
    heading = "Jobs"

    found: JobsRead | None = None
    entries: Sequence[Entry] = ()
    """Every job."""
    shown: Sequence[Entry] = ()
    """Those that the filter lets through, in order."""
    order: Order = Order()
    failed: bool = False
    """Whether the last read failed."""
    sight: frozenset[int] = frozenset()
    """The ids of the jobs in sight: only of these more is read than their totals."""

    def __init__(self, marked: str, board: Board) -> None:
        super().__init__(marked, board)
        self.speeds, self.pausing = Speeds(), Pausing()

    # What is read

    def read(self) -> Message:
        """Return the jobs as they stand; called on the source's thread."""
        source, now, sight = self.board.source, self.board.now(), self.sight
        jobs = source.jobs()
        rates = source.rates([job for job in jobs.rows if job.id in sight], now, live=jobs.engine is not None)
        return JobsRead(jobs, now, rates)

    def on_jobs_read(self, message: JobsRead) -> None:
        """Show what was read."""
        self.pausing.read()
        jobs, now = message.jobs, message.at
        paces = self.speeds.read(now, jobs.rows)
        self.found, self.entries = message, [
            Entry(job, now, paces.get(job.id), message.rates.get(job.id), trouble_of(job, jobs.engine, now))
            for job in jobs.rows
        ]  # fmt: skip
        if self.failed:
            self.failed, self.note = False, BLANK
        self.draw()

    def on_delivered(self, message: Delivered) -> None:
        """Note what came back of a pause, besides what every list does."""
        self.pausing.answered(message.job, message.delivery)

    def on_read_failed(self, message: ReadFailed) -> None:  # noqa: ARG002 - the list says it
        """Note that what is said of it is over with the next read."""
        self.failed = True

    # What is shown

    def marked(self) -> Entry | None:
        """Return the marked job, if there is any."""
        return self.shown[min(self.list.index, len(self.shown) - 1)] if self.shown else None

    def show_rows(self) -> None:
        """Give the list its jobs; the marked one stays marked, wherever it stands now."""
        if marked := self.marked():
            self.job = marked.job.name
        self.shown = arranged(matching(self.entries, self.filter), self.order)
        index = next((i for i, each in enumerate(self.shown) if each.job.name == self.job), self.list.index)
        rows = rows_of(self.shown, self.board.charset)
        self.list.show(partial(title_line, self.order), rows, index, self._instead())

    def _instead(self) -> str | Sequence[Line]:
        """Return what to say where there are no rows."""
        if self.entries:
            return "no job's name, state or model has that in it"
        return empty_lines(new=self.check_action("new", ()) is True) if self.found else ""

    def draw_around(self) -> None:
        """Draw what depends on the mark, and have more read of what has come in sight."""
        before, first = self.sight, self.list.first
        self.sight = frozenset(each.job.id for each in self.shown[first : first + self.list.room])
        if self.sight - before:
            self.poll.ask_anew()
        super().draw_around()

    def called(self) -> Line:
        """Return the program's name, as this is its first screen."""
        return line(("batchtop", "strong"), (f"  {self.heading}", "dim"))

    def standing(self) -> tuple[Span, ...]:
        """Return which engine has the workspace, and whether it is well."""
        if self.found is None or not self.entries:
            return ()
        active = any(each.active for each in self.entries)
        return (engine_span(self.found.jobs.engine, self.found.at, wanted=active),)

    def about(self, width: int) -> Line:
        """Return what the jobs shown come to, which they are, and their order."""
        if not self.entries:
            return BLANK
        jobs, *others = totals_texts(totals(self.shown), len(self.entries))
        chosen = line((f"/{clean(self.filter)}", "key")) if self.filter and not self.field.typing else BLANK
        left = join(
            [line((jobs, "strong" if self.filter else "dim")), chosen, *(line((each, "dim")) for each in others)]
        )
        return spread(left, line((order_text(self.order), "dim")), width)

    def detail_lines(self, room: Size) -> Sequence[Line]:
        """Return the marked job in full."""
        marked = self.marked()
        return job_lines(marked, room) if marked else []

    # Keys

    def does(self, action: str) -> bool:
        """Return whether a key does something now; a field that is typed into needs its keys for itself."""
        marked = self.marked()
        possible = {
            "pause": marked is not None and marked.live,
            "new": self.board.workbench is not None,
            **dict.fromkeys(_OF_MARKED, marked is not None),
            **dict.fromkeys(_OF_ANY, bool(self.entries)),
        }
        return possible.get(action, True) and super().does(action)

    def labels(self) -> Mapping[str, str]:
        """Return what space and Esc do now."""
        return {"jobs.pause": self._pause_verb(), "jobs.leave": "show all" if self.filter else "leave"}

    def _pause_verb(self) -> str:
        marked = self.marked()
        return self.pausing.verb(marked.job.name, marked.job.state) if marked else "pause"

    def action_new(self) -> None:
        """Make a job, step by step."""
        self.board.open("wizard")

    def action_open(self) -> None:
        """Open the marked job."""
        if marked := self.marked():
            self.board.open("job", marked.job.name)

    def open_marked(self) -> None:
        """Open a job that was clicked, and was marked already."""
        self.action_open()

    def action_pause(self) -> None:
        """Pause the marked job, or resume it when it is paused."""
        if marked := self.marked():
            verb = self.pausing.ask(marked.job.name, marked.job.state)
            self.say(f"{clean(marked.job.name)}: {verb} …", "warn")
            self.board.tell(marked.job.name, verb, {})

    def action_copy(self) -> None:
        """Copy the marked job's line through the terminal."""
        if marked := self.marked():
            self.board.copy(job_text(marked))
            self.say("copied the job's line", "ok")

    def action_sort(self) -> None:
        """Order the list by the next column."""
        self.order = next_order(self.order, self.list.size.width)
        self.draw()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.order = Order(self.order.column, not self.order.falling)
        self.draw()

    def typed(self, text: str) -> None:  # noqa: ARG002 - the base keeps it
        """Show the jobs that have this in them; the mark goes to the first where its job is not among them."""
        if marked := self.marked():
            self.job = marked.job.name
        self.shown, self.list.index = (), 0
        self.draw()

    def action_leave(self) -> None:
        """Show every job again where some are hidden, else leave the dashboard."""
        if self.filter:
            self.show_all()
        else:
            self.board.leave(Exit(Left.RUNNING))
