"""Changes of settings in rows, and one of them in full: how the job went in the minute before and after."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Final

from textual.geometry import Size

from ...engine.settings import DIALS
from ...engine.text import clean
from .. import format as say
from ..limiting import percent
from ..line import Line, crop, fit, line
from ..turns import Pace, Turn
from .dials import name_of, value_of

_LEAST_CHANGE: Final = 26
"""Cells that a change needs before there is room for one more number."""
_FIRST_CELLS: Final = 22
_NUMBER: Final = 8
_PAIR: Final = 2 * _NUMBER + 3
_NUMBERS_CELLS: Final = 41

Figure = Callable[[Pace], str]
FIGURES: Final[tuple[tuple[str, Figure], ...]] = (
    ("items/s", lambda pace: say.rate(pace.items_per_s)),
    ("errors", lambda pace: "-" if pace.error_share is None else percent(pace.error_share)),
    ("p50", lambda pace: say.latency(pace.p50_ms)),
    ("$/1,000", lambda pace: say.money(pace.usd_per_1000) if pace.usd_per_1000 else "-"),
)
"""What a job is judged by; a cost of nothing is one that no price is known for."""
_WORDS: Final = {"p50": "latency p50", "$/1,000": "cost of 1,000"}


def turn_title(cells: int) -> Line:
    """Return the names of the columns."""
    numbers = "".join(f"  {name:^{_PAIR}}" for name, _ in _figures(cells))
    return line((f"  {fit('when', 10)}{fit('who', 10)}{fit('change', _change_cells(cells))}{numbers}", "dim"))


def turn_line(turn: Turn, cells: int, *, marked: bool) -> Line:
    """Return one turn: when, who, what, and how it went before and after."""
    return (
        *line("▸ " if marked else "  ", (fit(say.clock(turn.at), 10), "chosen" if marked else "")),
        *line((f"{fit(clean(turn.who), 9)} ", "dim"), fit(_change(turn), _change_cells(cells))),
        *(span for _, figure in _figures(cells) for span in line("  ", *_pair(turn, figure))),
    )


def turn_lines(turn: Turn, room: Size) -> list[Line]:
    """Return a turn in full: the numbers at left, every change at right, or as many as have room."""
    numbers = [line((f"{'':<15}{'before':>13}{'after':>13}", "dim")), *(_number_line(turn, *each) for each in FIGURES)]
    changes = _cut([clean(f"{say.moment(turn.at)} by {turn.who}"), *change_texts(turn)], room.height)
    return [
        crop((*(left or line(" " * _NUMBERS_CELLS)), *line("     ", right or "")), room.width)
        for left, right in zip_longest(numbers, changes, fillvalue=None)
    ]


def turn_text(turn: Turn) -> str:
    """Return a turn for the clipboard."""
    numbers = ", ".join(f"{_WORDS.get(name, name)} {each(turn.before)} → {each(turn.after)}" for name, each in FIGURES)
    return clean(f"{say.moment(turn.at)} {turn.who}: {', '.join(change_texts(turn))}; {numbers}", 2_000)


def change_texts(turn: Turn) -> list[str]:
    """Return each setting with its value before and after."""
    return [change_text(key, old, new) for key, (old, new) in turn.step.items()]


def change_text(key: str, old: float, new: float) -> str:
    """Return a change as `delay 0.5 s → 0 s`."""
    if key not in DIALS:
        return clean(f"{key} {old:g} → {new:g}")
    before, after = value_of(key, old), value_of(key, new)
    unit = after.partition(" ")[2]
    return f"{name_of(key)} {before.removesuffix(f' {unit}') if unit else before} → {after}"


def _change(turn: Turn) -> str:
    first, *others = change_texts(turn)
    return f"{first} +{len(others)}" if others else first


def _figures(cells: int) -> Sequence[tuple[str, Figure]]:
    return FIGURES[: max(1, (cells - _FIRST_CELLS - _LEAST_CHANGE) // (_PAIR + 2))]


def _change_cells(cells: int) -> int:
    return max(10, cells - _FIRST_CELLS - (_PAIR + 2) * len(_figures(cells)))


def _pair(turn: Turn, figure: Figure) -> Line:
    return line(f"{figure(turn.before):>{_NUMBER}}", (" → ", "dim"), f"{figure(turn.after):<{_NUMBER}}")


def _number_line(turn: Turn, name: str, figure: Figure) -> Line:
    return line((f"{_WORDS.get(name, name):<15}", "dim"), f"{figure(turn.before):>13}", f"{figure(turn.after):>13}")


def _cut(texts: list[str], most: int) -> list[str]:
    """Return as many texts as have room, and how many have not."""
    return texts if len(texts) <= most else [*texts[: most - 1], f"and {len(texts) - most + 1} more"]
