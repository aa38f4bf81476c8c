"""What a workspace costs at scale: loads, a resume, what a dashboard reads, a run, a removal.

    python bench/scale.py [--rows 1000000] [--folder FOLDER] [--quick]

Each load and each run is a process of its own, so that its peak of memory is its
own; loads are pinned to one core. The job that is nine tenths done, its output file and its history of a day are
made without a server. `--rows 10000000` takes 10 GB of disk and some 10 minutes.

Loads and the dashboard's reads are held to their targets by the time they take of a core, not by the clock: on a
machine that others use too, that is the figure that can be repeated.
"""

import multiprocessing
import os
import select
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop
from batchtop.engine.engine import Engine
from batchtop.engine.loading import load
from batchtop.engine.store import record
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.writer import Writer
from batchtop.engine.transports import Request, Response
from ratios import Row, arguments, keep, row, share, tell
from scale_made import STARTED_AT, VECTOR, job_of, make_nearly_done, write_input
from terminal import PROGRAM

SIZES = (10_000, 100_000, 1_000_000)
T = TypeVar("T")
RUNS = (20_000, 200_000)
LONGEST_S = 60


# ── what all of them need ──


def peak_mb() -> float:
    """Return the most memory this process ever had; what its parent had is no part of it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def apart(work: Callable[..., T], *values: object) -> T:
    """Return what a function returns in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *values).result()


# ── loads ──


def measure_load(folder: Path, source: Path, port: int) -> dict[str, float]:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    spec = job_of(folder, source, port)

    async def work() -> dict[str, float]:
        async with Writer(folder / "batchtop.db") as writer:
            job, _ = await writer.run(lambda db: record.register(db, spec, STARTED_AT, ()))
            began, busy = time.perf_counter(), time.process_time()
            loaded = await load(spec, job.id, writer, lambda: False)
            assert loaded
            spans = {"s": time.perf_counter() - began, "busy_s": time.process_time() - busy}
            return {what: loaded.total / span for what, span in spans.items()} | {"peak": peak_mb()}

    found = uvloop.run(work())
    return found | {"bytes": float((folder / "batchtop.db").stat().st_size)}


def loads(folder: Path, most: int, port: int) -> Iterator[Row]:
    for rows in sorted({*(size for size in SIZES if size < most), most}):
        for shuffled in (False, True):
            source = folder / f"{rows}{'-shuffled' if shuffled else ''}.jsonl"
            place = folder / source.stem
            place.mkdir()
            found = apart(measure_load, place, write_input(source, rows, shuffled=shuffled), port)
            what = f"load {rows:,}, {'ids at random' if shuffled else 'ids in order'}"
            yield row(f"{what}: by the clock", found["s"], "rows/s", note="others may want the core")
            yield row(f"{what}: of one core's time", found["busy_s"], "rows/s", least=80_000)
            yield row(f"{what}: peak memory", found["peak"], "MB", most=200)
            yield row(f"{what}: file", found["bytes"] / rows, "B/item")


# ── what is done with it ──


def resume(folder: Path, source: Path, port: int) -> Iterator[Row]:
    for how in ("after an orderly end", "after kill -9", "after kill -9"):
        yield row(f"resume {how}: first request", first_request_s(folder, source, port), "s", note="at 1M", most=2)


def first_request_s(folder: Path, source: Path, port: int) -> float:
    """Run the job in a process, return how long its first request took to reach a server, and kill it."""
    spec = job_of(folder, source, port)
    job_file = folder / "job.toml"
    job_file.write_text(
        f'name = "job"\n[input]\npath = "{source}"\nid = "id"\n'
        f'[task]\ntype = "embeddings"\nmodel = "{spec.task.model}"\ntext = "{{text}}"\n'
        f'base_url = "{spec.task.base_url}"\n[output]\npath = "{spec.output.path}"\n'
    )
    command = [*PROGRAM, "run", job_file, "--no-ui", "--db", folder / "batchtop.db"]
    with socket.create_server(("127.0.0.1", port)) as server:
        began = time.perf_counter()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            _await_request(server)
            taken = time.perf_counter() - began
            process.kill()
    return taken


