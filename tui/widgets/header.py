"""The top of a job's screen: what it is, how it stands, how far it is."""

from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import JobRow, JobState, Snapshot
from ...engine.text import clean
from .. import format as say
from ..limiting import idle, limit_texts, silence
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


def header(snapshot: Snapshot, cells: int, trouble: str = "", *, limit: bool = True) -> tuple[Line, ...]:
    """Return the four lines; `trouble` takes the place of the last one, which may tell what limits the job."""
    last = _trouble(trouble, cells) if trouble else _about(snapshot, cells, limit=limit)
    return _title(snapshot, cells), _progress(snapshot, cells), _counts(snapshot.job, cells), last


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


def _trouble(trouble: str, cells: int) -> Line:
    return spread(line(("✕ " + clean(trouble), "error")), (), cells)


def _about(snapshot: Snapshot, cells: int, *, limit: bool) -> Line:
    """Return what stands in the job's way, if anything does, and what the job is: as much of both as has room."""
    job = snapshot.job
    parts = [clean(part) for part in (job.model, job.task, job.url) if part]
    facts = [line(("  ".join(parts[:count]), "dim")) for count in range(len(parts), 0, -1)]
    told = [line((text, tone)) for text, tone in _in_the_way(snapshot, limit=limit)]
    if not told:
        return spread(first_fit(facts, cells) if facts else (), (), cells)
    rooms = [(each, fact) for each in told for fact in facts if width(each) + width(fact) + 2 <= cells]
    return spread(*(rooms[0] if rooms else (first_fit(told, cells), ())), cells)


def _in_the_way(snapshot: Snapshot, *, limit: bool) -> list[Span]:
    """Return what to say of a job that is not simply on its way, the longest telling first."""
    silent = silence(snapshot)
    if snapshot.job.reason and not silent:
        return [(clean(snapshot.job.reason), STATES[snapshot.job.state][1])]
    if told := silent or idle(snapshot):
        return [("▲ " + told, "warn")]
    return [(text, "") for text in limit_texts(snapshot)] if limit else []


class Header(View):
    """The four lines, and what went wrong with reading, if anything did."""

    DEFAULT_CSS = "Header { height: 4; padding: 0 1; }"

    trouble: str = ""
    limit: bool = True
    """Whether the last line tells what limits the job; not where a panel does."""

    def fail(self, name: str, trouble: str) -> None:
        """Say what is wrong with reading the job."""
        self.trouble = trouble
        if self.snapshot is None:
            self.paint([line((clean(name), "strong")), line(), line(("✕ " + clean(trouble), "error"))])
        self.redraw()

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the header's lines."""
        return header(snapshot, room.width, self.trouble, limit=self.limit)
