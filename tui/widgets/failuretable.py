"""Failed items by cause, and those of one cause: lines of both."""

from typing import Final

from textual.geometry import Size

from ...engine.failures import Group, Grouped
from ...engine.outcome import RETRIED_BY_RERUN
from ...engine.store.results import Failed
from ...engine.text import clean
from ..words import format as say
from ..words.line import BLANK, Line, fit, line, middle, paragraph, width

_KIND: Final = 16
_ATTEMPTS_FROM: Final = 68
_ID_FROM: Final = 100
FIELDS_SHOWN: Final = 20_000


def group_title(cells: int) -> Line:
    """Return the names of the columns of causes."""
    attempts = f"{'attempts':>10}" if cells >= _ATTEMPTS_FROM else ""
    numbers = f"{'items':>10}{'share':>8}{attempts}"
    return line((f"  {fit('kind', _KIND)} {fit('message', _pattern_cells(cells))}{numbers}", "dim"))


def group_line(group: Group, failed: int, cells: int, marked: bool) -> Line:  # noqa: FBT001 - as a list draws its rows
    """Return one cause; `failed` is how many items have failed in all."""
    attempts = f"{say.amount(group.attempts):>10}" if cells >= _ATTEMPTS_FROM else ""
    return line(
        "▸ " if marked else "  ",
        (fit(say.words(group.kind), _KIND), "chosen" if marked else "strong"),
        " ",
        fit(_said(group.pattern), _pattern_cells(cells)),
        (f"{say.count(group.items):>10}", "error"),
        f"{say.percent(group.items, failed):>8}{attempts}",
    )


def group_lines(group: Group, room: Size) -> list[Line]:
    """Return a cause in full, and what becomes of it."""
    again = "a rerun tries them again" if group.kind in RETRIED_BY_RERUN else "a rerun leaves them out"
    head = f"{say.words(group.kind)}: {say.plural(group.items, 'item')}, {say.plural(group.attempts, 'attempt')}"
    return [line((head, "strong"), (f"  {again}", "dim")), *paragraph(f"e.g. {_said(group.message)}", *room)]


def item_title(cells: int) -> Line:
    """Return the names of the columns of items."""
    id_ = _id_cells(cells)
    return line((f"  {fit('item', id_)}{'attempts':>9}  message", "dim"))


def item_line(item: Failed, cells: int, marked: bool) -> Line:  # noqa: FBT001 - as a list draws its rows
    """Return one failed item."""
    id_ = _id_cells(cells)
    return line(
        "▸ " if marked else "  ",
        (middle(clean(item.key), id_), "chosen" if marked else "strong"),
        f"{say.count(item.attempts):>9}  ",
        fit(_said(item.message), max(0, cells - id_ - 13)),
    )


def item_lines(item: Failed, room: Size) -> list[Line]:
    """Return what an item was answered and what it consists of."""
    rest = line((f"  {say.plural(item.attempts, 'attempt')}", "dim"))
    head = line((middle(clean(item.key), room.width - width(rest)).rstrip(), "strong"), *rest)
    return [head, *paragraph(_said(item.message), *room), BLANK, *paragraph(fields_text(item), *room)]


def fields_text(item: Failed) -> str:
    """Return an item's fields as JSON on one line."""
    return clean(item.payload.decode(errors="replace"), FIELDS_SHOWN)


def group_text(group: Group) -> str:
    """Return a cause for the clipboard."""
    return (
        f"{say.words(group.kind)}: {_said(group.pattern)}\n"
        f"{say.plural(group.items, 'item')}, {say.plural(group.attempts, 'attempt')}\n"
        f"e.g. {_said(group.message)}"
    )


def item_text(item: Failed) -> str:
    """Return an item for the clipboard."""
    tries = say.plural(item.attempts, "attempt")
    return f"{clean(item.key)}: {_said(item.message)} ({tries})\n{fields_text(item)}"


def counted(found: Grouped) -> str:
    """Return how many items failed, of how many causes."""
    causes = say.plural(len(found.groups), "cause")
    others = f", {say.count(found.others)} items of smaller ones" if found.others else ""
    return f"{say.plural(found.items, 'item')} failed, {causes}{others}"


def _said(message: str) -> str:
    return clean(message) or "(no message)"


def _pattern_cells(cells: int) -> int:
    return max(8, cells - 3 - _KIND - 18 - (10 if cells >= _ATTEMPTS_FROM else 0))


def _id_cells(cells: int) -> int:
    return 36 if cells >= _ID_FROM else 16
