"""What a workspace knows that tells how a run will go: prices paid, answers' lengths and times, limits of servers."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ..histogram import Histogram
from ..job import JobSpec
from ..limits.saved import SavedLane
from ..settings import DIALS, Layer
from ..taskspec import OPENAI_URL, server_of
from .reader import as_value

LEAST_ANSWERS: Final = 20
"""So many answers are believed."""

_LAST_SAMPLES: Final = 1_000
_LAST_JOBS: Final = 3


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs of a job, or of others with its model on its server, have left."""

    fingerprint: str = ""
    """Of what made the answers when the job's input was loaded last; empty for a job that never was."""
    spent_usd: float = 0.0
    """What the job has cost so far."""
    live: tuple[Layer, ...] = ()
    """Settings changed while it ran, which stay."""
    tokens_out: float | None = None
    """Of an answer, on average."""
    tokens_out_own: bool = False
    """Whether those were answers of this very job."""
    latency: Histogram = field(default_factory=Histogram)
    """Of requests, in ms; empty where none is known."""
    latency_own: bool = False
    lanes: Mapping[str, SavedLane] = field(default_factory=dict[str, SavedLane])
    """Name of a key's variable -> what its lane learned; the name is empty for a server without keys."""


def past(db: sqlite3.Connection, spec: JobSpec, wishes: Iterable[str]) -> Past:
    """Return what is known; settings among the `wishes` are asked for anew, whatever they were changed to."""
    row = db.execute("SELECT id, stamp, coalesce(cost, 0) FROM jobs WHERE name = ?", (spec.name,)).fetchone()
    job, stamp, spent = row or (0, "", 0.0)
    peers = _peers(db, spec)
    own, others = [each for each in peers if each == job], [each for each in peers if each != job]
    own_tokens, own_latency = _tokens_out(db, own), _latency(db, own)
    return Past(
        fingerprint=stamp.rpartition("|")[2],
        spent_usd=spent,
        live=_live(db, job, frozenset(wishes)),
        tokens_out=_tokens_out(db, others) if own_tokens is None else own_tokens,
        tokens_out_own=own_tokens is not None,
        latency=own_latency if own_latency.total else _latency(db, others[:_LAST_JOBS]),
        latency_own=own_latency.total > 0,
        lanes=_lanes(db, spec),
    )


def _peers(db: sqlite3.Connection, spec: JobSpec) -> list[int]:
    """Return the jobs that asked the same model on the same server in the same way, the latest first.

    A task that names no model, such as a program, is like no other job's: then it is this one alone.
    """
    query = """SELECT id FROM jobs WHERE spec ->> '$.task.type' = ?1 AND (
        spec ->> '$.task.model' = ?2 AND coalesce(spec ->> '$.task.base_url', ?4) = ?3
        OR spec ->> '$.task.model' IS NULL AND name = ?5
    ) ORDER BY coalesce(started_at, 0) DESC"""
    task = spec.task
    kind = str(task.__struct_config__.tag)
    return [job for (job,) in db.execute(query, (kind, task.model, task.base_url, OPENAI_URL, spec.name))]


def _tokens_out(db: sqlite3.Connection, jobs: Sequence[int]) -> float | None:
    """Return the tokens of an answer, None where there are too few; a request may have asked for several."""
    answers = tokens = 0.0
    for job in jobs:
        requests, errors, tokens_out = db.execute(
            "SELECT requests, errors, tokens_out FROM jobs WHERE id = ?", (job,)
        ).fetchone()
        query = "SELECT value FROM dials WHERE job = ? AND key = 'items_per_request'"
        (packed,) = db.execute(query, (job,)).fetchone() or (1,)
        answers += packed * (requests - sum(msgspec.json.decode(errors, type=dict[str, int]).values()))
        tokens += tokens_out
    return tokens / answers if answers >= LEAST_ANSWERS else None


def _latency(db: sqlite3.Connection, jobs: Sequence[int]) -> Histogram:
    query = f"SELECT latency FROM samples WHERE job = ? AND requests > 0 ORDER BY at DESC LIMIT {_LAST_SAMPLES}"
    found = Histogram.merged(Histogram.decode(raw) for job in jobs for (raw,) in db.execute(query, (job,)))
    return found if found.total >= LEAST_ANSWERS else Histogram()


def _live(db: sqlite3.Connection, job: int, wishes: frozenset[str]) -> tuple[Layer, ...]:
    rows = db.execute("SELECT key, value, origin FROM dials WHERE job = ? AND live = 1", (job,))
    return tuple(
        Layer(origin, {key: as_value(key, value)}) for key, value, origin in rows if key in DIALS and key not in wishes
    )


def _lanes(db: sqlite3.Connection, spec: JobSpec) -> dict[str, SavedLane]:
    """Return what was learned with each key; what another version wrote is as good as unknown."""
    lanes: dict[str, SavedLane] = {}
    for name in spec.task.api_key_env or ("",):
        lane = f"{server_of(spec.task)} {spec.task.model} {name}"
        row = db.execute("SELECT state FROM lane_memory WHERE name = ?", (lane,)).fetchone()
        with suppress(msgspec.MsgspecError):
            if row:
                lanes[name] = msgspec.json.decode(row[0], type=SavedLane)
    return lanes
