"""The engine by itself: a task that costs nothing, and all else as in a real job, its results durable.

    python bench/alone.py [--rows 200000] [--batch-size 250] [--in-flight 8]

Items of 1 kB come from a JSONL file, and go as embeddings in batches to a transport that answers at once. It tells
items a second by the clock and of one core's time, the peak memory, how late the loop was (p50, p99, from the samples
that the engine keeps), and the age of results at their commit (p99). The floor beside it is what SQLite alone takes for
the same rows in groups of 500, of one core's time: an INSERT and an UPDATE each, prepared.
"""

import argparse
import asyncio
import hashlib
import json
import resource
import sqlite3
import tempfile
import time
from pathlib import Path

import uvloop
from batchtop.engine.engine import Engine
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.settings import Layer
from batchtop.engine.store.reader import Reader
from batchtop.engine.taskspec import EmbeddingsSpec
from batchtop.engine.transports import Request, Response
from ratios import keep

VECTOR = b"[0.1,0.2,0.3,0.4]"
MARK = b"item:"
GROUP = 500


class Instant:
    """Answers at once, with a short vector for each text."""

    connections = 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002
        """Return as many vectors as texts."""
        count = request.body.count(MARK)
        vectors = b",".join(b'{"index":%d,"embedding":%s}' % (index, VECTOR) for index in range(count))
        return Response(200, {}, b'{"data":[%s],"usage":{"prompt_tokens":%d}}' % (vectors, count))

    async def aclose(self) -> None:
        """Nothing is open."""


def write_rows(path: Path, rows: int) -> None:
    with path.open("w") as file:
        for number in range(rows):
            file.write(json.dumps({"id": number, "text": f"item:{number} {'x' * 960}"}) + "\n")


async def run(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    spec = JobSpec(
        name="job",
        input=InputSpec(str(folder / "in.jsonl"), id="id"),
        task=EmbeddingsSpec(model="m", text="{text}", base_url="http://127.0.0.1:9/v1"),
        output=OutputSpec(str(folder / "out.jsonl")),
        layers=(Layer("job file", {"batch_size": options.batch_size, "concurrency": options.in_flight}),),
    )
    async with Engine(folder / "batchtop.db", environment={}, transport=Instant) as engine:
        runner = await engine.submit(spec)
        while runner.state in {"queued", "loading"}:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        began, cpu = time.perf_counter(), time.process_time()
        await engine.wait("job")
        took, used = time.perf_counter() - began, time.process_time() - cpu
    with Reader(folder / "batchtop.db") as reader:
        snapshot = reader.snapshot("job")
    assert snapshot
    lags = sorted(sample.lag_ms for sample in snapshot.samples)
    return {
        "per_s": options.rows / took,
        "cpu_us": used / options.rows * 1e6,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "lag_p50_ms": lags[len(lags) // 2],
        "lag_max_ms": lags[-1],
    }


def floor_per_s(folder: Path, rows: int) -> float:
    """Return rows a second that SQLite takes by itself: such tables and indexes, and nothing but values to put in."""
    db = sqlite3.connect(folder / "floor.db", isolation_level=None)
    db.executescript(
        """PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        CREATE TABLE items (row INTEGER PRIMARY KEY, job INTEGER, key TEXT, payload BLOB, digest BLOB, status TEXT);
        CREATE INDEX pending ON items (job, row) WHERE status = 'pending';
        CREATE TABLE results (seq INTEGER PRIMARY KEY, job INTEGER, item INTEGER, digest BLOB, output BLOB, at REAL);
        CREATE INDEX by_job ON results (job, seq); CREATE INDEX by_digest ON results (digest, at)"""
    )
    digests = [hashlib.blake2b(str(row).encode(), digest_size=16).digest() for row in range(rows)]
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO items VALUES (?, 1, ?, ?, ?, 'pending')",
        ((row, str(row), b"x" * 990, digests[row]) for row in range(rows)),
    )
    db.execute("COMMIT")
    began = time.thread_time()
    for first in range(0, rows, GROUP):
        db.execute("BEGIN")
        group = range(first, min(first + GROUP, rows))
        db.executemany(
            "INSERT INTO results (job, item, digest, output, at) VALUES (1, ?, ?, ?, ?)",
            ((row, digests[row], VECTOR, 1.0) for row in group),
        )
        db.executemany("UPDATE items SET status = 'done' WHERE row = ?", ((row,) for row in group))
        db.execute("COMMIT")
    return rows / (time.thread_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--in-flight", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_rows(Path(name) / "in.jsonl", options.rows)
        found = uvloop.run(run(Path(name), options))
        floor = floor_per_s(Path(name), min(options.rows, 200_000))
    print(
        f"{found['per_s']:,.0f} items/s, {1e6 / found['cpu_us']:,.0f} a second of CPU ({found['cpu_us']:.1f} us each),"
        f" {found['rss_mb']:.0f} MB, loop late p50 {found['lag_p50_ms']:.1f} ms, at most {found['lag_max_ms']:.1f} ms\n"
        f"SQLite alone: {floor:,.0f} rows/s ({1e6 / floor:.1f} us each); of it {found['per_s'] / floor:.2f}"
    )
    keep("alone", {**found, "sqlite_per_s": floor})


if __name__ == "__main__":
    main()
