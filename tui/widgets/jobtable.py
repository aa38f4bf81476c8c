"""All jobs of a workspace, one a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from textual import events

from ...engine.snapshot import ACTIVE, JobRow
from ...engine.text import clean
from .. import format as say
from ..line import BLANK, Line, fit, line
from ..messages import JobPicked
from ..source import Jobs
from .header import bar, state_span
from .painted import Painted

EMPTY = (
    line(("No jobs here yet.", "strong")),
    BLANK,
    line(("batchtop run JOB.toml", "key"), "   runs a job of your own"),
    line(("batchtop demo", "key"), "           runs one that needs no key"),
)
_BAR: Final = 20
_BAR_FROM: Final = 110
_AGE: Final = 9
_AGE_FROM: Final = 66
"""Cells from which on there is room for a job's age."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job goes, in items a second, and the seconds it needs for the rest, where that can be told."""

    speed: float
    eta_s: float | None


def title_line(cells: int) -> Line:
    """Return the names of the columns."""
    spare = fit("progress", _BAR + 1) if cells >= _BAR_FROM else ""
    age = f"{'age':>{_AGE}}" if cells >= _AGE_FROM else ""
    numbers = f"{'done':>7}{'items/s':>9}{'failed':>9}{'ETA':>9}{age}"
    return line((f"  {fit('job', _name_cells(cells))} {'state':<11} {spare}{numbers}", "dim"))


def _name_cells(cells: int) -> int:
    others = 2 + 13 + 7 + 27 + (_AGE if cells >= _AGE_FROM else 0) + (_BAR + 1 if cells >= _BAR_FROM else 0)
    return max(8, cells - others)


def job_line(job: JobRow, pace: Pace | None, now: float, cells: int, *, alive: bool, marked: bool) -> Line:
    """Return one job; `alive` says whether an engine lives that may have it in hand."""
    glyph, tone = state_span(job.state) if alive or job.state not in ACTIVE else ("✕ no engine", "error")
    known = pace if alive and job.state in ACTIVE else None
    rate, eta = (say.rate(known.speed), say.duration(known.eta_s)) if known else ("-", "-")
    age = f"{say.duration(now - (job.started_at or job.created_at)):>{_AGE}}" if cells >= _AGE_FROM else ""
    spare = (*bar(job, _BAR), *line(" ")) if cells >= _BAR_FROM else ()
    return (
        *line("▸ " if marked else "  ", (fit(clean(job.name), _name_cells(cells)), "chosen" if marked else ""), " "),
        *line((f"{glyph:<11} ", tone)),
        *spare,
        *line(f"{say.percent(job.done + job.failed, job.total):>7}{rate:>9}"),
        *line((f"{say.count(job.failed):>9}", "error" if job.failed else ""), f"{eta:>9}{age}"),
    )


class JobTable(Painted):
    """The list, with one job marked."""

    jobs: tuple[JobRow, ...] | None = None
    alive: bool = False
    paces: Mapping[int, Pace] = {}
    now: float = 0.0
    index: int = 0
    wanted: str = ""
    """The job to mark first."""

    def show(self, jobs: Jobs, paces: Mapping[int, Pace], now: float) -> None:
        """Draw these jobs; the marked one stays marked when others come before it."""
        marked = self.marked_job()
        wanted = self.wanted if marked is None else marked.name
        self.jobs, self.alive, self.paces, self.now = jobs.rows, jobs.engine is not None, paces, now
        kept = next((i for i, job in enumerate(jobs.rows) if job.name == wanted), self.index)
        self.index = min(kept, max(0, len(jobs.rows) - 1))
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
            job_line(job, self.paces.get(job.id), self.now, width, alive=self.alive, marked=i == self.index)
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
