"""What a job did from its first second to its last: every sample, read in pages so that memory stays flat."""

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ..histogram import Histogram
from ..snapshot import Sample

SAMPLE_COLUMNS: Final = """at, span_s, items, failed, requests, errors, latency, in_flight, target, tokens_in,
    tokens_out, cost, backlog, rss_mb, cpu, spent"""
_PAGE: Final = 1_000
_COUNTS: Final = msgspec.json.Decoder(dict[str, int])
_SECONDS: Final = msgspec.json.Decoder(dict[str, float])


def all_samples(db: sqlite3.Connection, job: int) -> Iterator[Sample]:
    """Yield every sample of a job, oldest first; no read lasts longer than a page, so a running engine is not held."""
    last = 0.0
    while True:
        rows = db.execute(
            f"SELECT {SAMPLE_COLUMNS} FROM samples WHERE job = ? AND at > ? ORDER BY at LIMIT {_PAGE}", (job, last)
        ).fetchall()
        yield from map(as_sample, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


def as_sample(row: tuple[Any, ...]) -> Sample:
    """Return the sample of a row of `SAMPLE_COLUMNS`."""
    fields = list(row)
    fields[5] = _COUNTS.decode(row[5])
    fields[6] = Histogram.decode(row[6])
    fields[-1] = _SECONDS.decode(row[-1])
    return Sample(*fields)
