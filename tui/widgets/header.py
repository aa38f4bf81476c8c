"""The top of a job's screen: what it is, how it stands, how far it is."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import JobRow, JobState, Snapshot
from ...engine.text import clean
from .. import format as say
from ..line import Line, Span, Tone, first_fit, join, line, spread, width
from ..series import eta_s, is_live, stale
from .view import View

STATES: Final[dict[JobState, tuple[str, Tone]]] = {
    JobState.QUEUED: ("○", "dim"),
    JobState.LOADING: ("◐", "one"),
    JobState.RUNNING: ("●", "ok"),
    JobState.PAUSED: ("‖", "warn"),
    JobState.DRAINING: ("▽", "warn"),
    JobState.FINISHED: ("✓", "ok"),
    JobState.DRAINED: ("◇", "warn"),
    JobState.CANCELLED: ("✕", "warn"),
    JobState.STOPPED: ("■", "error"),
}


def state_span(state: JobState) -> Span:
    """Return a state as a glyph and a word in its colour."""
    glyph, tone = STATES[state]
    return f"{glyph} {state}", tone


def bar(job: JobRow, cells: int) -> Line:
    """Return the progress as a bar: done, failed, left."""
    if not job.total:
        return line(("─" * cells, "dim"))
    full, half = divmod(2 * cells * (job.done + job.failed) // job.total, 2)
    failed = min(full, -(-cells * job.failed // job.total))
    end = "╸" if half else ""
    parts: tuple[Span, ...] = (
        ("━" * (full - failed) + ("" if failed else end), "one"),
        ("━" * failed + (end if failed else ""), "error"),
        ("─" * (cells - full - half), "dim"),
    )
    return line(*parts)


def header(snapshot: Snapshot, cells: int, trouble: str = "") -> tuple[Line, ...]:
    """Return the four lines; `trouble` takes the place of the last one."""
    job = snapshot.job
    return _title(snapshot, cells), _progress(snapshot, cells), _counts(job, cells), _about(job, cells, trouble)


def _title(snapshot: Snapshot, cells: int) -> Line:
    state: Line = (state_span(snapshot.job.state),)
    warning = stale(snapshot)
    right = join(((("✕ " + warning, "error"),) if warning else (), state))
    return spread(line((clean(snapshot.job.name), "strong")), right, cells)


def _progress(snapshot: Snapshot, cells: int) -> Line:
    job = snapshot.job
    share = say.percent(job.done + job.failed, job.total)
    eta = f"  ETA {say.duration(eta_s(snapshot)):<7}" if is_live(snapshot) else ""
    right = line((f" {share:>7}", "strong"), eta)
    return (*bar(job, max(0, cells - width(right))), *right)


def _counts(job: JobRow, cells: int) -> Line:
    failed: Tone = "error" if job.failed else "dim"
    share = f" ({say.percent(job.failed, job.done + job.failed)})" if job.failed else ""
    done: Span = (say.count(job.done), "strong")
    left: Span = (say.count(job.left), "strong")
    passed, cost = say.duration(job.active_s), say.money(job.cost)
    counts = line(done, (" done  ", "dim"), (f"{say.count(job.failed)} failed{share}  ", failed))
    counts = (*counts, *line(left, (" left", "dim")))
    ends = [line(("elapsed ", "dim"), passed, "  ", cost), line(passed, "  ", cost)]
    room = cells - width(counts) - 2
    return spread(counts, first_fit(ends, room), cells) if room >= width(ends[-1]) else spread(counts, (), cells)


def _about(job: JobRow, cells: int, trouble: str) -> Line:
    if trouble:
        return spread(line(("✕ " + clean(trouble), "error")), (), cells)
    facts = line(("  ".join(clean(part) for part in (job.model, job.task, job.url) if part), "dim"))
    if not job.reason:
        return spread(facts, (), cells)
    reason = line((clean(job.reason), STATES[job.state][1]))
    return spread(reason, facts if width(reason) + width(facts) + 2 <= cells else (), cells)


class Header(View):
    """The four lines, and what went wrong with reading, if anything did."""

    DEFAULT_CSS = "Header { height: 4; padding: 0 1; }"

    trouble: str = ""

    def fail(self, name: str, trouble: str) -> None:
        """Say what is wrong with reading the job."""
        self.trouble = trouble
        if self.snapshot is None:
            self.paint([line((clean(name), "strong")), line(), line(("✕ " + clean(trouble), "error"))])
        self.redraw()

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the header's lines."""
        return header(snapshot, room.width, self.trouble)
