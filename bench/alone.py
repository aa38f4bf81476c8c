"""The engine by itself: a task that costs nothing, and all else as in a real job, its results durable.

    python bench/alone.py [--rows 1000000] [--batch-size 250] [--in-flight 8] [--quick]

Items of 1 kB come from a JSONL file, and go as embeddings in batches to a transport that answers at once, so the loop
is never idle. It tells items a second by the clock and of one core's time, the peak memory, how late a task was that
wants to be woken every 5 ms, and how old results were when they were committed. The floor beside it is what SQLite
alone takes for the same rows in groups of 500, of one core's time: an INSERT and an UPDATE each, prepared, in the
workspace's own tables.
"""

import argparse
import asyncio
import hashlib
import json
import resource
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, MutableSequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from batchtop.cli.serve import on_fast_loop
from batchtop.engine.engine import Engine
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.settings import Layer
from batchtop.engine.source import Row as InputRow
from batchtop.engine.store import payloads
from batchtop.engine.store.group import Group
from batchtop.engine.store.migrations import connect
from batchtop.engine.store.writer import GROUP_ROWS, GROUP_S
from batchtop.engine.taskspec import EmbeddingsSpec
from batchtop.engine.transports import Request, Response
from ratios import Row, arguments, keep, row, share, tell

VECTOR = b"[0.1,0.2,0.3,0.4]"
MARK = b"item:"
TICK_S = 0.005
LOAD_ROWS = 5_000


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


def write_rows(path: Path, rows: int, letters: int = 960) -> None:
    with path.open("w") as file:
        for number in range(rows):
            file.write(json.dumps({"id": number, "text": f"item:{number} {'x' * letters}"}) + "\n")


def job_of(folder: Path, batch_size: int, in_flight: int) -> JobSpec:
    return JobSpec(
        name="job",
        input=InputSpec(str(folder / "in.jsonl"), id="id"),
        task=EmbeddingsSpec(model="m", text="{text}", base_url="http://127.0.0.1:9/v1"),
        output=OutputSpec(str(folder / "out.jsonl")),
        layers=(Layer("job file", {"batch_size": batch_size, "concurrency": in_flight}),),
    )


@asynccontextmanager
async def lags() -> AsyncIterator[MutableSequence[float]]:
    """Note how many milliseconds late a task is woken that waits 5 ms again and again."""
    late, now = array("d"), time.perf_counter  # uvloop's own clock stands still for as long as a callback runs

    async def tick() -> None:
        while True:
            due = now() + TICK_S
            await asyncio.sleep(TICK_S)
            late.append(1000 * max(0.0, now() - due))

    ticking = asyncio.create_task(tick())
    yield late
    ticking.cancel()


def ages_at_commit() -> MutableSequence[float]:
    """Note from now on how many milliseconds old each result is that has just been committed."""
    ages, hand_on = array("d"), Group.hand_on

    def noting(group: Group, last_seq: int) -> None:
        at = time.time()
        ages.extend(1000 * (at - settled.at) for _, settled in group.results)
        hand_on(group, last_seq)

    Group.hand_on = noting
    return ages


async def run(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    ages, spec = ages_at_commit(), job_of(folder, options.batch_size, options.in_flight)
    async with Engine(folder / "batchtop.db", environment={}, transport=Instant) as engine:
        runner = await engine.submit(spec)
        while runner.state in {"queued", "loading"}:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        began, cpu = time.perf_counter(), time.process_time()
        async with lags() as late:
            await engine.wait("job")
        took, used = time.perf_counter() - began, time.process_time() - cpu
    return {
        "per_s": options.rows / took,
        "cpu_us": used / options.rows * 1e6,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **spread("lag", late),
        **spread("age", ages),
    }


def spread(what: str, values: MutableSequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{what}_p50_ms": share(ordered, 0.5),
        f"{what}_p99_ms": share(ordered, 0.99),
        f"{what}_max_ms": ordered[-1],
    }


def floor_per_s(folder: Path, rows: int, letters: int = 990, output: bytes = VECTOR) -> float:
    """Return rows a second that SQLite takes by itself in the workspace's own tables, and nothing else done."""
    digests = [hashlib.blake2b(str(row).encode(), digest_size=16).digest() for row in range(rows)]
    with closing(connect(folder / "floor.db")) as db:
        db.execute("INSERT INTO jobs (id, name, spec, state, created_at) VALUES (1, 'j', '{}', 'running', 0)")
        db.execute("BEGIN")
        for first in range(0, rows, LOAD_ROWS):
            some = range(first, min(first + LOAD_ROWS, rows))
            payloads.add(db, 1, 1, [InputRow(row, str(row), b"x" * letters, digests[row]) for row in some])
        db.execute("COMMIT")
        began = time.thread_time()
        for first in range(0, rows, GROUP_ROWS):
            some = range(first, min(first + GROUP_ROWS, rows))
            db.execute("BEGIN")
            db.executemany(
                """INSERT INTO results (job, item, digest, outcome, output, attempts, latency_ms, at)
                VALUES (1, ?, ?, 'ok', ?, 1, 1, 1)""",
                ((row + 1, digests[row], output) for row in some),
            )
            db.executemany("UPDATE items SET status = 'done' WHERE row = ?", ((row + 1,) for row in some))
            db.execute("COMMIT")
        return rows / (time.thread_time() - began)


def rows_of(found: dict[str, float], rows: int) -> list[Row]:
    of_a_core, what = 1e6 / found["cpu_us"], f"alone, {rows:,} items of 1 kB: "
    lag = f"p50 {found['lag_p50_ms']:.1f}, at most {found['lag_max_ms']:.1f} ms"
    age = f"p50 {found['age_p50_ms']:.1f}, at most {found['age_max_ms']:.1f} ms"
    return [
        row(what + "by the clock", found["per_s"], "/s", note="durable", least=60_000),
        row(what + "of one core's time", of_a_core, "/s", beside=("SQLite alone", found["sqlite_per_s"])),
        row(what + "peak memory", found["rss_mb"], "MB", note="with the output file", most=150),
        row(what + "loop late, p99", found["lag_p99_ms"], "ms", note=lag, most=10),
        row(what + "age at commit, p99", found["age_p99_ms"], "ms", note=age, most=2000 * GROUP_S),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--in-flight", type=int, default=8)
    options = parser.parse_args()
    options.rows = min(options.rows, 20_000) if options.quick else options.rows
    with tempfile.TemporaryDirectory() as name:
        write_rows(Path(name) / "in.jsonl", options.rows)
        found = on_fast_loop(run(Path(name), options))
        found["sqlite_per_s"] = floor_per_s(Path(name), min(options.rows, 200_000))
    keep("alone", found, tell(rows_of(found, options.rows)), quick=options.quick)


if __name__ == "__main__":
    main()