def _await_request(server: socket.socket) -> None:
    """Return once something was sent on a connection: some are opened beforehand, and need not be the first in use."""
    with ExitStack() as stack:
        connections: list[socket.socket] = []
        while True:
            ready, _, _ = select.select([server, *connections], [], [], LONGEST_S)
            if server not in ready:
                assert ready, f"no request in {LONGEST_S} s"
                return
            connections.append(stack.enter_context(server.accept()[0]))


def dashboard(folder: Path) -> Iterator[Row]:
    with Reader(folder / "batchtop.db") as reader:
        reads: dict[str, Callable[[], object]] = {
            "Reader.snapshot, 5 minutes": lambda: reader.snapshot("job"),
            "Reader.jobs": reader.jobs,
        }
        for what, read in reads.items():
            spans = sorted(busy_ms(read) for _ in range(300))
            yield row(f"{what}: p99", share(spans, 0.99), "ms", note=f"p50 {share(spans, 0.5):.1f} ms", most=20)


def busy_ms(work: Callable[[], object]) -> float:
    """Return how long this thread was at it: what others take of the core is no part of it."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


def removal(folder: Path, rows: int) -> Iterator[Row]:
    workspace = folder / "batchtop.db"
    before = workspace.stat().st_size
    command = [*PROGRAM, "rm", "job", "--yes", "--db", workspace]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    span_s = time.perf_counter() - began
    left = workspace.stat().st_size
    yield row(f"rm of {rows:,} items", span_s, "s", note=f"{rows / span_s:,.0f} items/s")
    yield row(f"rm of {rows:,} items: file after", left / 1e6, "MB", note=f"{before / 1e6:,.1f} MB before")


# ── a run ──


class Instant:
    """A server for embeddings that answers at once."""

    connections = 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002
        """Give every text the same vector."""
        texts = msgspec.json.decode(request.body)["input"]
        data = [{"index": index, "embedding": msgspec.Raw(VECTOR)} for index in range(len(texts))]
        body = msgspec.json.encode({"data": data, "usage": {"prompt_tokens": 20 * len(texts)}})
        return Response(200, {}, body)

    async def aclose(self) -> None:
        """Have nothing to close."""


def measure_run(folder: Path, source: Path) -> dict[str, float]:
    async def work() -> int:
        async with Engine(folder / "batchtop.db", environment={}, transport=Instant) as engine:
            return (await engine.run(job_of(folder, source))).exit_code

    began = time.perf_counter()
    assert uvloop.run(work()) == 0
    return {"seconds": time.perf_counter() - began, "peak": peak_mb()}


def runs(folder: Path) -> Iterator[Row]:
    for rows in RUNS:
        place = folder / f"run-{rows}"
        place.mkdir()
        found = apart(measure_run, place, write_input(place / "in.jsonl", rows, shuffled=False))
        what = f"run {rows:,} embeddings, answered at once"
        yield row(what, rows / found["seconds"], "items/s")
        yield row(f"{what}: peak memory", found["peak"], "MB", most=200)


def measure(folder: Path, rows: int) -> Iterator[Row]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    print(f"SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    yield from loads(folder, rows, port)
    source = folder / f"{rows}-shuffled.jsonl"
    place = folder / source.stem
    done = rows * 9 // 10
    apart(make_nearly_done, place, source, port, done)
    yield row(f"file with {done:,} answers", (place / "batchtop.db").stat().st_size / rows, "B/item")
    yield from dashboard(place)
    yield from resume(place, source, port)
    yield from removal(place, rows)
    yield from runs(folder)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest load")
    parser.add_argument("--folder", type=Path, help="where it all lies (a temporary one, removed at the end)")
    options = parser.parse_args()
    rows = min(options.rows, 20_000) if options.quick else options.rows
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        keep("scale", {"rows": rows}, tell(measure(Path(folder), rows)), quick=options.quick)


if __name__ == "__main__":
    main()
