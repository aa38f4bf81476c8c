"""The newest results of a job, looked through backwards in pages, so that no read is long however many there are."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from ..text import clean
from ..vector import beginning, is_packed
from .readable import readable
from .results import JOINED, STANDS

MOST_LOOKED_AT: Final = 200_000
"""Results that are looked at for one view."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""And so much of their outputs, where something is to be found in them."""
SHOWN_CHARACTERS: Final = 300
SEARCHED_BYTES: Final = 100_000
"""So much of an output is searched."""

_SHOWN_BYTES: Final = 2_000
_FIRST_ROWS: Final = 200
_PAGE_ROWS: Final = 2_000
_PAGE_BYTES: Final = 8 * 1024 * 1024
_END: Final = 2**63 - 1
_IN_VECTORS: Final = frozenset("0123456789.,-+e[]")
"""What the JSON text of a vector is made of."""


class Preview(NamedTuple):
    """One result, as a line of a list."""

    seq: int
    """Its number in the order of the commits."""
    key: str
    """The item's id as JSON text."""
    status: str
    """`done` or `failed`."""
    outcome: str
    text: str
    """How the output begins, or the message of a failure, on one line and without control characters."""
    attempts: int
    latency_ms: float
    at: float
    """Seconds since the epoch."""
    model: str
    """The model that answered, where it was not the job's own."""
    cached: bool


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest results that were wanted, and how far back was looked for them."""

    rows: tuple[Preview, ...]
    """The newest first."""
    seq: int
    """The newest result there was, wanted or not: what comes `after_seq` is new."""
    looked_at: int
    """Results that were looked at."""
    whole: bool
    """Whether those were all there are, or all after the one that was asked for."""


def latest(
    db: sqlite3.Connection,
    job: int,
    *,
    most: int = 200,
    after_seq: int = 0,
    find: str = "",
    failed: bool | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Latest:
    """Return the newest results that count, at most `most`, none up to number `after_seq`.

    With `find` they are those whose id, output or message has this text, in upper or lower case; with `failed` either
    the failures or the answers. Looks until it has enough or has looked at enough, or `stop` says so.
    """
    search = _Search(db, job, failed=failed, needle=find.casefold())
    rows: list[Preview] = []
    before, newest, looked_at = _END, after_seq, 0
    while len(rows) < most and looked_at < MOST_LOOKED_AT and search.bytes < MOST_BYTES and not stop():
        numbers = search.numbers(after_seq, before, MOST_LOOKED_AT - looked_at)
        if not numbers:
            break
        newest = max(newest, numbers[0])
        rows += islice(search.hits(numbers), most - len(rows))
        before = rows[-1].seq if len(rows) == most else numbers[-1]
        looked_at += sum(number >= before for number in numbers)
    return Latest(tuple(rows), newest, looked_at, whole=not search.numbers(after_seq, before, 1))


class _Search:
    """Reads pages of results, of fewer rows where those are large."""

    def __init__(self, db: sqlite3.Connection, job: int, *, failed: bool | None, needle: str) -> None:
        self._db = db
        self._job = job
        self._needle = needle
        self._of_numbers = _IN_VECTORS.issuperset(needle)
        self._most_bytes = SEARCHED_BYTES if needle else _SHOWN_BYTES
        self._rows = _FIRST_ROWS
        self.bytes = 0
        """So much was read."""
        stands = f"({STANDS[False]} OR {STANDS[True]})" if failed is None else STANDS[failed]
        self._query = f"""SELECT seq, key, status, outcome, attempts, latency_ms, at, model, cached,
            substr(coalesce(output, message, ''), 1, {self._most_bytes})
            {JOINED} WHERE results.job = ? AND seq BETWEEN ? AND ? AND {stands} ORDER BY seq DESC"""

    def numbers(self, after: int, before: int, most: int) -> Sequence[int]:
        """Return the numbers of the next results that are older than `before`, at most `most`, the newest first."""
        query = "SELECT seq FROM results WHERE job = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        return [seq for (seq,) in self._db.execute(query, (self._job, after, before, min(most, self._rows)))]

    def hits(self, numbers: Sequence[int]) -> Iterator[Preview]:
        """Return those among these results that are wanted."""
        rows = self._db.execute(self._query, (self._job, numbers[-1], numbers[0])).fetchall()
        size = sum(len(row[-1]) for row in rows)
        self.bytes += size
        if size:  # of a page without any that counts nothing is known
            self._rows = min(_PAGE_ROWS, max(1, _PAGE_BYTES * len(rows) // size))
        return filter(None, map(self._preview, rows))

    def _preview(self, row: tuple[Any, ...]) -> Preview | None:
        seq, key, status, outcome, attempts, latency_ms, at, model, cached, said = row
        if self._needle and not self._is_in(said) and self._needle not in _plain(key):
            return None
        shown = clean(self._text(said), SHOWN_CHARACTERS)
        return Preview(seq, key, status, outcome, shown, attempts, latency_ms, at, model, bool(cached))

    def _is_in(self, said: str | bytes) -> bool:
        if isinstance(said, bytes) and is_packed(said) and not self._of_numbers:
            return False  # found without writing its digits
        return self._needle in self._text(said).casefold()

    def _text(self, said: str | bytes) -> str:
        return said if isinstance(said, str) else readable(beginning(said, cut=len(said) == self._most_bytes))


def _plain(key: str) -> str:
    return readable(key.encode()).casefold()
