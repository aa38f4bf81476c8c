"""The columns of the list of jobs: what stands in each, how wide it is, and what an order by it goes by."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from ...engine.snapshot import JobState
from ...engine.text import clean
from ..figures.joblist import Entry, Value
from ..words import format as say
from ..words.glyphs import Charset
from ..words.line import Line, Span, fit, line
from ..words.sparks import spark, stretched
from .header import bar, state_span

Cell: TypeAlias = Callable[[Entry, int, Charset], Line]
"""Draws an entry's part into exactly so many cells."""

MARK: Final = 2
_NAME_FIRST: Final = 20
"""No further column comes in while the name has less."""
_NAME_THEN: Final = 32
"""From so many on, others grow."""
_STATES: Final = {state: rank for rank, state in enumerate(JobState)}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. The gap to the one before belongs to it."""

    name: str
    cells: int
    draw: Cell
    value: Callable[[Entry], Value] | None = None
    """What an order goes by; None where there is none."""
    falling: bool = True
    """Whether an order begins with the most."""
    place: int = 0
    """The lower, the sooner there is room for it; 0: always."""
    most: int = 0
    """How wide it may grow."""
    left: bool = False
    """Whether it begins at its left side."""


def standing_span(entry: Entry) -> Span:
    """Return how a job stands as a glyph and a word in its colour."""
    return (f"✕ {entry.trouble}", "error") if entry.trouble else state_span(entry.job.state)


def _number(text: Callable[[Entry], str]) -> Cell:
    return lambda entry, cells, _: line(f"{text(entry):>{cells}}")


def _name(entry: Entry, cells: int, _: Charset) -> Line:
    return line((fit(clean(entry.job.name), cells - 1), ""), " ")


def _state(entry: Entry, cells: int, _: Charset) -> Line:
    text, tone = standing_span(entry)
    return line((f"{text:<{cells}}", tone))


def _bar(entry: Entry, cells: int, _: Charset) -> Line:
    return line(" ", *bar(entry.job, cells - 1))


def _failed(entry: Entry, cells: int, _: Charset) -> Line:
    return line((f"{say.amount(entry.job.failed):>{cells}}", "error" if entry.job.failed else "dim"))


def _spark(entry: Entry, cells: int, charset: Charset) -> Line:
    if entry.rates is None:
        return line(" " * cells)
    each, room = entry.rates.each, cells - 1
    values = each[-room:] if entry.rates.lately else stretched(each, room)
    return line((" " + spark(values, charset).rjust(room), "one" if entry.rates.lately else "dim"))


def _model(entry: Entry, cells: int, _: Charset) -> Line:
    return line("  ", (fit(clean(entry.job.model), cells - 2), "dim"))


def _share(entry: Entry) -> float | None:
    job = entry.job
    return (job.done + job.failed) / job.whole if job.whole else None


def _speed(entry: Entry, cells: int, _: Charset) -> Line:
    return line((f"{say.rate(entry.speed):>{cells}}", "" if entry.active else "dim"))


def _done(entry: Entry) -> str:
    return say.percent(entry.job.done + entry.job.failed, entry.job.whole)


def _cost(entry: Entry) -> str:
    return "-" if entry.job.cost is None else say.money(entry.job.cost)


NAME: Final = "name"
SPARK: Final = "lately"
COLUMNS: Final = (
    Column("state", 12, _state, lambda each: -1 if each.trouble else _STATES[each.job.state], falling=False, left=True),
    Column(NAME, 8, _name, lambda each: clean(each.job.name).casefold(), falling=False, left=True),
    Column("progress", 13, _bar, place=4, most=41, left=True),
    Column("done", 7, _number(_done), _share),
    Column("items/s", 9, _speed, lambda each: each.speed),
    Column(SPARK, 11, _spark, place=1, most=31, left=True),
    Column("failed", 8, _failed, lambda each: each.job.failed),
    Column(
        "requests", 10, _number(lambda each: say.amount(each.job.requests)), lambda each: each.job.requests, place=6
    ),
    Column("cost", 11, _number(_cost), lambda each: each.job.cost, place=3),
    Column("ETA", 9, _number(lambda each: say.duration(each.eta_s)), lambda each: each.eta_s, falling=False),
    Column("age", 9, _number(lambda each: say.duration(each.age_s)), lambda each: each.age_s, falling=False, place=2),
    Column("model", 20, _model, lambda each: clean(each.job.model).casefold(), falling=False, place=5, left=True),
)
BY_NAME: Final = {column.name: column for column in COLUMNS}


@cache
def layout(cells: int) -> tuple[tuple[Column, int], ...]:
    """Return the columns that have room in so many cells, each with its width; the same for every row."""
    widths = {column.name: column.cells for column in COLUMNS if not column.place}
    room = cells - MARK - sum(widths.values()) + widths[NAME]
    for column in sorted((each for each in COLUMNS if each.place), key=lambda each: each.place):
        if room - column.cells < _NAME_FIRST:
            break
        widths[column.name], room = column.cells, room - column.cells
    for column in reversed(COLUMNS):
        if column.most and column.name in widths:
            more = min(column.most - column.cells, max(0, room - _NAME_THEN))
            widths[column.name], room = column.cells + more, room - more
    widths[NAME] = max(BY_NAME[NAME].cells, room)
    return tuple((column, widths[column.name]) for column in COLUMNS if column.name in widths)
