"""Lanes in rows: how each stands, what it allows and is used of it, and what it did for the job."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from rich.cells import cell_len

from ...engine.snapshot import LaneState
from ...engine.text import clean
from ..words import format as say
from ..words.lane import Total, countdown, fullest, standing, total_of
from ..words.line import BLANK, Line, Span, Tone, crop, first_fit, fit, line, spread, width
from .lanes import STATE_CELLS, gauge, state_cell, states_of, tail

_GAUGE: Final = 6
_NAME_CHARACTERS: Final = 400
"""So much is shown at most of a name that somebody made very long."""
_TOKENS: Final = ("TPM", "TPM in", "TPM out")


@dataclass(frozen=True, slots=True)
class Column:
    """One column, a gap at its left included; a list with fewer cells than `since` goes without it."""

    title: str
    cells: int
    since: int
    show: Callable[[LaneState], Line]


@dataclass(frozen=True, slots=True)
class LaneTable:
    """The rows of some lanes: by what names, and at which moment; where the job is `over`, nothing of them holds."""

    names: Mapping[str, str]
    now: float
    over: bool

    def title(self, cells: int) -> Line:
        """Return the names of the columns."""
        numbers = "".join(f"{column.title:>{column.cells}}" for column in _columns(cells, self.now))
        return line((f"  {fit('state', STATE_CELLS)} {fit('lane', self._name_cells(cells))}{numbers}", "dim"))

    def row(self, lane: LaneState, cells: int, marked: bool) -> Line:  # noqa: FBT001 - as a list draws its rows
        """Return one lane."""
        name = tail(_name(self.names[lane.name]), self._name_cells(cells))
        state, named = state_cell(lane), line((name, "chosen" if marked else "strong"))
        parts = (_right(column.show(lane), column.cells) for column in _columns(cells, self.now))
        shown: Line = (*state, (" ", ""), *named, *(span for part in parts for span in part))
        return (("▸ " if marked else "  ", ""), *(faint(shown) if self.over or not lane.enabled else shown))

    def _name_cells(self, cells: int) -> int:
        """Return the cells of a name: no more than the longest needs."""
        left = cells - 2 - STATE_CELLS - 1 - sum(column.cells for column in _columns(cells, self.now))
        longest = max(cell_len(_name(name)) for name in self.names.values())
        return max(8, min(left, longest))


def faint(spans: Iterable[Span]) -> Line:
    """Return the spans so that nothing of them stands out, but what is marked."""
    return tuple((text, tone if tone == "chosen" else "dim") for text, tone in spans)


def totals_line(lanes: Sequence[LaneState], word: str, requests: int, cells: int) -> Line:
    """Return how many lanes stand in each way, or a `word` instead, and what all of them did for the job.

    Where that is over and had more `requests` than its lanes know of, as after a crash, both are told.
    """
    about = line((word, "warn")) if word else states_of(lanes)
    total = total_of(lanes)
    told = [line(text) for text in _totals(total, requests if word and requests > total.requests else 0)]
    return spread(about, first_fit(told, max(cells - width(about) - 2, width(told[-1]))), cells)


def _totals(total: Total, of_requests: int) -> tuple[str, ...]:
    of = f"{say.count(total.requests)} of " if of_requests else ""
    requests, cost = of + say.plural(of_requests or total.requests, "request"), say.money(total.cost)
    tokens = f"{say.amount(total.tokens_in)} tokens in, {say.amount(total.tokens_out)} out"
    return f"all: {requests}  {tokens}  {cost}", f"{requests}  {tokens}  {cost}", f"{requests}  {cost}"


# ── columns ──


def _columns(cells: int, now: float) -> list[Column]:
    made = (
        Column("requests/min", 14, 0, _rpm),
        Column("", 7, 70, _rpm_gauge),
        Column("tokens/min", 16, 107, _tokens),
        Column("", 7, 146, _tokens_gauge),
        Column("least left", 14, 93, _least_left),
        Column("reset", 8, 0, partial(_reset, now=now)),
        Column("429s", 7, 0, lambda lane: _counted(lane.hits_429, "error" if lane.hits_429 else "dim")),
        Column("requests", 9, 70, lambda lane: _counted(lane.requests)),
        Column("tokens in", 10, 138, lambda lane: _counted(lane.tokens_in)),
        Column("tokens out", 11, 138, lambda lane: _counted(lane.tokens_out)),
        Column("cost", 10, 117, lambda lane: line("-" if lane.cost is None else say.money(lane.cost))),
    )
    return [column for column in made if cells >= column.since]


def _name(name: str) -> str:
    return clean(name, _NAME_CHARACTERS)


def _right(part: Line, cells: int) -> Line:
    kept = crop(part, cells - 1)
    return line(" " * (cells - width(kept)), *kept)


def _counted(number: int, tone: Tone = "") -> Line:
    return line((say.amount(number), tone))


def _rpm(lane: LaneState) -> Line:
    limit = f"/{say.amount(lane.rpm_limit)}" if lane.rpm_limit else ""
    return line(say.amount(lane.rpm_used), (limit, "dim"))


def _rpm_gauge(lane: LaneState) -> Line:
    return gauge(lane.rpm_used, lane.rpm_limit, _GAUGE) if lane.rpm_limit else BLANK


def _tokens(lane: LaneState) -> Line:
    """Return the tokens of which the least is left: all of them, or those in or out."""
    name, used, limit = fullest(lane, *_TOKENS) or ("", lane.tpm_used, 0)
    which = name.removeprefix("TPM").strip()
    return line(
        (f"{which} " if which else "", "dim"), say.short(used), (f"/{say.short(limit)}" if limit else "", "dim")
    )


def _tokens_gauge(lane: LaneState) -> Line:
    full = fullest(lane, *_TOKENS)
    return gauge(full[1], full[2], _GAUGE) if full else BLANK


def _least_left(lane: LaneState) -> Line:
    """Return what is left of the quota that is used most."""
    full = fullest(lane)
    if full is None:
        return line(("-", "dim"))
    name, used, limit = full
    return line(say.amount(max(0, limit - used)), (f" {name}", "dim"))


def _reset(lane: LaneState, now: float) -> Line:
    waits = countdown(lane, now).rpartition(" in ")[2]
    return line((waits or "-", "warn" if waits and standing(lane) != "open" else "dim"))
