"""The list of jobs in lines: the columns' names, one job, and the marked one in full."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from textual.geometry import Size

from ...engine.snapshot import EngineRow, JobRow
from ...engine.store.rates import BIN_S
from ...engine.text import clean
from ..figures.joblist import Entry, Order, Totals, ordered, stall_s
from ..words import format as say
from ..words.glyphs import Charset
from ..words.line import BLANK, Line, Span, crop, fit, line
from .jobcolumns import BY_NAME, NAME, SPARK, Column, layout, standing_span
from .markedlist import Row

_EMPTY: Final = (
    line(("No jobs here yet.", "strong")),
    BLANK,
    line(("batchtop run JOB.toml", "key"), "   runs a job file of your own"),
    line((f"{'batchtop demo':<21}", "key"), "   runs one that needs no key"),
)
_NEW: Final = line((f"{'n':<21}", "key"), "   makes one of a file, step by step")
_DEFAULT: Final = "active first"


def empty_lines(*, new: bool) -> Sequence[Line]:
    """Return what to do in a workspace without jobs; `new` says whether one can be made here."""
    return (*_EMPTY, _NEW) if new else _EMPTY


def arranged(entries: Sequence[Entry], order: Order) -> list[Entry]:
    """Return the entries in this order."""
    column = BY_NAME.get(order.column)
    return ordered(entries, column.value if column else None, falling=order.falling)


def next_order(order: Order, cells: int) -> Order:
    """Return the order by the next column in sight, in its own direction; behind the last one comes the usual one."""
    names = ["", *(column.name for column, _ in layout(cells) if column.value)]
    name = names[(names.index(order.column) + 1) % len(names)] if order.column in names else names[0]
    return Order(name, BY_NAME[name].falling if name else False)


def order_text(order: Order) -> str:
    """Return an order in words."""
    arrow = " " + _arrow(order) if order.column or order.falling else ""
    return f"by {order.column}{arrow}" if order.column else f"{_DEFAULT}{arrow}"


def _arrow(order: Order) -> str:
    return "▾" if order.falling else "▴"


def title_line(order: Order, cells: int) -> Line:
    """Return the names of the columns, with an arrow at the one that the list is ordered by."""
    spans: list[Span] = [("  ", "")]
    for column, room in layout(cells):
        chosen = column.name == order.column
        spans.append((_heading(column, room, _arrow(order) if chosen else ""), "strong" if chosen else "dim"))
    return tuple(spans)


def _heading(column: Column, cells: int, arrow: str) -> str:
    if column.name == SPARK:
        return f" {fit(_span_told(cells - 1), cells - 1)}"
    if not column.left:
        return f"{arrow + column.name:>{cells}}"
    gap = {NAME: "", "state": "", "model": "  "}.get(column.name, " ")
    return fit(f"{gap}{column.name}{arrow}", cells)


def _span_told(cells: int) -> str:
    return f"last {cells * BIN_S:g} s{'; ended: all of it' if cells >= 28 else ''}"


def job_line(entry: Entry, cells: int, charset: Charset, *, marked: bool) -> Line:
    """Return one job."""
    spans: list[Span] = [("▸ " if marked else "  ", "")]
    for column, room in layout(cells):
        drawn = column.draw(entry, room, charset)
        spans += _chosen(drawn) if marked and column.name == NAME else drawn
    return tuple(spans)


def _chosen(name: Line) -> Line:
    (text, _), *gap = name
    return ((text, "chosen"), *gap)


def rows_of(entries: Sequence[Entry], charset: Charset) -> list[Row]:
    """Return the rows of a list that marks one of them."""
    return [partial(_row, entry, charset) for entry in entries]


def _row(entry: Entry, charset: Charset, cells: int, marked: bool) -> Line:  # noqa: FBT001 - the list's call
    return job_line(entry, cells, charset, marked=marked)


def job_lines(entry: Entry, room: Size) -> Sequence[Line]:
    """Return a job in full: what has no room in its row."""
    job = entry.job
    reason = clean(job.reason)
    lines = (
        line((clean(job.name), "strong"), "  ", standing_span(entry), (f"  {reason}" if reason else "", "dim")),
        line(_counts(job)),
        line(_spending(job)),
        line(("  ".join(filter(None, map(clean, dict.fromkeys((job.model, job.task, job.url))))), "dim")),
        line((f"{clean(job.input)} → {clean(job.output) or 'no output file'}  {_times(entry)}", "dim")),
    )
    return [crop(each, room.width) for each in lines]


def _counts(job: JobRow) -> str:
    cached = f", {say.count(job.cached)} of them not asked" if job.cached else ""
    failed = f"{say.count(job.failed)} failed, {say.count(job.left)} left"
    so_far = " so far" if job.open else ""
    return f"{say.count(job.done)} of {say.plural(job.total, 'item')}{so_far} done{cached}, {failed}"


def _spending(job: JobRow) -> str:
    tokens = f"{say.count(job.tokens_in)} tokens in, {say.count(job.tokens_out)} out"
    return f"{say.plural(job.requests, 'request')}, {tokens}, {say.money(job.cost)}"


def _times(entry: Entry) -> str:
    job = entry.job
    began = f"started {say.moment(job.started_at)}" if job.started_at else f"made {say.moment(job.created_at)}"
    return f"{began}, ran {say.duration(job.active_s)}"


def job_text(entry: Entry) -> str:
    """Return a job's line for the clipboard, each number with its name."""
    job = entry.job
    ended = say.count(job.done + job.failed) if job.open else say.percent(job.done + job.failed, job.total)
    shares = f"{ended} of {say.plural(job.total, 'item')}{' so far' if job.open else ''}"
    speed = [f"{say.rate(entry.speed)} items/s"] if entry.speed is not None else []
    ahead = [f"ETA {say.duration(entry.eta_s)}"] if entry.eta_s is not None else []
    spent = [say.plural(job.requests, "request"), say.money(job.cost)]
    facts = [shares, f"{say.count(job.failed)} failed", *speed, *ahead, *spent]
    return clean(f"{job.name}: {entry.standing}, {', '.join(facts)}, {job.model or job.task}", 2_000)


def totals_texts(shown: Totals, jobs: int) -> tuple[str, ...]:
    """Return what the jobs shown, of so many, come to."""
    counts = say.plural(jobs, "job") if shown.jobs == jobs else f"{say.count(shown.jobs)} of {say.plural(jobs, 'job')}"
    speed = "" if shown.speed is None else f"{say.rate(shown.speed)} items/s"
    cost = "" if shown.cost is None else f"{say.money(shown.cost)}{' and more' if shown.unpriced else ''} in all"
    return f"{counts}, {say.count(shown.active)} active", speed, cost


def engine_span(engine: EngineRow | None, now: float, *, wanted: bool) -> Span:
    """Return which engine has the workspace, and whether it is well; that there is none matters to active jobs."""
    if engine is None:
        return ("✕ no engine", "error") if wanted else ("no engine", "dim")
    if silent_s := stall_s(engine, now):
        return f"✕ engine {engine.pid} stalled {int(silent_s)} s", "error"
    return f"engine {engine.pid}", "dim"
