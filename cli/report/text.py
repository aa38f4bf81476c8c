"""A report as text: rows, tables and charts that fit a width, in colour or plain."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...engine.text import clean
from ...tui.words.format import count
from ...tui.words.glyphs import SUBSTITUTES, Charset
from ..table import new_table
from . import account as told
from .account import Account
from .charts import Canvas, charts

CHANGES_SHOWN: Final = 30
MESSAGE_CHARS: Final = 160
WHO_FROM: Final = 80
_INDENT: Final = "  "
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")
_FRAME: Final = str.maketrans({"┌": "+", "┐": "+", "└": "+", "┘": "+", "┬": "+", "┴": "+", "├": "+", "┊": ":"})


@dataclass(frozen=True, slots=True)
class Look:
    """What a text may look like."""

    width: int
    colour: bool
    charset: Charset


def report_text(account: Account, look: Look) -> str:
    """Return the whole report."""
    text = "\n".join(_lines(account, look))
    if not look.colour:
        text = _ESCAPE.sub("", text)
    if look.charset == "ascii":
        text = text.translate(_FRAME)
    return "\n".join(line.rstrip() for line in text.translate(SUBSTITUTES[look.charset]).splitlines())


def _lines(account: Account, look: Look) -> Iterator[str]:
    yield from wrap(clean(account.job.name), look.width)
    for name, value in told.rows(account):
        yield from _row(name, value, look.width)
    for title, chart in charts(account.timeline, _canvas(look)):
        yield from ("", *wrap(title, look.width), chart)
    if messages := told.failure_cells(account, MESSAGE_CHARS):
        yield "\nwhy items failed, the most frequent messages"
        yield _table(("ITEMS", "KIND", "MESSAGE"), messages, look.width)
    yield from _changes(account, look.width)
    yield from _settings(account, look.width)


def _canvas(look: Look) -> Canvas:
    if look.charset == "ascii":
        return Canvas(look.width, "*", "#", ":")
    return Canvas(look.width, "braille" if look.charset == "braille" else "█", "█", "┊")


def _row(name: str, value: str, width: int) -> list[str]:
    head = f"{_INDENT}{name:<10} "
    together = value.replace(" %", "\u00a0%")  # a number's unit does not begin a line
    lines = wrap(together, width, initial_indent=head, subsequent_indent=" " * len(head))
    return [line.replace("\u00a0", " ") for line in lines] or [head]


def _changes(account: Account, width: int) -> Iterator[str]:
    turns = account.timeline.turns
    if not turns:
        return
    yield ""
    yield from wrap(
        "settings changed; items/s and errors in the minute before → after, or up to the next change", width
    )
    numbered = list(enumerate(map(told.turn_cells, turns), start=1))[-CHANGES_SHOWN:]
    if len(numbered) < len(turns):
        yield f"the last {CHANGES_SHOWN} of {count(len(turns))}"
    columns = ("", "AFTER", "SETTING", "ITEMS/S", "ERRORS", "WHO")
    shown = len(columns) if width >= WHO_FROM else -1  # who it was is the first to go
    cells = [(str(number), after, what, speed, bad, who)[:shown] for number, (after, who, what, speed, bad) in numbered]
    yield _table(columns[:shown], cells, width, whole=(1, 3, 4))


def _settings(account: Account, width: int) -> Iterator[str]:
    yield ""
    yield "settings in force"
    yield _table(("SETTING", "VALUE", "FROM"), told.settings(account), width)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int, whole: Sequence[int] = (0,)) -> str:
    """Return a table; the columns in `whole` are not broken into lines."""
    table: Table = new_table(*columns)
    for column in whole:
        table.columns[column].no_wrap = True
    for cells in rows:
        table.add_row(*map(Text, cells))
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")
