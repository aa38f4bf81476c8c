"""What a dashboard costs: real ones, in terminals of their own, on real engines.

    python bench/dashboard.py [idle live attached size] [--seconds 30] [--rows 1000000] [--quick]

idle      bytes and frames written while nothing changes: a job that has ended, and one paused for a minute
live      share of a core and bytes a second, on an engine at 500 items a second that meets 429s
attached  throughput of an engine that takes a whole core, with a dashboard beside it and without, in turn, in one run
size      CPU time of a read and of a tick, on a workspace of many items and on a small one

The share of a core is CPU time (user and system) over the time that passed, so what others do on the machine matters
little. For `attached`, engine and dashboard are pinned to cores of their own and the server is a function in the
engine's process: what is measured is the database between them, not a fight for a core. The dashboard is stopped and
let go on (SIGSTOP, SIGCONT) every two seconds, so that nothing else differs. `--rows 10000000` takes
10 GB of disk and some 10 minutes.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from batchtop.engine.store.reader import Reader
from batchtop.tui.figures.series import LATELY_S
from ratios import Row, arguments, keep, row, share, tell
from scale import apart, busy_ms, measure_run
from scale_made import make_nearly_done, write_input
from staged import state, until, work
from terminal import PROGRAM, Terminal

SIZES = ((80, 24), (120, 36), (200, 60))
SETTLE_S = 4.0
"""Until a dashboard has drawn itself."""
BEAT_S = 0.5
FASTEST = 25_000
"""Items a second that an engine without a server does not reach."""

# ── idle ──


def idle(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    with work(folder / "idle", 300_000, "batch_size = 1\nconcurrency = 20", "--latency-ms", "20"):
        time.sleep(3)
        subprocess.run([*PROGRAM, "pause", "job"], cwd=folder / "idle", check=True, capture_output=True)
        time.sleep(LATELY_S)  # until then the last 10 and 60 seconds, which are told, still change
        yield from quiet("paused, the engine beside it", folder / "idle", options)
        subprocess.run([*PROGRAM, "drain", "job"], cwd=folder / "idle", check=True, capture_output=True)
        until(lambda: state(folder / "idle") == "drained")
    yield from quiet("ended", folder / "idle", options)


def quiet(what: str, folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    with Terminal(folder, "attach", "job") as terminal:
        time.sleep(2 * SETTLE_S)
        sent, frames, busy = terminal.bytes, terminal.frames, terminal.cpu_s
        time.sleep(options.seconds)
        sent, frames = terminal.bytes - sent, terminal.frames - frames
        of_a_core = (terminal.cpu_s - busy) / options.seconds
    yield row(f"idle {what}: written in {options.seconds:g} s", sent, "B", note=f"in {frames} frames", most=0)
    yield row(f"idle {what}: of a core", 100 * of_a_core, "%")


# ── live ──


def live(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    (folder / "ansi.toml").write_text('theme = "ansi-dark"\n')
    provider = ("--latency-ms", "100", "--latency-sigma", "0.4", "--rpm", "30000", "--limited-rate", "0.0002")
    settings = "batch_size = 1\nconcurrency = 100\n"
    with work(folder / "live", 400_000, settings, *provider):
        time.sleep(min(20, options.seconds))
        for size in SIZES[1:2] if options.quick else SIZES:
            for theme, env in (("", {}), (", ansi-dark", {"BATCHTOP_CONFIG": str(folder / "ansi.toml")})):
                yield from watched(f"live at {size[0]}x{size[1]}{theme}", folder / "live", size, env, options)


def watched(
    what: str, folder: Path, size: tuple[int, int], env: dict[str, str], options: argparse.Namespace
) -> Iterator[Row]:
    with Terminal(folder, "attach", "job", size=size, env=env) as terminal:
        time.sleep(SETTLE_S)
        began, sent, frames, busy = time.time(), terminal.bytes, terminal.frames, terminal.cpu_s
        time.sleep(options.seconds)
        passed = time.time() - began
        of_a_core, rate = (terminal.cpu_s - busy) / passed, (terminal.bytes - sent) / passed
        frames = terminal.frames - frames
    with Reader(folder / "batchtop.db") as reader:
        snapshot = reader.snapshot("job", passed)
    assert snapshot
    done = sum(sample.items for sample in snapshot.samples) / passed
    hits = sum(sample.errors.get("rate_limited", 0) for sample in snapshot.samples)
    most = (10, 20) if size == (120, 36) else (None, None)
    yield row(f"{what}: of a core", 100 * of_a_core, "%", most=most[0])
    yield row(f"{what}: written", rate / 1000, "kB/s", most=most[1])
    yield row(f"{what}: frames", frames / passed, "/s", note=f"{done:,.0f} items/s, {hits} 429s")


# ── attached ──


def attached(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    place = folder / "attached"
    place.mkdir()
    pairs = max(3, round(options.seconds))
    source = write_input(place / "in.jsonl", int(FASTEST * (2 * SETTLE_S + 3.5 * pairs)), shuffled=False)
    first, *_, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first})
    engine = psutil.Popen([PROGRAM[0], __file__, "--engine", place, source], stdout=subprocess.DEVNULL)
    os.sched_setaffinity(0, {last})
    try:
        until(lambda: state(place) == "running", 600)
        with Terminal(place, "attach", "job") as terminal:
            time.sleep(2 * SETTLE_S)
            rates = [in_turn(place, engine, terminal.process, first=number % 2 > 0) for number in range(pairs)]
    finally:
        engine.kill()
        engine.wait()
        os.sched_setaffinity(0, {first, last})
    without, beside = (statistics.median(each) for each in zip(*rates, strict=True))
    low, middle, high = statistics.quantiles((beside / alone for alone, beside in rates), n=4)
    what = "attached: items per second of the engine's CPU"
    yield row(what, beside, "/s", beside=("without a dashboard", without))
    spread = f"the middle half {low:.3f} to {high:.3f}, {pairs} pairs"
    yield row(f"{what}, median ratio", middle, note=spread, least=0.98)


def in_turn(folder: Path, engine: psutil.Process, dashboard: psutil.Process, *, first: bool) -> tuple[float, float]:
    """Return how much an engine does in a second of its CPU while a dashboard stands still, and while it draws."""
    rates = dict[bool, float]()
    for draws in (first, not first):
        (dashboard.resume if draws else dashboard.suspend)()
        time.sleep(0.2)
        rates[draws] = throughput(folder, engine)
    dashboard.resume()
    return rates[False], rates[True]


def throughput(folder: Path, engine: psutil.Process) -> float:
    """Return how many items an engine ends in a second of its CPU, over a bit more than a second."""

    def stand() -> tuple[int, float]:
        with Reader(folder / "batchtop.db") as reader:
            job = reader.known_job("job")
        return job.done, sum(engine.cpu_times()[:2])

    done, busy = stand()
    time.sleep(1.5)
    later, busier = stand()
    return (later - done) / (busier - busy)


# ── size ──


def size(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    for rows in (10_000, options.rows):
        place = folder / f"size-{rows}"
        place.mkdir()
        source = write_input(place / "in.jsonl", rows, shuffled=False)
        apart(make_nearly_done, place, source, 9, rows * 9 // 10)
        with Reader(place / "batchtop.db") as reader:
            spans = sorted(busy_ms(lambda reader=reader: reader.snapshot("job")) for _ in range(200))
        yield row(f"{rows:,} items: Reader.snapshot, p50", share(spans, 0.5), "ms", note=f"p99 {spans[197]:.1f} ms")
        with Terminal(place, "attach", "job") as terminal:
            time.sleep(2 * SETTLE_S)
            busy = terminal.cpu_s
            time.sleep(10)
            per_tick = (terminal.cpu_s - busy) / 10 * BEAT_S * 1000
        yield row(f"{rows:,} items: a tick of the dashboard", per_tick, "ms", note="CPU time")


PARTS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Row]]] = {
    "idle": idle,
    "live": live,
    "attached": attached,
    "size": size,
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large workspace")
    parser.add_argument("--engine", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        measure_run(*options.engine)
        return
    if options.quick:
        options.seconds, options.parts = 3.0, options.parts or ["idle", "live"]
    parts = options.parts or list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        rows = tell(each for part in parts for each in PARTS[part](Path(folder), options))
    keep("dashboard", {"parts": parts, "seconds": options.seconds}, rows, quick=options.quick)


if __name__ == "__main__":
    main()
