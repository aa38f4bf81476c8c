"""What looking for cycles costs: the loop's thread with the numbers of `batchtop run` and with Python's, turn by turn.

    python bench/cycles.py [--rounds 3] [--rows 20000] [--in-flight 500] [--quick]

A whole run in this process over real HTTP, by the transport `fast`, against the provider of `loopback.py` at 50 ms. It
tells CPU microseconds a request of the thread that the loop runs on, loading left out; medians of the rounds.
"""

import asyncio
import gc
import statistics
import tempfile
import time
from pathlib import Path

import uvloop
from batchtop.cli.serve import YOUNG
from batchtop.engine import Engine
from batchtop.engine.jobfile import load_job
from batchtop.engine.transports.fast import FastTransport
from floor import write_job
from loopback import loopback
from ratios import arguments, keep, row, tell
from scale_made import write_input

PYTHONS = (700, 10, 10)


async def run(folder: Path) -> float:
    """Return the CPU of the loop's thread, in seconds, from the first request on."""
    async with Engine(folder / "batchtop.db", environment={}, transport=FastTransport) as engine:
        runner = await engine.submit(load_job(folder / "job.toml"))
        while runner.state in {"queued", "loading"}:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        began = time.thread_time()
        assert (await engine.wait("job")).exit_code == 0
        return time.thread_time() - began


def us_a_request(url: str, rows: int, in_flight: int, numbers: tuple[int, int, int]) -> float:
    with tempfile.TemporaryDirectory() as name:
        write_input(Path(name) / "in.jsonl", rows, shuffled=False)
        write_job(Path(name), url, in_flight)
        gc.set_threshold(*numbers)
        (gc.freeze if numbers == YOUNG else gc.unfreeze)()
        return uvloop.run(run(Path(name))) / rows * 1e6


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=500)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.rows = 1, 1_000
    found: dict[tuple[int, int, int], list[float]] = {YOUNG: [], PYTHONS: []}
    with loopback() as provider:
        provider.begin(0.05)
        for turn in range(options.rounds):
            for numbers in list(found)[:: 1 if turn % 2 else -1]:
                found[numbers].append(us_a_request(provider.url, options.rows, options.in_flight, numbers))
    ours, pythons = (statistics.median(found[numbers]) for numbers in (YOUNG, PYTHONS))
    name = f"loop's thread a request, {options.in_flight} in flight, cycles looked for after {YOUNG[0]:,}"
    rows = tell([row(name, ours, "us", beside=(f"after {PYTHONS[0]}", pythons))])
    keep("cycles", {str(numbers): each for numbers, each in found.items()}, rows, quick=options.quick)


if __name__ == "__main__":
    main()
