"""All jobs of the workspace; Enter opens one."""

from collections import deque
from typing import Final

from textual.app import ComposeResult
from textual.message import Message

from ...engine.snapshot import ACTIVE, JobRow, JobState
from ...engine.text import clean
from .. import format as say
from ..actions import bindings
from ..board import Board
from ..line import BLANK, Line, line
from ..messages import Delivered, JobPicked, JobsRead, ReadFailed
from ..series import ETA_S, RECENT_S
from ..source import Jobs
from ..widgets.jobtable import JobTable, Pace
from ..widgets.painted import Painted
from .polling import PollingScreen

_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow")]


class Speeds:
    """How fast each job went lately, told from how far it was at each reading."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, dict[int, int]]] = deque()

    def read(self, at: float, jobs: tuple[JobRow, ...]) -> dict[int, Pace]:
        """Take a reading, and return each active job's pace by its id; one seen for less than a second has none."""
        self._readings.append((at, {job.id: job.done + job.failed for job in jobs if job.state in ACTIVE}))
        while len(self._readings) > 1 and self._readings[0][0] < at - ETA_S:
            self._readings.popleft()
        speeds, means = self._speeds(RECENT_S), self._speeds(ETA_S)
        running = {job.id: job.left for job in jobs if job.state is JobState.RUNNING}
        return {id_: Pace(speed, _eta_s(running.get(id_), means[id_])) for id_, speed in speeds.items()}

    def _speeds(self, seconds: float) -> dict[int, float]:
        """Return items a second over the last `seconds`, by job id."""
        at, now = self._readings[-1]
        since, before = next(reading for reading in self._readings if reading[0] >= at - seconds)
        passed = at - since
        return {id_: (n - before[id_]) / passed for id_, n in now.items() if id_ in before} if passed >= 1 else {}


class JobsScreen(PollingScreen, inherit_bindings=False):
    """The list of jobs."""

    CSS_PATH = "jobs.tcss"
    PLACES = ("jobs",)
    BINDINGS = bindings(*PLACES)
    HORIZONTAL_BREAKPOINTS = _WIDTHS

    def __init__(self, marked: str, board: Board) -> None:
        super().__init__(board)
        charset = board.charset
        self.speeds = Speeds()
        self.note: Line = BLANK
        self.title_text = Painted(charset=charset, id="title")
        self.table = JobTable(charset=charset)
        self.table.wanted = marked

    def compose(self) -> ComposeResult:
        """Yield the title, the table and the keys."""
        yield self.title_text
        yield self.table
        yield self.keys
        yield self.too_small

    def read(self) -> Message:
        """Return the jobs as they stand; called on the source's thread."""
        return JobsRead(self.board.source.jobs(), self.board.now())

    def on_jobs_read(self, message: JobsRead) -> None:
        """Show what was read."""
        jobs = message.jobs
        self.table.show(jobs, self.speeds.read(message.at, jobs.rows), message.at)
        self._title(line((_counted(jobs), "dim")), self.note)
        self.show_keys()

    def on_delivered(self, message: Delivered) -> None:
        """Say what became of a command to a job that was left meanwhile."""
        self.note = line((message.text, message.tone))
        self.poll.ask_anew()

    def on_key(self) -> None:
        """Take away what was said last."""
        self.note = BLANK

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so; the next tick tries again."""
        self._title((), line((f"✕ {clean(message.reason)}", "error")))

    def _title(self, about: Line, below: Line = BLANK) -> None:
        self.title_text.paint([(*line(("batchtop", "strong")), *about), below])

    def does(self, action: str) -> bool:
        """Return whether a key does something now: without jobs there is none to open."""
        return action not in {"open", "cursor"} or bool(self.table.jobs)

    def action_cursor(self, step: int) -> None:
        """Mark the job above or below."""
        self.table.move(step)

    def action_page(self, step: int) -> None:
        """Mark the job a page further."""
        self.table.move(step * max(1, self.table.size.height - 1))

    def action_open(self) -> None:
        """Open the marked job."""
        job = self.table.marked_job()
        if job is not None:
            self.board.open("job", job.name)

    def on_job_picked(self, message: JobPicked) -> None:
        """Mark a clicked job, and open it when it was marked already."""
        if message.row == self.table.index:
            self.action_open()
        else:
            self.table.move(message.row - self.table.index)


def _eta_s(left: int | None, speed: float) -> float | None:
    return left / speed if left is not None and speed else None


def _counted(jobs: Jobs) -> str:
    """Return how many jobs there are, and how many of them an engine has, or should have, in hand."""
    active = sum(job.state in ACTIVE for job in jobs.rows)
    stand = f"{active} active" if jobs.engine or not active else f"{active} without an engine"
    return f"  {say.plural(len(jobs.rows), 'job')}, {stand}" if jobs.rows else ""
