"""Results in rows: when each came, of which item, how it ended, and how what it says begins."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from textual.geometry import Size

from ...engine.store.latest import Preview
from ...engine.text import clean
from ..words import format as say
from ..words.line import Line, Span, fit, line, middle, paragraph, width

_MARK: Final = 2
_NUMBERS: Final = re.compile(r"\[[-+.,0-9eE]+[\]…]?")
"""How a vector begins."""
_MIN_ID: Final = 24
"""So many cells of an id the detail has at least."""
_IDS: Final = ((160, 36), (120, 24), (76, 14), (0, 11))
"""How wide an id is, by the width of the list."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; a list with fewer cells than `since` goes without it."""

    title: str
    cells: int
    """Those of the gap behind it included."""
    since: int
    span: Callable[[Preview], Span]
    right: bool = False

    def fitted(self, text: str) -> str:
        """Return a text in exactly the column's cells."""
        if self.right:
            return f"{text:>{self.cells - 2}} "
        return middle(text, self.cells - 1) if self.title == "item" else fit(text, self.cells - 1)


def end_span(row: Preview) -> Span:
    """Return how a result ended, as a glyph and words."""
    if row.status == "failed":
        return f"✕ {say.words(row.outcome)}", "error"
    return ("✓ copied" if row.cached else "✓ done"), "ok"


def result_title(cells: int) -> Line:
    """Return the names of the columns."""
    titles = " ".join(column.fitted(column.title) for column in _columns(cells))
    return line((f"{'':{_MARK}}{titles} text", "dim"))


def result_line(row: Preview, cells: int, marked: bool) -> Line:  # noqa: FBT001 - as a list draws its rows
    """Return one result."""
    columns = _columns(cells)
    spans: list[Span] = [("▸ " if marked else "  ", "")]
    for column in columns:
        text, tone = column.span(row)
        spans.append((column.fitted(text), "chosen" if marked and column.title == "item" else tone))
        spans.append((" ", ""))
    return line(*spans, fit(row.text, max(0, cells - width(spans))))


def result_lines(row: Preview, room: Size) -> list[Line]:
    """Return a result as far as it is known here."""
    took = "no request" if row.cached else f"{say.plural(row.attempts, 'attempt')}, {say.latency(row.latency_ms)}"
    about = ", ".join(each for each in (say.moment(row.at), took, clean(row.model)) if each)
    rest = line("  ", end_span(row), (f"  {about}", "dim"))
    head = line((middle(clean(row.key), max(_MIN_ID, room.width - width(rest))).rstrip(), "strong"), *rest)
    text = row.text.replace(",", ", ") if _NUMBERS.fullmatch(row.text) else row.text
    return [head, *paragraph(text or "(empty)", *room)]


def _columns(cells: int) -> Sequence[Column]:
    made = (
        Column("when", 9, 0, lambda row: (say.clock(row.at), "dim")),
        Column("item", next(wide for since, wide in _IDS if cells >= since) + 1, 0, _id),
        Column("status", 10, 0, _short_end) if cells < 72 else Column("status", 17 if cells < 92 else 18, 0, end_span),
        Column("tries", 7, 92, lambda row: ("-" if row.cached else say.count(row.attempts), ""), right=True),
        Column("latency", 10, 76, lambda row: ("-" if row.cached else say.latency(row.latency_ms), ""), right=True),
        Column("model", 21, 140, lambda row: (clean(row.model), "dim")),
    )
    return [column for column in made if cells >= column.since]


def _id(row: Preview) -> Span:
    return clean(row.key), "strong"


def _short_end(row: Preview) -> Span:
    return ("✕ failed", "error") if row.status == "failed" else end_span(row)
