"""All jobs of a workspace, one a line."""

from collections.abc import Mapping, Sequence

from textual import events

from ...engine.snapshot import ACTIVE, JobRow
from ...engine.text import clean
from .. import format as say
from ..line import BLANK, Line, fit, line
from ..messages import JobPicked
from .header import bar, state_span
from .painted import Painted

EMPTY = (
    line(("No jobs here yet.", "strong")),
    BLANK,
    line(("batchtop run JOB.toml", "key"), "   runs a job of your own"),
    line(("batchtop demo", "key"), "           runs one that needs no key"),
)
_BAR = 20


def title_line(cells: int) -> Line:
    """Return the names of the columns."""
    spare = fit("progress", _BAR + 1) if cells >= 110 else ""
    return line((f"  {fit('job', _name_cells(cells))} {'state':<11} {spare}{'done':>7}{_numbers_title()}", "dim"))


def _numbers_title() -> str:
    return f"{'items/s':>9}{'failed':>9}{'ETA':>9}{'age':>9}"


def _name_cells(cells: int) -> int:
    return max(8, cells - 2 - 13 - 7 - 36 - (_BAR + 1 if cells >= 110 else 0))


def job_line(job: JobRow, speed: float | None, now: float, cells: int, *, marked: bool) -> Line:
    """Return one job."""
    glyph, tone = state_span(job.state)
    live = job.state in ACTIVE
    eta = say.duration(job.left / speed) if live and speed else "-"
    age = say.duration(now - (job.started_at or job.created_at))
    spare = (*bar(job, _BAR), *line(" ")) if cells >= 110 else ()
    return (
        *line("▸ " if marked else "  ", (fit(clean(job.name), _name_cells(cells)), "chosen" if marked else ""), " "),
        *line((f"{glyph:<11} ", tone)),
        *spare,
        *line(f"{say.percent(job.done + job.failed, job.total):>7}", f"{say.rate(speed) if live else '-':>9}"),
        *line((f"{say.count(job.failed):>9}", "error" if job.failed else ""), f"{eta:>9}{age:>9}"),
    )


class JobTable(Painted):
    """The list, with one job marked."""

    jobs: tuple[JobRow, ...] | None = None
    speeds: Mapping[int, float] = {}
    now: float = 0.0
    index: int = 0
    wanted: str = ""
    """The job to mark first."""

    def show(self, jobs: tuple[JobRow, ...], speeds: Mapping[int, float], now: float) -> None:
        """Draw these jobs; the marked one stays marked when others come before it."""
        marked = self.marked_job()
        wanted = self.wanted if marked is None else marked.name
        self.jobs, self.speeds, self.now = jobs, speeds, now
        kept = next((i for i, job in enumerate(jobs) if job.name == wanted), self.index)
        self.index = min(kept, max(0, len(jobs) - 1))
        self.redraw()

    def marked_job(self) -> JobRow | None:
        """Return the marked job, if there is any."""
        return self.jobs[self.index] if self.jobs else None

    def move(self, step: int) -> None:
        """Mark the job above or below."""
        self.index = min(max(self.index + step, 0), max(0, len(self.jobs or ()) - 1))
        self.redraw()

    def redraw(self) -> None:
        """Draw what is known."""
        if self.jobs is None:
            return
        width = self.size.width
        self.paint([title_line(width), *self._rows(self.jobs, width)] if self.jobs else EMPTY)

    def _first(self) -> int:
        return max(0, self.index - max(1, self.size.height - 1) + 1)

    def _rows(self, jobs: tuple[JobRow, ...], width: int) -> Sequence[Line]:
        return [
            job_line(job, self.speeds.get(job.id), self.now, width, marked=i == self.index)
            for i, job in enumerate(jobs)
        ][self._first() :]

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Mark the job under the pointer, or open it when it is marked."""
        row = event.y - 1 + self._first()
        if event.y > 0 and row < len(self.jobs or ()):
            self.post_message(JobPicked(row))
