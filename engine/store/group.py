"""All that goes into one commit, and what is told of it afterwards."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ..metrics import Tally, merged
from ..outcome import Outcome
from ..settle import Settled


class Sink(Protocol):
    """Where a job's results go once they are committed; called on the writer's thread."""

    def append(self, settled: Sequence[Settled], last_seq: int) -> None:
        """Take results in the order of their commit; `last_seq` is the number of the last. Never raises."""
        ...

    def position(self) -> tuple[int, int] | None:
        """Return the last result written and the length of the file then, when that changed since the last call."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """Results, totals and statements that are committed together."""

    results: list[tuple[int, Settled]]
    tallies: dict[int, Tally]
    statements: list[tuple[str, Sequence[object]]]
    sinks: dict[int, Sink]

    def write(self, db: sqlite3.Connection) -> int:
        """Write it all and return the number of the last result."""
        db.executemany(
            """INSERT INTO results
            (job, item, digest, outcome, output, message, attempts, latency_ms, at, finish_reason, model, cached, tries)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (_result_row(job, settled) for job, settled in self.results),
        )
        db.executemany("UPDATE items SET status = ? WHERE row = ?", map(_status_row, self.results))
        for job, tally in self.tallies.items():
            _add(db, job, tally)
        for statement, values in self.statements:
            db.execute(statement, values)
        for job, sink in self.sinks.items():
            if position := sink.position():
                db.execute("UPDATE jobs SET output_seq = ?, output_bytes = ? WHERE id = ?", (*position, job))
        return db.execute("SELECT coalesce(max(seq), 0) FROM results").fetchone()[0] if self.results else 0

    def hand_on(self, last_seq: int) -> None:
        """Give the sinks what is committed now."""
        for job, sink in self.sinks.items():
            if mine := [settled for each, settled in self.results if each == job]:
                sink.append(mine, last_seq)


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


def _status_row(result: tuple[int, Settled]) -> tuple[str, int]:
    settled = result[1]
    return ("done" if settled.answer.outcome is Outcome.OK else "failed", settled.item.row)


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
