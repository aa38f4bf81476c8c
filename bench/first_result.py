"""How soon the first result of a run is durable after its answer, whatever the batch size.

    python bench/first_result.py [--rounds 40] [--quick]

Each round is a fresh `batchtop run` of embeddings against `loopback.py`, which tells when it sent its first answer; the
result is durable once another connection of the database sees its row, which is looked for every millisecond. Both
times are read off one clock of the machine. The run is ended then, by force.
"""

import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from floor import write_job
from loopback import Provider, loopback
from ratios import Row, arguments, keep, row, share, tell
from scale_made import write_input
from terminal import PROGRAM

BATCH_SIZES = (1, 10, 100)
IN_FLIGHT = 10
BATCHES = 200
"""Rows enough that the run is in full swing when its first result is looked for."""
LATENCY_S = 0.05
WITHIN_S = 30.0


def durable_after_ms(provider: Provider, batch_size: int) -> float:
    """Run a job until its first result is there, and return how long that was after the first answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", BATCHES * batch_size, shuffled=False)
        write_job(folder, provider.url, IN_FLIGHT, batch_size=batch_size, task="embeddings")
        provider.begin(LATENCY_S)
        words, none = [*PROGRAM, "run", "job.toml", "--no-ui"], subprocess.DEVNULL
        with subprocess.Popen(words, cwd=folder, stdout=none, stderr=none) as process:
            try:
                seen_at = first_seen_at(folder / "batchtop.db")
            finally:
                process.kill()
        return 1000 * (seen_at - provider.arrivals().answered_at)


def first_seen_at(path: Path) -> float:
    """Return when a result could be read by somebody else."""
    deadline = time.perf_counter() + WITHIN_S
    while not has_tables(path):
        assert time.perf_counter() < deadline, "no workspace came to be"
        time.sleep(0.005)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        while not db.execute("SELECT EXISTS (SELECT 1 FROM results)").fetchone()[0]:
            assert time.perf_counter() < deadline, "no result came"
            time.sleep(0.001)
    return time.perf_counter()


def has_tables(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return bool(db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'results'").fetchone()[0])
    except sqlite3.OperationalError:  # it is in the making
        return False


def rows_of(found: dict[int, list[float]]) -> list[Row]:
    made: list[Row] = []
    for batch_size, spans in found.items():
        ordered = sorted(spans)
        note = f"p50 {share(ordered, 0.5):.0f} ms, {len(ordered)} runs"
        name = f"first result durable after its answer, batches of {batch_size}: p99"
        made.append(row(name, share(ordered, 0.99), "ms", note=note, most=150))
    return made


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="runs of each batch size")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    found: dict[int, list[float]] = {size: [] for size in BATCH_SIZES}
    with loopback() as provider:
        for _ in range(rounds):
            for size, spans in found.items():
                spans.append(durable_after_ms(provider, size))
    keep("first_result", found, tell(rows_of(found)), quick=options.quick)


if __name__ == "__main__":
    main()
