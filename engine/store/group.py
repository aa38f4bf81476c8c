"""All that goes into one commit, and what is told of it afterwards."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol

import msgspec

from ..metrics import Tally, merged
from ..outcome import Outcome
from ..settle import Settled
from . import answers

_COLUMNS: Final = (
    "job, item, digest, outcome, output, message, attempts, latency_ms, at, finish_reason, model, cached, tries"
)
_ROW: Final = f"({', '.join('?' * len(_COLUMNS.split()))})"
_INSERTS: Final = {
    rows: f"INSERT INTO results ({_COLUMNS}) VALUES {', '.join([_ROW] * rows)}" for rows in (500, 100, 20, 5, 1)
}
"""Statements by how many rows each takes.

The interpreter's lock is given up for each statement that runs, and a loop that never rests may keep it for 5 ms
(bench/starved.py).
"""


class Sink(Protocol):
    """Where a job's results go once they are committed; called on the writer's thread."""

    def append(self, settled: Sequence[Settled], last_seq: int) -> None:
        """Take results in the order of their commit; `last_seq` is the number of the last. Never raises."""
        ...

    def position(self) -> tuple[int, int] | None:
        """Return the last result written and the length of the file then, when that changed since the last call."""
        ...


@dataclass(slots=True)
class Group:
    """Results, totals and statements that are committed together."""

    results: list[tuple[int, Settled]] = field(default_factory=list[tuple[int, Settled]])
    tallies: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    statements: list[tuple[str, Sequence[object]]] = field(default_factory=list[tuple[str, Sequence[object]]])
    sinks: dict[int, Sink] = field(default_factory=dict[int, Sink])
    size: int = 0
    """Bytes of the outputs of all results."""

    def write(self, db: sqlite3.Connection) -> int:
        """Write it all and return the number of the last result."""
        if self.results:  # else it is a sample, an event
            self._write_results(db)
        for job, tally in self.tallies.items():
            _add(db, job, tally)
        for statement, values in self.statements:
            db.execute(statement, values)
        for job, sink in self.sinks.items():
            if position := sink.position():
                db.execute("UPDATE jobs SET output_seq = ?, output_bytes = ? WHERE id = ?", (*position, job))
        return last_seq(db)

    def _write_results(self, db: sqlite3.Connection) -> None:
        before = last_seq(db)
        for rows in _chunks([_result_row(job, settled) for job, settled in self.results]):
            db.execute(_INSERTS[len(rows)], [*chain.from_iterable(rows)])
        answers.take(db, before)
        answers.gather_for(db, {*self.sinks, *(job for job, _ in self.results)})
        _mark(db, "done", (settled for _, settled in self.results if settled.answer.outcome is Outcome.OK))
        _mark(db, "failed", (settled for _, settled in self.results if settled.answer.outcome is not Outcome.OK))

    def hand_on(self, last_seq: int) -> None:
        """Give the sinks what is committed now."""
        for job, sink in self.sinks.items():
            if mine := [settled for each, settled in self.results if each == job]:
                sink.append(mine, last_seq)


def last_seq(db: sqlite3.Connection) -> int:
    """Return the number of the last result, 0 where there is none."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM results").fetchone()[0])


def _chunks(rows: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
    """Cut rows into as few parts as there are statements for."""
    start = 0
    for size in _INSERTS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _mark(db: sqlite3.Connection, status: str, those: Iterable[Settled]) -> None:
    """Set the status of items, of all of them by one statement."""
    if rows := [settled.item.row for settled in those]:
        query = "UPDATE items SET status = ? WHERE row IN (SELECT value FROM json_each(?))"
        db.execute(query, (status, msgspec.json.encode(rows).decode()))


def _result_row(job: int, settled: Settled) -> tuple[object, ...]:
    answer = settled.answer
    ok = answer.outcome is Outcome.OK
    return (
        job,
        settled.item.row,
        settled.item.digest,
        answer.outcome.value,
        answer.output if ok else None,
        None if ok else answer.message,
        settled.attempts,
        settled.latency_ms,
        settled.at,
        answer.finish_reason,
        settled.model,
        settled.cached,
        msgspec.json.encode(settled.item.tries).decode() if settled.item.tries else "",
    )


def _add(db: sqlite3.Connection, job: int, tally: Tally) -> None:
    errors, spent = db.execute("SELECT errors, spent FROM jobs WHERE id = ?", (job,)).fetchone()
    all_errors = tally.errors + Counter(msgspec.json.decode(errors, type=dict[str, int]))
    all_spent = merged(msgspec.json.decode(spent, type=dict[str, float]), tally.spent)
    db.execute(
        """UPDATE jobs SET done = done + ?, failed = failed + ?, requests = requests + ?, tokens_in = tokens_in + ?,
        tokens_out = tokens_out + ?, cost = cost + ?, cut = cut + ?, cached = cached + ?, asked = asked + ?,
        errors = ?, spent = ? WHERE id = ?""",
        (
            tally.items,
            tally.failed,
            tally.requests,
            tally.tokens_in,
            tally.tokens_out,
            tally.cost,
            tally.cut,
            tally.cached,
            tally.items + tally.failed - tally.cached,
            msgspec.json.encode(all_errors).decode(),
            msgspec.json.encode(all_spent).decode(),
            job,
        ),
    )
