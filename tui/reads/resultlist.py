"""The newest results of a job, as a list that new ones are added to. Pure."""

from dataclasses import dataclass
from typing import Final

from ...engine.snapshot import JobRow
from ...engine.store.latest import Latest
from ..words import format as say

RESULTS_SHOWN: Final = 200
"""Results in the list; an export has them all."""

_NEXT: Final = {None: False, False: True, True: None}
_NOUN: Final = {None: "result", False: "answer", True: "failure"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results are listed."""

    find: str = ""
    """A text they have in their id, output or message."""
    failed: bool | None = None
    """Only failures, or only answers."""

    @property
    def turned(self) -> "Wanted":
        """All of them, only answers, only failures: the next of these."""
        return Wanted(self.find, _NEXT[self.failed])

    @property
    def noun(self) -> str:
        """What one of them is."""
        return _NOUN[self.failed]


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a job was when its results were read."""

    run: tuple[int, float, float | None]
    """Which run of which job it is."""
    done: int
    failed: int

    @property
    def ended(self) -> int:
        """Items that had ended."""
        return self.done + self.failed

    def goes_on_from(self, before: "Stand") -> bool:
        """Return whether results only came to those there were."""
        return self.run == before.run and self.done >= before.done and self.failed >= before.failed


def stand_of(row: JobRow) -> Stand:
    """Return how far a job is."""
    return Stand((row.id, row.created_at, row.started_at), row.done, row.failed)


def with_new(before: Latest, new: Latest) -> Latest:
    """Return a list with those that came since; an item has one line, its newest."""
    keys = {row.key for row in new.rows}
    rows = (*new.rows, *(row for row in before.rows if row.key not in keys))[:RESULTS_SHOWN]
    looked_at = new.looked_at + before.looked_at
    return Latest(rows, new.seq, looked_at, before.whole) if new.whole else new


def told(found: Latest, wanted: Wanted, ended: int) -> str:
    """Return what was found where; `ended` is how many items had ended then."""
    number, everything = len(found.rows), say.plural(ended, "result")
    what = say.count(number) if wanted.find and wanted.failed is None else say.plural(number, wanted.noun)
    is_found = " found" if wanted.find else ""
    if number >= RESULTS_SHOWN:
        return f"the newest {what}{is_found}" if wanted != Wanted() else f"the newest {number} of {everything}"
    if not found.whole:
        return f"{what}{is_found} in the newest {say.plural(found.looked_at, 'result')}"
    return what if wanted == Wanted() else f"{what}{is_found} in all {everything}"
