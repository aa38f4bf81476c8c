"""Where the time went: what the slots spent it on, in the last minute and in all, and what limits the job."""

import textwrap
from collections.abc import Sequence
from typing import Final

from textual.geometry import Size

from ...engine.slottime import shares
from ...engine.snapshot import Snapshot
from ..figures.series import LATELY_S, spent_lately
from ..words.limiting import limit_texts, percent, words_of
from ..words.line import BLANK, Line, fit, line
from .view import View

_NAME: Final = 18
_LATELY, _RUN = 6, 7
"""Cells of the two columns of shares."""
_LONGEST_BAR: Final = 30

Row = tuple[str, float, float]
"""What the time was spent on, and its share in the last minute and in all."""


def rows(snapshot: Snapshot) -> list[Row]:
    """Return the shares, the largest of the last minute first; those that round to the same keep their order."""
    lately, ever = dict(shares(spent_lately(snapshot))), dict(shares(snapshot.job.spent))
    each = [(words_of(what).name, lately.get(what, 0.0), ever.get(what, 0.0)) for what in sorted({*lately, *ever})]
    return sorted(each, key=lambda row: (-round(row[1], 2), -row[2]))


def table(snapshot: Snapshot, room: Size) -> list[Line]:
    """Return the shares as a table in so many lines; what has no room is summed up in the last."""
    found = rows(snapshot)
    if not found:
        return [line(("nothing sent yet", "dim"))]
    most = max(1, room.height - 1)
    if len(found) > most:
        rest = found[most - 1 :]
        found = [*found[: most - 1], (f"{len(rest)} more", sum(row[1] for row in rest), sum(row[2] for row in rest))]
    bar = max(0, min(_LONGEST_BAR, room.width - _NAME - _LATELY - _RUN))
    title = f"{f'last {LATELY_S:g} s':>{_NAME + bar + _LATELY}}{'run':>{_RUN}}"
    return [line((title, "dim")), *(_row(row, bar) for row in found)]


def _row(row: Row, bar: int) -> Line:
    name, lately, ever = row
    numbers = line((f"{percent(lately):>{_LATELY}}", "strong" if lately else "dim"), f"{percent(ever):>{_RUN}}")
    return (*line(fit(name, _NAME)), *_bar(lately, bar), *numbers)


def _bar(share: float, cells: int) -> Line:
    full, half = divmod(min(2 * cells, round(2 * cells * share)), 2)
    return line(("━" * full + "╸" * half, "one"), ("─" * (cells - full - half), "dim"))


def advice(snapshot: Snapshot, room: Size) -> list[Line]:
    """Return what limits the job and what would help, in as many words as have room in some lines."""
    most = 3 if room.height >= 11 else 2 if room.height >= 6 else 1
    wrapped = [_wrapped(text, max(10, room.width)) for text in limit_texts(snapshot)]
    told = next((lines for lines in wrapped if len(lines) <= most), wrapped[-1][:most] if wrapped else [])
    return [line((text, "strong")) for text in told]


def _wrapped(text: str, cells: int) -> list[str]:
    """Return a text in lines of so many cells; a number stays with its percent sign."""
    return [each.replace("\xa0", " ") for each in textwrap.wrap(text.replace(" %", "\xa0%"), cells)]


class TimeWent(View):
    """The table, and below it what limits the job."""

    DEFAULT_CSS = "TimeWent { height: 1fr; }"

    def lines_of(self, snapshot: Snapshot, room: Size) -> Sequence[Line]:
        """Return the table and the advice; a line between them where there is room."""
        below = advice(snapshot, room)
        above = table(snapshot, Size(room.width, room.height - len(below)))
        gap = [BLANK] if below and len(above) + len(below) < room.height else []
        return [*above, *gap, *below]
