"""The answers of one job as another job takes them: in the order of their commits, while they come."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Self

from ..pipeline import check_above, no_upstream
from ..snapshot import JobState
from .migrations import BUSY_TIMEOUT_S
from .payloads import OF_ITEM
from .results import JOINED, STANDS

PAGE_ROWS: Final = 500
PAGE_BYTES: Final = 8 * 1024 * 1024


class Standing(NamedTuple):
    """How the job stands whose answers are taken."""

    id: int
    state: JobState
    left: int
    exit_code: int | None
    load: int
    """Grows whenever answers from before may count again."""


class AnswerRow(NamedTuple):
    """One answer, and the item that it is to."""

    seq: int
    key: str
    line: int
    payload: bytes
    output: bytes


class Answers:
    """Reads the answers of a job, page by page, on a connection that only reads."""

    def __init__(self, path: Path, job: str) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._job = job

    def __enter__(self) -> Self:
        self._db = sqlite3.connect(self._uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def version(self) -> int:
        """Return a number that differs whenever something was committed."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def standing(self) -> Standing | None:
        """Return how the job stands, or None when it is no longer there."""
        query = "SELECT id, state, total - done - failed, exit_code, load FROM jobs WHERE name = ?"
        row = self._db.execute(query, (self._job,)).fetchone()
        return row and Standing(row[0], JobState(row[1]), *row[2:])

    def page(self, job: int, after: int) -> list[AnswerRow]:
        """Return the next good answers behind number `after`; fewer where they are large, so that memory stays flat."""
        query = f"""SELECT seq, items.key, line, {OF_ITEM}, output {JOINED}
            WHERE results.job = ? AND seq > ? AND {STANDS[False]} ORDER BY seq LIMIT {PAGE_ROWS}"""
        page: list[AnswerRow] = []
        size = 0
        with closing(self._db.execute(query, (job, after))) as rows:
            for row in map(AnswerRow._make, rows):
                page.append(row)
                size += len(row.payload) + len(row.output)
                if size >= PAGE_BYTES:
                    break
        return page


def check_upstream(db: sqlite3.Connection, job: str, upstream: str) -> None:
    """Raise UsageError unless the job whose answers are wanted is there, and waits for no answer of this one."""
    above: dict[str, str | None] = dict(db.execute("SELECT name, spec ->> '$.input.job' FROM jobs"))
    if upstream not in above:
        raise no_upstream(job, upstream, above)
    check_above(job, above | {job: upstream})
