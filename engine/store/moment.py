"""A job as it stood at a moment of the past.

What can be taken back later, as by a retry, each sample has kept. All else only grows: what came after is taken off.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..settings import Resolved, Value
from ..snapshot import WINDOW_S, Change, EngineRow, Event, JobRow, JobState, Sample, Snapshot
from .history import SAMPLE_COLUMNS, TOTAL_COLUMNS, as_sample, lanes_at

_AFTER: Final = """SELECT coalesce(sum(items), 0), coalesce(sum(failed), 0), coalesce(sum(requests), 0),
    coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), total(cost), total(iif(target, span_s, 0))
    FROM samples WHERE job = ? AND at > ?"""
_EACH_AFTER: Final = """SELECT each.key, sum(each.value) FROM samples, json_each(samples.{}) AS each
    WHERE job = ? AND at > ? GROUP BY each.key"""


def moment(db: sqlite3.Connection, now: Snapshot, at: float, events: int) -> Snapshot:
    """Return a job as its last sample up to a moment left it, in the same form as `now`, with so many events.

    The time of that sample is the moment told of. It reads every sample since: a tenth of a second for a day. Where an
    older version wrote the sample, items that a later run did again are missing in it.
    """
    job = now.job.id
    row = db.execute("SELECT min(at), max(iif(at <= ?2, at, NULL)) FROM samples WHERE job = ?1", (job, at)).fetchone()
    then = row[0] if row[1] is None else row[1]
    if then is None:
        return now
    samples = _samples(db, job, then)
    changes = tuple(change for change in now.changes if change.at <= then)
    return Snapshot(
        taken_at=then,
        job=_job(db, now.job, samples[-1]),
        dials=dials_at(now.dials, now.changes, then),
        samples=samples,
        lanes=lanes_at(db, job, then),
        events=_events(db, job, then, events),
        changes=changes,
        engine=EngineRow(0, then, then),
        window_s=now.window_s,
        moment=then,
    )


def dials_at(now: Resolved, changes: Sequence[Change], at: float) -> Resolved:
    """Return the settings before those of the changes, oldest first, that came after a moment."""
    values: dict[str, Value] = {}
    origins = dict(now.origins)
    for change in reversed(changes):
        if change.at > at:
            values[change.key], origins[change.key] = change.old, ""
    for change in changes:
        if change.at <= at and change.key in values:
            origins[change.key] = f"live: {change.who}"
    known: dict[str, Any] = {key: value for key, value in values.items() if hasattr(now.settings, key)}
    return Resolved(replace(now.settings, **known), origins)


def _job(db: sqlite3.Connection, now: JobRow, last: Sample) -> JobRow:
    later = (now.id, last.at)
    items, failed, requests, tokens_in, tokens_out, cost, active_s = db.execute(_AFTER, later).fetchone()
    errors, spent = (dict(db.execute(_EACH_AFTER.format(column), later).fetchall()) for column in ("errors", "spent"))
    return replace(
        _totals(db, now, last.at, items, failed),
        state=JobState.RUNNING if last.target else JobState.PAUSED,
        reason="",
        exit_code=None,
        requests=max(0, now.requests - requests),
        errors={kind: count - errors.get(kind, 0) for kind, count in now.errors.items() if count > errors.get(kind, 0)},
        spent={what: max(0.0, seconds - spent.get(what, 0.0)) for what, seconds in now.spent.items()},
        tokens_in=max(0, now.tokens_in - tokens_in),
        tokens_out=max(0, now.tokens_out - tokens_out),
        cost=None if now.cost is None else max(0.0, now.cost - cost),
        ended_at=None,
        active_s=max(0.0, now.active_s - active_s),
        asked=max(0, now.asked - items - failed),
    )


def _totals(db: sqlite3.Connection, now: JobRow, at: float, items: int, failed: int) -> JobRow:
    """Return a job with the totals that its sample of a moment kept; else without the items that came after."""
    kept = db.execute(f"SELECT {TOTAL_COLUMNS} FROM samples WHERE job = ? AND at = ?", (now.id, at)).fetchone()
    if kept[0] is None:
        return replace(now, done=max(0, now.done - items), failed=max(0, now.failed - failed))
    total, done, failed, cut, cached, unsure = kept
    return replace(now, total=total, done=done, failed=failed, cut=cut, cached=cached, unsure=unsure)


def _samples(db: sqlite3.Connection, job: int, then: float) -> tuple[Sample, ...]:
    rows = db.execute(
        f"SELECT {SAMPLE_COLUMNS} FROM samples WHERE job = ? AND at > ? AND at <= ? ORDER BY at",
        (job, then - WINDOW_S, then),
    )
    return tuple(map(as_sample, rows))


def _events(db: sqlite3.Connection, job: int, then: float, most: int) -> tuple[Event, ...]:
    rows = db.execute(
        "SELECT id, at, level, message FROM events WHERE job = ? AND at <= ? ORDER BY id DESC LIMIT ?",
        (job, then, most),
    )
    return tuple(Event(*row) for row in rows)[::-1]
