"""What the engine takes of its machine: processor, memory, connections, and whether it keeps up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from textual.geometry import Size

from ...engine.limits.memory import SOFT
from ...engine.snapshot import Sample, Snapshot
from ...engine.store.writer import BACKLOG_LIMIT
from ..figures.binned import frame, levels, span_shown
from ..figures.series import RECENT_S, is_live, recent, stale
from ..words import format as say
from ..words.glyphs import Charset
from ..words.line import BLANK, Line, join, line
from ..words.sparks import spark
from .lanes import gauge
from .view import View

LAG_MS: Final = 100.0
"""A loop that is later than this slows down all that it does."""
_NAME, _NUMBER, _UNIT = 12, 6, 12
"""Cells of the columns before the small charts."""
_LEAST_CHART: Final = 6


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that an engine uses: how a sample has it, and how it is told."""

    name: str
    pick: Callable[[Sample], float]
    told: Callable[[float], str]
    """Number and unit, with a space between them."""
    least: float
    """The scale of its small chart reaches this value at least."""
    short: str
    cells: int
    """How it is called where there is little room, and how many cells its number has there."""
    peak: bool = False
    """Whether the highest of the last seconds counts, not the last."""


def _number_of(unit: str) -> Callable[[float], str]:
    return lambda number: f"{say.count(number)} {unit}"


CPU: Final = Use("CPU", lambda sample: sample.cpu, lambda share: f"{100 * share:.0f} % of a core", 1.0, "CPU", 3)
MEMORY: Final = Use("memory", lambda sample: sample.rss_mb, _number_of("MB"), 1.0, "RSS", 5)
CONNECTIONS: Final = Use("connections", lambda sample: sample.connections, _number_of("open"), 1.0, "conn", 3)
LAG: Final = Use("loop lag", lambda sample: sample.lag_ms, say.latency, 20.0, "lag", 4, peak=True)
BACKLOG: Final = Use("backlog", lambda sample: sample.backlog, _number_of("results"), 20.0, "backlog", 5, peak=True)
USES: Final = (CPU, MEMORY, CONNECTIONS, LAG, BACKLOG)


def value_of(snapshot: Snapshot, use: Use) -> float | None:
    """Return how much is used now, the most in what was read of a job that is over, None where nobody tells."""
    live = is_live(snapshot)
    if not snapshot.samples or (live and stale(snapshot)):
        return None
    lately = recent(snapshot, RECENT_S) if use.peak else ()
    return max(map(use.pick, (lately or snapshot.samples[-1:]) if live else snapshot.samples))


def troubles(snapshot: Snapshot) -> dict[str, str]:
    """Return what the engine does not keep up with, in words, by the name of what it uses."""
    if not is_live(snapshot) or stale(snapshot):
        return {}
    lag, memory, backlog = (value_of(snapshot, use) or 0.0 for use in (LAG, MEMORY, BACKLOG))
    limit = snapshot.dials.settings.memory
    found = (
        (MEMORY, limit and memory >= SOFT * limit, f"memory is short: {say.count(memory)} of {say.count(limit)} MB"),
        (BACKLOG, backlog >= BACKLOG_LIMIT, f"the disk is slow: {say.count(backlog)} results wait to be written"),
        (LAG, lag > LAG_MS, f"the engine is busy: its loop was {say.latency(lag)} late"),
    )
    return {use.name: told for use, bad, told in found if bad}


def brief(snapshot: Snapshot) -> Line:
    """Return all of it on one line, each number with cells of its own, so that nothing moves."""
    bad = troubles(snapshot)
    return join(_brief(use, value_of(snapshot, use), bad=use.name in bad) for use in USES)


def _brief(use: Use, value: float | None, *, bad: bool) -> Line:
    number, unit = _told(use, value)
    unit = "" if use in {CONNECTIONS, BACKLOG} else f" {unit.partition(' ')[0]}"
    return line((f"{use.short} ", "dim"), (f"{number:>{use.cells}}", "warn" if bad else ""), (unit, "dim"))


def _told(use: Use, value: float | None) -> tuple[str, str]:
    number, _, unit = (use.told(value) if value is not None else "-").partition(" ")
    return number, unit


def table(snapshot: Snapshot, room: Size, charset: Charset) -> list[Line]:
    """Return a line for each, how much of the memory's limit is used, and what the engine does not keep up with."""
    bad, live = troubles(snapshot), is_live(snapshot)
    chart = room.width - _NAME - _NUMBER - _UNIT - 1
    shown = f"{'last 5 min' if snapshot.course else span_shown(snapshot):>{chart}}" if chart >= 10 else ""
    title = line((f"{'' if live else 'peak':>{_NAME + _NUMBER}}{'':{_UNIT + 1}}{shown}", "dim"))
    rows = [_row(snapshot, use, chart, charset, bad=use.name in bad) for use in USES]
    rows.insert(2, _of_limit(snapshot, chart, bad=MEMORY.name in bad))
    told = [line((f"▲ {each}", "warn")) for each in bad.values()]
    return [title, *rows, *([BLANK, *told] if len(rows) + len(told) + 1 < room.height else told)]


def _row(snapshot: Snapshot, use: Use, chart: int, charset: Charset, *, bad: bool) -> Line:
    number, unit = _told(use, value_of(snapshot, use))
    drawn = small_chart(snapshot, use, chart, charset) if chart >= _LEAST_CHART else ""
    head = line(f"{use.name:<{_NAME}}", (f"{number:>{_NUMBER}} ", "warn" if bad else "strong"))
    return (*head, *line((f"{unit:<{_UNIT}}", "dim"), (drawn, "one")))


def small_chart(snapshot: Snapshot, use: Use, cells: int, charset: Charset) -> str:
    """Return how it went in the time that the charts show, as far as there are samples of it."""
    points = levels(snapshot.samples, frame(replace(snapshot, course=None), cells), use.pick)
    return spark((*points, use.least), charset)[:-1]


def _of_limit(snapshot: Snapshot, chart: int, *, bad: bool) -> Line:
    """Return how much of the memory's limit is used."""
    limit, value = snapshot.dials.settings.memory, value_of(snapshot, MEMORY)
    if not limit or value is None:
        return line((f"{'':<{_NAME + 1}}{'of no limit' if not limit else ''}", "dim"))
    share = f"{100 * value / limit:>{_NUMBER}.0f} "
    of = f"{f'% of {say.count(limit)}':<{_UNIT}}"
    bar = gauge(round(value), limit, chart) if chart >= _LEAST_CHART else ()
    return (*line(" " * _NAME, (share, "warn" if bad else ""), (of, "dim")), *bar)


class Resources(View):
    """The table."""

    DEFAULT_CSS = "Resources { height: 1fr; }"

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the table."""
        return table(snapshot, room, self.charset)
