"""Changes of settings in rows, and one of them in full: how the job went in the minute before and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from textual.geometry import Size

from ...engine.text import clean
from ..figures.turns import Pace, Turn
from ..words import format as say
from ..words.dial import change_text
from ..words.limiting import percent
from ..words.line import Line, crop, fit, line, width

_LEAST_CHANGE: Final = 26
"""Cells that a change needs before there is room for one more number."""
_WHEN: Final = 13
"""Cells of the mark and the time."""
_NARROW: Final = 70
_ARROW: Final = " → "
_TOO_EARLY: Final = "too early"
"""Said once of what came of a change, in place of its figures, until there is enough to judge by."""
_TOO_SHORT: Final = "too short"
"""Said where there never will be, as the next change came, or the job ended, before."""

Figure = Callable[[Pace], str]
FIGURES: Final[tuple[tuple[str, Figure], ...]] = (
    ("items/s", lambda pace: say.rate(pace.items_per_s)),
    ("errors", lambda pace: "-" if pace.error_share is None else percent(pace.error_share)),
    ("p50", lambda pace: say.latency(pace.p50_ms)),
    ("$/1,000", lambda pace: say.money(pace.usd_per_1000) if pace.usd_per_1000 else "-"),
)
"""What a job is judged by; a cost of nothing is one that no price is known for."""
_WORDS: Final = {"p50": "latency p50", "$/1,000": "cost of 1,000"}


@dataclass(frozen=True, slots=True)
class Columns:
    """How many cells each column has, and how many numbers have room."""

    who: int
    change: int
    number: int
    figures: Sequence[tuple[str, Figure]]


def columns(cells: int) -> Columns:
    """Return the columns of a list so wide; where there is little room, who made a change is told below it alone."""
    who, number = (10, 8) if cells >= _NARROW else (0, 6)
    pair = 2 * number + len(_ARROW) + 2
    figures = FIGURES[: max(1, (cells - _WHEN - who - _LEAST_CHANGE) // pair)]
    return Columns(who, max(10, cells - _WHEN - who - pair * len(figures)), number, figures)


def turn_title(cells: int) -> Line:
    """Return the names of the columns."""
    table = columns(cells)
    pair = 2 * table.number + len(_ARROW)
    numbers = "".join(f"  {name:^{pair}}" for name, _ in table.figures)
    return line((f"{'  when':<{_WHEN}}{fit('who', table.who)}{fit('change', table.change)}{numbers}", "dim"))


def turn_line(turn: Turn, cells: int, *, marked: bool, good: bool) -> Line:
    """Return one turn: when, who, what, and how it went before and after; a `good` one has a mark."""
    table = columns(cells)
    who = f"{fit(clean(turn.who), table.who - 1)} " if table.who else ""
    return (
        *line("▸ " if marked else "  ", (fit(say.clock(turn.at), 9), "chosen" if marked else "")),
        *line(("✓ " if good else "  ", "ok"), (who, "dim"), fit(_change(turn, table.change), table.change)),
        *(span for _, figure in table.figures for span in line("  ", *_pair(turn, figure, table.number))),
    )


def turn_lines(turn: Turn, room: Size, *, good: bool) -> list[Line]:
    """Return a turn in full: the numbers at left, every change at right, or as many as have room."""
    narrow = room.width < _NARROW
    number, gap = (len(_TOO_EARLY), "  ") if narrow else (13, "     ")
    title = line((f"{'':<15}{'before':>{number}}{'after':>{number}}", "dim"))
    left = [title, *(_number_line(turn, *each, number) for each in FIGURES)]
    beside = max(10, room.width - width(title) - len(gap))
    when = f"{say.clock(turn.at) if narrow else say.moment(turn.at)} by {turn.who}"
    led_to = ["led to what did well"] if good else []
    told = [clean(when), *led_to, *(change_text(*each, beside) for each in _steps(turn))]
    return [
        crop((*(each or line(" " * width(title))), *line(gap, right or "")), room.width)
        for each, right in zip_longest(left, _cut(told, room.height), fillvalue=None)
    ]


def turn_text(turn: Turn) -> str:
    """Return a turn for the clipboard."""
    numbers = ", ".join(f"{_WORDS.get(name, name)} {each(turn.before)} → {each(turn.after)}" for name, each in FIGURES)
    came = numbers if turn.after.tells else f"{_untold(turn)} to tell what came of it"
    return clean(f"{say.moment(turn.at)} {turn.who}: {', '.join(change_texts(turn))}; {came}", 2_000)


def change_texts(turn: Turn) -> list[str]:
    """Return each setting with its value before and after."""
    return [change_text(*each) for each in _steps(turn)]


def _steps(turn: Turn) -> list[tuple[str, float, float]]:
    return [(key, old, new) for key, (old, new) in turn.step.items()]


def _change(turn: Turn, cells: int) -> str:
    first, *others = _steps(turn)
    more = f" +{len(others)}" if others else ""
    return f"{change_text(*first, cells - len(more))}{more}"


def _pair(turn: Turn, figure: Figure, cells: int) -> Line:
    if not turn.after.tells:
        told = _untold(turn) if figure is FIGURES[0][1] else ""
        return line((f"{told:^{2 * cells + len(_ARROW)}}", "dim"))
    return line(f"{figure(turn.before):>{cells}}", (_ARROW, "dim"), f"{figure(turn.after):<{cells}}")


def _number_line(turn: Turn, name: str, figure: Figure, cells: int) -> Line:
    before, after = figure(turn.before), figure(turn.after)
    if not turn.after.tells:
        after = _untold(turn) if figure is FIGURES[0][1] else ""
    return line((f"{_WORDS.get(name, name):<15}", "dim"), f"{before:>{cells}}", f"{after:>{cells}}")


def _untold(turn: Turn) -> str:
    return _TOO_SHORT if turn.over else _TOO_EARLY


def _cut(texts: list[str], most: int) -> list[str]:
    """Return as many texts as have room, and how many have not."""
    return texts if len(texts) <= most else [*texts[: most - 1], f"and {len(texts) - most + 1} more"]
