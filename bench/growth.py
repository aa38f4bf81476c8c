"""What an item costs at 10k, 100k, 1M (and 10M) of them: whole runs, loading and output file and all.

    python bench/growth.py [--rounds 5] [--most 1000000] [--quick]

The same load at each size, through the transport of `alone.py` that answers at once; each run is a process of its own
with a fresh workspace, and what one takes for a hundred items is taken off. A round runs every size once, and the
smallest several times before and after, of which the median stands beside the others of the round, so that what else
the machine does meets both; the figure is CPU time of the whole process, the writer's thread included. Beside it stands
how much more the rows of so many cost SQLite alone, by the floor of `alone.py`. `--most 10000000` takes 8 GB of
disk and some ten minutes a round.
"""

import statistics
import tempfile
import time
from pathlib import Path

from alone import Instant, floor_per_s, job_of, write_rows
from batchtop.cli.serve import on_fast_loop
from batchtop.engine.engine import Engine
from ratios import Row, arguments, keep, row, tell
from scale import apart

BASE_ROWS = 100
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
TIMES = 3
"""How often the smallest runs before the others of a round, and after them."""
LETTERS = 60


def used_s(source: Path, folder: Path) -> float:
    """Run every row of a file in a fresh workspace, and return the CPU seconds that it took."""

    async def work() -> None:
        async with Engine(folder / "batchtop.db", environment={}, transport=Instant) as engine:
            assert (await engine.run(job_of(folder, 250, 8))).exit_code == 0

    (folder / "in.jsonl").symlink_to(source)
    began = time.process_time()
    on_fast_loop(work())
    return time.process_time() - began


def alone_s(source: Path) -> float:
    """Return the same of a process of its own, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        return apart(used_s, source, Path(folder))


def cost_us(source: Path, rows: int, base_s: float) -> float:
    """Return what an item of a file takes beyond what the process itself takes."""
    return (alone_s(source) - base_s) / (rows - BASE_ROWS) * 1e6


def sqlite_us(folder: Path, rows: int) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return 1e6 / floor_per_s(Path(name), rows, LETTERS)


def written(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.jsonl"
    write_rows(path, rows, LETTERS)
    return path


def in_turn(sources: dict[int, Path], base_s: float) -> dict[int, float]:
    """Return the cost of an item at each size, of one round."""
    (least, source), *larger = sources.items()
    before = [cost_us(source, least, base_s) for _ in range(TIMES)]
    found = {rows: cost_us(path, rows, base_s) for rows, path in larger}
    after = [cost_us(source, least, base_s) for _ in range(TIMES)]
    return {least: statistics.median(before + after), **found}


def rows_of(rounds: list[dict[int, float]], floors: list[dict[int, float]]) -> list[Row]:
    least, *larger = rounds[0]
    base_us = statistics.median(each[least] for each in rounds)
    made = [row(f"CPU of an item, {least:,} items", base_us, "us")]
    for rows in larger:
        ratios = sorted(each[rows] / each[least] for each in rounds)
        cost, ratio = statistics.median(each[rows] for each in rounds), statistics.median(ratios)
        floor = statistics.median(each[rows] / each[least] for each in floors)
        beside = f"{ratios[0]:.2f} to {ratios[-1]:.2f}; SQLite alone {floor:.2f}"
        made.append(Row(f"CPU of an item, {rows:,} items", cost, "us", beside, ratio, "<= 1.10", ratio <= 1.1))
    return made


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=1_000_000, help="items of the largest run")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.most = 1, 100_000
    with tempfile.TemporaryDirectory() as name:
        sources = {rows: written(Path(name), rows) for rows in SIZES if rows <= options.most}
        base = written(Path(name), BASE_ROWS)
        base_s = statistics.median(alone_s(base) for _ in range(2 * options.rounds))
        rounds = [in_turn(sources, base_s) for _ in range(options.rounds)]
        floors = [{rows: apart(sqlite_us, Path(name), rows) for rows in sources} for _ in range(options.rounds)]
    found = {"base_s": base_s, "rounds": rounds, "sqlite": floors}
    keep("growth", found, tell(rows_of(rounds, floors)), quick=options.quick)


if __name__ == "__main__":
    main()
