"""The top of a job's screen: what it is, how it stands, how far it is, and why it goes no further."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import ACTIVE, JobRow, JobState, Snapshot
from ...engine.text import clean
from ..figures.series import STALE_S, eta_s, is_live, stale
from ..words import format as say
from ..words.limiting import idle, limit_texts, silence
from ..words.line import Line, Span, Tone, first_fit, join, line, spread, width
from ..words.wrapping import in_rows
from .resources import brief, troubles
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


_REASON_ROWS: Final = ((34, 8), (24, 5), (0, 3))
"""So many lines of a reason there are at most, by the height of the terminal."""
_WHERE: Final = (" where it stopped", "")


def state_span(state: JobState) -> Span:
    """Return a state as a glyph and a word in its colour."""
    glyph, tone = STATES[state]
    return f"{glyph} {state}", tone


def bar(job: JobRow, cells: int) -> Line:
    """Return the progress as a bar: done, failed, left."""
    if not job.whole:
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


@dataclass(frozen=True, slots=True)
class Said:
    """What the header says besides the snapshot."""

    trouble: str = ""
    """What is wrong with reading the job; it takes the place of the last line."""
    age_s: int = 0
    """How old the snapshot is; up to `STALE_S` that goes without saying."""
    limit: bool = True
    """Whether to tell what limits the job; not where a panel does."""
    resources: bool = True
    """Whether to tell what the engine uses; not where a panel does."""
    past: str = ""
    """Which moment of the past is told of."""
    read_only: bool = False


def header(snapshot: Snapshot, cells: int, said: Said, rows: int = 1) -> tuple[Line, ...]:
    """Return the four lines; a reason that is longer than one has up to so many `rows`."""
    above = _title(snapshot, cells, said), _progress(snapshot, cells), _counts(snapshot.job, cells)
    if said.trouble:
        return *above, *in_rows("✕ " + clean(said.trouble), "error", cells, rows)
    reason = _reason(snapshot)
    if reason and width((reason,)) > cells:
        return *above, *in_rows(*reason, cells, rows)
    return *above, _about(snapshot, cells, said)


def _title(snapshot: Snapshot, cells: int, said: Said) -> Line:
    state: Line = (state_span(snapshot.job.state),)
    if said.past:
        state = join((line((said.past, "chosen")), state))
    old = f"as of {say.duration(said.age_s)} ago" if said.age_s > STALE_S and not said.trouble else ""
    warning = old or stale(snapshot)
    lock = line(("read only", "dim")) if said.read_only else ()
    right = join((lock, line((f"✕ {warning}", "error")) if warning else (), state))
    return spread(line((clean(snapshot.job.name), "strong")), right, cells)


def _progress(snapshot: Snapshot, cells: int) -> Line:
    job = snapshot.job
    share = "so far" if job.open else say.percent(job.done + job.failed, job.total)
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


def _about(snapshot: Snapshot, cells: int, said: Said) -> Line:
    """Return what stands in the job's way, if anything does, and what the job is: as much of both as has room.

    What the engine uses stands at the end where nothing is in the way.
    """
    job = snapshot.job
    parts = [clean(part) for part in dict.fromkeys((job.model, job.task, job.url)) if part]
    facts = [line(("  ".join(parts[:count]), "dim")) for count in range(len(parts), 0, -1)]
    told = [line((text, tone)) for text, tone in _in_the_way(snapshot, limit=said.limit)]
    if not told:
        uses = brief(snapshot) if said.resources and is_live(snapshot) and snapshot.samples else ()
        fits = facts and width(facts[0]) + width(uses) + 3 <= cells
        return spread(first_fit(facts, cells) if facts else (), uses if fits else (), cells)
    rooms = [(each, fact) for each in told for fact in facts if width(each) + width(fact) + 2 <= cells]
    return spread(*(rooms[0] if rooms else (first_fit(told, cells), ())), cells)


def _in_the_way(snapshot: Snapshot, *, limit: bool) -> list[Span]:
    """Return what to say of a job that is not simply on its way, the longest telling first."""
    if snapshot.job.state in ACTIVE and snapshot.engine is None:
        return [(f"▲ its engine is gone: run the job again, and it goes on{where}", "warn") for where in _WHERE]
    if reason := _reason(snapshot):
        return [reason]
    if told := silence(snapshot) or idle(snapshot) or next(iter(troubles(snapshot).values()), ""):
        return [("▲ " + told, "warn")]
    return [(text, "") for text in limit_texts(snapshot)] if limit else []


def _reason(snapshot: Snapshot) -> Span | None:
    """Return why a job stands as it does, where its engine has said so, and a silence does not say more."""
    gone = snapshot.job.state in ACTIVE and snapshot.engine is None
    if not snapshot.job.reason or gone or silence(snapshot):
        return None
    return clean(snapshot.job.reason), STATES[snapshot.job.state][1]


class Header(View):
    """The four lines, and what went wrong with reading, if anything did; more where a reason takes them."""

    DEFAULT_CSS = "Header { height: 4; padding: 0 1; }"

    said = Said()

    @property
    def trouble(self) -> str:
        """What went wrong with reading."""
        return self.said.trouble

    def say(self, said: Said) -> None:
        """Say this from now on."""
        if said != self.said:
            self.said = said
            self.redraw()

    def fail(self, name: str, trouble: str) -> None:
        """Say what is wrong with reading the job."""
        self.said = replace(self.said, trouble=trouble)
        if self.snapshot is None:
            self.paint([line((clean(name), "strong")), line(), line(("✕ " + clean(trouble), "error"))])
        self.redraw()

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the header's lines, and make room for them."""
        height = self.app.size.height  # pyright: ignore[reportUnknownMemberType] - any app
        rows = next(rows for least, rows in _REASON_ROWS if height >= least)
        lines = header(snapshot, room.width, self.said, rows)
        if self.styles.height is None or self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        return lines
