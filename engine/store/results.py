"""The results that count: what output files, exports and the view of failures are made of."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from ..vector import is_packed, json_of
from .payloads import OF_ITEM

Order: TypeAlias = Literal["completed", "input"]

PAGE_ROWS: Final = 1_000
FIELDS_BYTES: Final = 20_000
"""So much of an item's fields is read for a look at it."""
STEPS_BETWEEN_LOOKS: Final = 1_000
"""Steps of SQLite's machine, far less than a millisecond."""

# Results lead and items follow by row: an answer counts where it is to the item as it is now, which has ended with it.
JOINED: Final = "FROM results CROSS JOIN items ON items.row = item AND items.digest = results.digest"
STANDS: Final = {
    False: "outcome = 'ok' AND status = 'done'",
    True: "outcome <> 'ok' AND status = 'failed'",
}
"""What holds besides of a result that counts, by whether it is a failure."""
_COLUMNS: Final = (
    "seq, items.key, outcome, coalesce(output, x''), coalesce(message, ''), attempts, finish_reason, model"
)


class Result(NamedTuple):
    """How an item ended, good or bad."""

    seq: int
    """Its number in the order of the commits."""
    key: str
    """The item's id as JSON text."""
    outcome: str
    output: bytes
    """JSON text, or a packed vector; empty for a failure."""
    message: str
    attempts: int
    finish_reason: str
    model: str
    payload: bytes
    """The item's fields as a JSON object, empty where they were not asked for."""

    def line(self) -> bytes:
        """Return its line of the output or the failures file, with the item's fields where they were asked for."""
        if self.outcome == "ok":
            line = output_line(self.key, self.output, self.finish_reason, self.model)
        else:
            line = failure_line(self.key, self.outcome, self.message, self.attempts)
        return b'%b,"input":%b}\n' % (line[:-2], self.payload) if self.payload else line


class Failures(NamedTuple):
    """The items that failed with the very same message."""

    kind: str
    message: str
    items: int
    attempts: int
    """Tries of all of them together."""
    seq: int
    """The number of one of them."""


class Failed(NamedTuple):
    """One item that failed."""

    key: str
    """The item's id as JSON text."""
    message: str
    attempts: int
    payload: bytes
    """The item's fields as a JSON object, of a long one the beginning."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which results of a job are wanted, and in which order."""

    job: int
    failed: bool = False
    order: Order = "completed"
    with_input: bool = False


