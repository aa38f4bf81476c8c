"""What processes and threads are worth to a `python` task.

    python bench/python_task.py [--slices 150] [--quick]

CPU-bound: a handful of calls in two worker processes and in one, turn by turn, so that other load meets both; the
quietest moments of each tell what the pool does, the median what the machine had left for it.
Blocking: a whole job of calls that sleep 50 ms, 50 in flight, against the 1,000 a second that are possible.
A call by itself: what one costs that does nothing, in a worker process, in a thread and as a coroutine, this also with
50 and 1,000 in flight.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from batchtop.engine import Engine, load_job
from batchtop.engine.taskspec import Mode, PythonSpec
from batchtop.engine.transports import Request
from batchtop.engine.transports.python import PythonTransport
from ratios import Row, arguments, keep, row, tell

HERE = Path(__file__).parent
JOB = """\
[input]
path = "in.jsonl"
[task]
type = "python"
path = "{here}"
{task}
[settings]
{settings}
"""
ROUNDS = 400_000
SLICE = 8
REQUEST = Request("python:", b'[{"n": 1}]')
CALLS = 6_000
SLEEP_S = 0.05


def burn(item: dict[str, int]) -> int:
    """Keep one core busy for about 20 ms."""
    total = item["n"]
    for each in range(ROUNDS):
        total ^= each
    return total


def rest(_: dict[str, int]) -> None:
    time.sleep(SLEEP_S)


def nothing(_: dict[str, int]) -> None:
    pass


async def nothing_async(_: dict[str, int]) -> None:
    pass


async def run(folder: Path, items: int, task: str, settings: str) -> float:
    """Return the seconds that a whole job takes."""
    (folder / "in.jsonl").write_text("".join(json.dumps({"n": number}) + "\n" for number in range(items)))
    job = folder / "job.toml"
    job.write_text(JOB.format(here=HERE, task=task, settings=settings))
    async with Engine(folder / "batchtop.db") as engine:
        begun = time.perf_counter()
        end = await engine.run(load_job(job))
        assert end.exit_code == 0, end
        return time.perf_counter() - begun


def measure(items: int, task: str, settings: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return uvloop.run(run(Path(folder), items, task, settings))


async def slice_of(pool: PythonTransport) -> float:
    """Return the seconds that a handful of calls take, all sent at once."""
    begun = time.perf_counter()
    await asyncio.gather(*(pool.send(REQUEST, timeout_s=60) for _ in range(SLICE)))
    return time.perf_counter() - begun


async def processes(slices: int) -> list[Row]:
    pools = [
        PythonTransport(PythonSpec(call="python_task:burn", mode="process", path=str(HERE), workers=workers))
        for workers in (1, 2)
    ]
    for pool in pools:
        await slice_of(pool)  # all its workers are there then
    one, two = zip(*[[await slice_of(pool) for pool in pools] for _ in range(slices)], strict=True)
    for pool in pools:
        await pool.aclose()
    median = statistics.median(before / after for before, after in zip(one, two, strict=True))
    quietest = f"{min(one):.3f} s, {min(two):.3f} s"
    return [
        row("two processes over one, in the quietest moment", min(one) / min(two), note=quietest, least=1.7),
        row(f"two processes over one, median of {slices}", median, note="as much as others left of the machine"),
    ]


def threads(items: int) -> Row:
    flight = 50
    took = measure(items, 'call = "python_task:rest"', f"batch_size = 1\nconcurrency = {flight}")
    return row(
        f"threads: blocking calls, {flight} in flight", items / took, "/s", beside=("the bound", flight / SLEEP_S)
    )


async def call_cost(name: str, mode: Mode, flight: int) -> float:
    """Return the microseconds of a call, with so many in flight."""
    transport = PythonTransport(PythonSpec(call=f"python_task:{name}", mode=mode, path=str(HERE), workers=1))

    async def one_after_the_other(count: int) -> None:
        for _ in range(count):
            await transport.send(REQUEST, timeout_s=60)

    begun = time.perf_counter()
    await asyncio.gather(*(one_after_the_other(CALLS // flight) for _ in range(flight)))
    took = time.perf_counter() - begun
    await transport.aclose()
    return took / CALLS * 1e6


def calls() -> Iterator[Row]:
    of_coroutines = [("nothing_async", "async", flight) for flight in (1, 50, 1_000)]
    for name, mode, flight in (("nothing", "process", 1), ("nothing", "thread", 1), *of_coroutines):
        cost = min(uvloop.run(call_cost(name, mode, flight)) for _ in range(3))
        yield row(f"a call that does nothing, mode {mode}, {flight:,} in flight", cost, "us")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--slices", type=int, default=150)
    options = parser.parse_args()
    slices, items = (5, 200) if options.quick else (options.slices, 3_000)
    rows = [*tell(asyncio.run(processes(slices))), *tell([threads(items)]), *tell(calls())]
    keep("python_task", {"slices": slices}, rows, quick=options.quick)


if __name__ == "__main__":
    main()
