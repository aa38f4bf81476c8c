"""All jobs of the workspace; Enter opens one."""

from collections import deque
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.screen import Screen

from ...engine.snapshot import ACTIVE, JobRow
from ...engine.text import clean
from .. import format as say
from ..actions import bindings
from ..line import BLANK, Line, line
from ..messages import JobPicked, JobsRead, ReadFailed
from ..widgets.jobtable import JobTable
from ..widgets.keybar import KeyBar
from ..widgets.painted import Painted
from ..widgets.toosmall import TooSmall
from .polling import Poll

if TYPE_CHECKING:
    from ..app import Dashboard

_SPEED_S: Final = 10.0
_WIDTHS: Final = [(0, "-tiny"), (60, "-narrow")]


class Speeds:
    """How fast each job went lately, told from how far it was at each reading."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, dict[int, int]]] = deque()

    def read(self, at: float, jobs: tuple[JobRow, ...]) -> dict[int, float]:
        """Take a reading, and return items a second by job id; jobs seen for less than a second have none."""
        ended = {job.id: job.done + job.failed for job in jobs if job.state in ACTIVE}
        self._readings.append((at, ended))
        while len(self._readings) > 1 and self._readings[0][0] < at - _SPEED_S:
            self._readings.popleft()
        since, before = self._readings[0]
        passed = at - since
        return {id_: (n - before[id_]) / passed for id_, n in ended.items() if id_ in before} if passed >= 1 else {}


class JobsScreen(Screen[None], inherit_bindings=False):
    """The list of jobs."""

    CSS_PATH = "jobs.tcss"
    BINDINGS = bindings("jobs")
    HORIZONTAL_BREAKPOINTS = _WIDTHS

    def __init__(self, app: "Dashboard", marked: str = "") -> None:
        super().__init__(classes=f"-{app.charset}")
        self.board = app
        source, now = app.source, app.now
        self.poll = Poll(self, app.thread, source.jobs, lambda jobs: JobsRead(jobs, now()))
        self.speeds = Speeds()
        self.title_text = Painted(charset=app.charset, id="title")
        self.table = JobTable(charset=app.charset)
        self.table.wanted = marked
        self.keys, self.too_small = KeyBar(charset=app.charset), TooSmall(charset=app.charset)

    def compose(self) -> ComposeResult:
        """Yield the title, the table and the keys."""
        yield self.title_text
        yield self.table
        yield self.keys
        yield self.too_small

    def on_mount(self) -> None:
        """Read at once, and then twice a second."""
        self.poll.start()

    def on_screen_suspend(self) -> None:
        """Stand still under the help or the palette."""
        self.poll.pause()

    def on_screen_resume(self) -> None:
        """Go on."""
        self.poll.resume()

    def on_resize(self) -> None:
        """Fill the key bar anew, once it has its size."""
        self.call_after_refresh(self.keys.show)

    def on_jobs_read(self, message: JobsRead) -> None:
        """Show what was read."""
        self.table.show(message.jobs, self.speeds.read(message.at, message.jobs), message.at)
        active = sum(job.state in ACTIVE for job in message.jobs)
        count = f"  {say.plural(len(message.jobs), 'job')}, {active} active" if message.jobs else ""
        self._title(line((count, "dim")))
        self.keys.show()

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say so; the next tick tries again."""
        self._title((), line((f"✕ {clean(message.reason)}", "error")))

    def _title(self, about: Line, below: Line = BLANK) -> None:
        self.title_text.paint([(*line(("batchtop", "strong")), *about), below])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - textual's name
        """Return whether a key does something now: without jobs there is none to open."""
        return action not in {"open", "cursor"} or bool(self.table.jobs)

    def action_cursor(self, step: int) -> None:
        """Mark the job above or below."""
        self.table.move(step)

    def action_open(self) -> None:
        """Open the marked job."""
        job = self.table.marked_job()
        if job is not None:
            self.board.open_job(job.name)

    def on_job_picked(self, message: JobPicked) -> None:
        """Mark a clicked job, and open it when it was marked already."""
        if message.row == self.table.index:
            self.action_open()
        else:
            self.table.move(message.row - self.table.index)