class Results:
    """Reads results, page by page, so that neither memory nor the log of the database grows with their number."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @contextmanager
    def one_moment(self) -> Generator[None]:
        """Have all reads in here see the workspace as it is now; a running engine's log grows meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def lines(self, job: int, *, after: int = 0, failed: bool = False) -> Iterator[tuple[int, bytes]]:
        """Yield each result behind number `after` with its line of the output (or of the failures) file.

        Answers to what is no longer in the input, or was asked otherwise, are left out.
        """
        for page in self._completed(Selection(job, failed), after):
            for result in page:
                yield result.seq, result.line()

    def pages(self, wanted: Selection) -> Iterator[list[Result]]:
        """Yield the results of a selection in its order."""
        return self._by_input(wanted) if wanted.order == "input" else self._completed(wanted)

    def _completed(self, wanted: Selection, after: int = 0) -> Iterator[list[Result]]:
        query = f"""SELECT {_columns(wanted)} {JOINED} WHERE results.job = ? AND seq > ? AND {STANDS[wanted.failed]}
            ORDER BY seq LIMIT {PAGE_ROWS}"""
        last = after
        while rows := self._db.execute(query, (wanted.job, last)).fetchall():
            yield list(map(Result._make, rows))
            last = rows[-1][0]

    def _by_input(self, wanted: Selection) -> Iterator[list[Result]]:
        """Have SQLite sort the numbers alone, on disk where they are many, and read what belongs to them by pages.

        Items of one row of the input are its chunks, whose ids end in their numbers.
        """
        numbers = self._db.execute(
            f"SELECT seq {JOINED} WHERE results.job = ? AND {STANDS[wanted.failed]} ORDER BY line, length(key), key",
            (wanted.job,),
        )
        query = f"""SELECT {_columns(wanted)} FROM json_each(?) AS number CROSS JOIN results ON seq = number.value
            CROSS JOIN items ON items.row = item ORDER BY number.key"""
        while some := numbers.fetchmany(PAGE_ROWS):
            rows = self._db.execute(query, (msgspec.json.encode([seq for (seq,) in some]).decode(),))
            yield list(map(Result._make, rows))

    def ends_in_vector(self, job: int) -> bool:
        """Return whether the newest answer of a job is a packed vector: then all are, or were as JSON text."""
        query = f"""SELECT coalesce(output, x'') {JOINED} WHERE results.job = ? AND {STANDS[False]}
            ORDER BY seq DESC LIMIT 1"""
        row = self._db.execute(query, (job,)).fetchone()
        return row is not None and is_packed(row[0])

    def items(self, wanted: Selection) -> Iterator[tuple[str, bytes]]:
        """Yield the id of each item of a selection as JSON text, and its fields as a JSON object, in no order."""
        query = f"""SELECT seq, key, {_payload(wanted)} {JOINED}
            WHERE results.job = ? AND seq > ? AND {STANDS[wanted.failed]} ORDER BY seq LIMIT {PAGE_ROWS}"""
        last = 0
        while rows := self._db.execute(query, (wanted.job, last)).fetchall():
            yield from ((key, payload) for _, key, payload in rows)
            last = rows[-1][0]

    def failures(self, job: int, kind: str | None = None) -> Iterator[Failures]:
        """Yield the failures of a job, grouped by kind and message, in the order of both."""
        rows = self._db.execute(
            f"""SELECT outcome, message, count(*), sum(attempts), min(seq) {JOINED}
            WHERE results.job = ? AND {STANDS[True]} AND outcome = coalesce(?, outcome) GROUP BY outcome, message""",
            (job, kind),
        )
        return map(Failures._make, rows)

    def failed(self, job: int, kind: str, alike: Callable[[str], bool], most: int) -> tuple[Failed, ...]:
        """Return the first items of a job that failed in one way, with a message that `alike` is true for."""
        self._db.create_function("alike", 1, alike, deterministic=True)
        rows = self._db.execute(
            f"""SELECT key, coalesce(message, ''), attempts, substr({OF_ITEM}, 1, {FIELDS_BYTES}) {JOINED}
            WHERE results.job = ? AND {STANDS[True]} AND outcome = ? AND alike(coalesce(message, ''))
            ORDER BY seq LIMIT ?""",
            (job, kind, most),
        )
        return tuple(map(Failed._make, rows))

    def give_up_when(self, told: Callable[[], bool]) -> None:
        """Have every read from now on end with sqlite3.OperationalError soon after `told` says so."""
        self._db.set_progress_handler(told, STEPS_BETWEEN_LOOKS)

    def key(self, seq: int) -> str:
        """Return the id of a result's item as JSON text."""
        query = "SELECT key FROM results JOIN items ON items.row = item WHERE seq = ?"
        return str(self._db.execute(query, (seq,)).fetchone()[0])

    def line_ever(self, job: int, *, up_to: int | None = None) -> bytes:
        """Return the line of the first good result that there ever was, or of the last up to a number; maybe none.

        The last one up to the number of an output's last line is that line, whatever became of its item.
        """
        which = "ORDER BY seq" if up_to is None else "AND seq <= ? ORDER BY seq DESC"
        row = self._db.execute(
            f"""SELECT key, output, finish_reason, results.model FROM results JOIN items ON items.row = item
            WHERE results.job = ? AND outcome = 'ok' {which} LIMIT 1""",
            (job,) if up_to is None else (job, up_to),
        ).fetchone()
        return output_line(*row) if row else b""

    def lines_ever(self, job: int, key: str) -> list[bytes]:
        """Return the lines of all good results that there ever were of an item, told by its id as JSON text."""
        rows = self._db.execute(
            f"""SELECT key, output, finish_reason, results.model FROM items CROSS JOIN results ON item = items.row
            WHERE items.job = {job:d} AND key = ? AND outcome = 'ok'""",  # a constant, which the job's own index needs
            (key,),
        )
        return [output_line(*row) for row in rows]

    def files(self, job: int) -> tuple[str, ...]:
        """Return the paths of the files that a job reads and writes."""
        row = self._db.execute(
            """SELECT spec ->> '$.input.path', spec ->> '$.output.path', spec ->> '$.output.failures', output_path
            FROM jobs WHERE id = ?""",
            (job,),
        ).fetchone()
        return tuple(path for path in row if path and path != "-")


def _columns(wanted: Selection) -> str:
    return f"{_COLUMNS}, {_payload(wanted)}"


def _payload(wanted: Selection) -> str:
    return OF_ITEM if wanted.with_input else "x''"


def output_line(key: str, output: bytes, finish_reason: str = "", model: str = "") -> bytes:
    """Return one line of the output file; an answer cut short, or of another model than the job's, is marked."""
    marks = _marks(finish_reason=finish_reason, model=model) if finish_reason or model else b""
    return b'{"id":%b,"status":"ok","output":%b%b}\n' % (key.encode(), json_of(output), marks)


def _marks(**texts: str) -> bytes:
    """Return those that there are as the end of a JSON object."""
    return b"".join(b',"%b":%b' % (name.encode(), msgspec.json.encode(text)) for name, text in texts.items() if text)


def failure_line(key: str, kind: str, message: str, attempts: int) -> bytes:
    """Return one line of the failures file."""
    error = msgspec.json.encode({"kind": kind, "message": message})
    return b'{"id":%b,"status":"failed","error":%b,"attempts":%d}\n' % (key.encode(), error, attempts)
