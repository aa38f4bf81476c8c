"""A whole headless run beside a bare aiohttp loop that writes nothing, and beside what people use, in one run.

    python bench/floor.py [--rounds 3] [--share 0.2] [--clients batchtop,bare_aiohttp,...] [--cases 0,2] [--python PATH]

Every client is a process of its own, against one provider in another (`loopback.py`): same rows, same concurrency,
turn by turn. Speed is requests a second between the first and the last arrival at the provider; CPU is what the
client's process took beyond what it takes for ten rows; RSS is its peak. `--python` is an interpreter that has what
clients besides ours need (litellm, bespokelabs-curator); those that can't be run are left out, with the reason.
`--quick` is one round of a twentieth of the rows, of a load that fills a core and one that does not.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from loopback import Provider, loopback
from ratios import Row, arguments, keep, row, tell
from scale_made import write_input
from staged import job_text
from terminal import PROGRAM

HERE = Path(__file__).parent
OURS, OURS_AIOHTTP, FLOOR = "batchtop", "batchtop_aiohttp", "bare_aiohttp"
"""Ours with the HTTP client that everybody has, and with the one that the floor has too."""
DURABLE, DURABLE_AIOHTTP = "durable", "durable_aiohttp"
"""The floor that keeps what it is answered (`clients/durable.py`), with either."""
BASE_ROWS = 10
RIVALS = ("one_loop", "openai_gather", "litellm_gather", "curator_llm")
CLIENTS = (OURS, OURS_AIOHTTP, FLOOR, DURABLE, DURABLE_AIOHTTP, *RIVALS)
BOUND = "the bound"
"""What so many in flight can be at most with this latency."""
SLOW = {"openai_gather": 0.15, "litellm_gather": 0.08, "curator_llm": 0.08, "one_loop": 0.4}
"""Share of the rows that clients get which would take minutes for all."""
SATURATED = 0
LIKE_FLOOR = {100: (0.9,), 500: (0.9,), SATURATED: (0.8,)}
BARS: dict[tuple[str, str], dict[int, tuple[float, ...]]] = {
    (OURS, FLOOR): {**LIKE_FLOOR, 500: (0.9, 2.0)},
    (OURS_AIOHTTP, FLOOR): LIKE_FLOOR,
    (DURABLE, FLOOR): {},
    (DURABLE_AIOHTTP, FLOOR): {},
    (OURS, BOUND): {100: (0.97,)},
    (OURS, "one_loop"): {100: (3.9,), 500: (12.0,)},
    (OURS_AIOHTTP, "one_loop"): {100: (3.5,), 500: (6.0,)},
    (OURS, "openai_gather"): {100: (8.0,), 500: (8.0,)},
    (OURS, "litellm_gather"): {100: (12.0,), 500: (12.0,)},
    (OURS, "curator_llm"): {100: (12.0,), 500: (12.0,)},
}
"""How many times another's requests a second must be, by what is in flight: each of these."""

SETTINGS = """\
concurrency = {in_flight}
batch_size = {batch_size}
[limits]
rpm = 10_000_000
[output]
path = "out.jsonl"
"""


def write_job(folder: Path, url: str, in_flight: int, *, batch_size: int = 1, task: str = "chat") -> None:
    """Write the job file of a run that no limit holds back, with an output file."""
    settings = SETTINGS.format(in_flight=in_flight, batch_size=batch_size)
    (folder / "job.toml").write_text(job_text(url, settings, task))


@dataclass(frozen=True, slots=True)
class Case:
    """One load."""

    in_flight: int
    latency_s: float
    jitter: float
    rows: int

    def __str__(self) -> str:
        late = f"{self.latency_s * 1000:.0f} ms" + (f" ±{self.jitter:.0%}" if self.jitter else "")
        return f"{self.in_flight} in flight, {late}"


CASES = (
    Case(100, 0.05, 0.0, 20_000),
    Case(100, 0.05, 0.3, 20_000),
    Case(500, 0.05, 0.0, 40_000),
    Case(500, 0.05, 0.3, 40_000),
    Case(100, 0.0, 0.0, 40_000),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one process did."""

    per_s: float
    cpu_s: float
    rss_mb: float
    first_s: float | None
    """From its start to its first result on disk, None where it writes none."""


def command(client: str, url: str, folder: Path, in_flight: int, python: str) -> list[str]:
    if client in {OURS, OURS_AIOHTTP}:
        write_job(folder, url, in_flight)
        return [*PROGRAM, "run", "job.toml", "--no-ui"]
    script = HERE / "clients" / ("durable.py" if client in {DURABLE, DURABLE_AIOHTTP} else f"{client}.py")
    return [python, str(script), url, "in.jsonl", str(in_flight), "out.jsonl"]


def run(client: str, provider: Provider, case: Case, rows: int, python: str) -> Ran:
    """Run a client to its end in a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", rows, shuffled=False)
        provider.begin(case.latency_s, case.jitter)
        began = time.perf_counter()
        process = subprocess.Popen(
            command(client, provider.url, folder, case.in_flight, python),
            cwd=folder,
            env={**os.environ, "BATCHTOP_TRANSPORT": "aiohttp" if client in {OURS_AIOHTTP, DURABLE_AIOHTTP} else ""},
            stdout=subprocess.DEVNULL,
            stderr=(folder / "err").open("w"),
        )
        first_s = _first_result(process, folder / "out.jsonl", began)
        _, status, used = os.wait4(process.pid, 0)
        found = provider.arrivals()
        if status or found.requests < rows:
            raise RuntimeError((folder / "err").read_text()[-400:] or f"{found.requests} requests of {rows}")
        return Ran(found.per_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, first_s)


def _first_result(process: subprocess.Popen[bytes], out: Path, began: float) -> float | None:
    """Return when there was something in the file, None when the process ended before."""
    while not (out.exists() and out.stat().st_size):
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return time.perf_counter() - began if out.exists() and out.stat().st_size else None
        time.sleep(0.005)
    return time.perf_counter() - began


def usable(clients: list[str], provider: Provider, python: str, left_out: list[Row]) -> Iterator[tuple[str, Ran]]:
    """Yield each client that can be run, with what it takes for hardly any rows; note why others can't."""
    for client in clients:
        try:
            yield client, run(client, provider, Case(10, 0.0, 0.0, BASE_ROWS), BASE_ROWS, interpreter(client, python))
        except (RuntimeError, OSError) as error:
            last = (str(error).strip().splitlines() or ["?"])[-1]
            left_out += tell([Row(client, beside=f"left out: {last[:80]}")])


def interpreter(client: str, python: str) -> str:
    return python if client in {"litellm_gather", "curator_llm"} else sys.executable


Numbers: TypeAlias = dict[str, float | None]


def measure(case: Case, base: Mapping[str, Ran], provider: Provider, options: argparse.Namespace) -> dict[str, Numbers]:
    """Return each client's medians over the rounds."""
    found: dict[str, list[tuple[Ran, int]]] = {client: [] for client in base}
    for turn in range(options.rounds):
        for client in list(base)[:: 1 if turn % 2 else -1]:
            rows = max(200, int(case.rows * SLOW.get(client, 1.0) * options.share))
            found[client].append((run(client, provider, case, rows, interpreter(client, options.python)), rows))
    return {client: _medians(runs, base[client]) for client, runs in found.items()}


def _medians(runs: list[tuple[Ran, int]], base: Ran) -> Numbers:
    firsts = [ran.first_s for ran, _ in runs if ran.first_s is not None]
    return {
        "per_s": statistics.median(ran.per_s for ran, _ in runs),
        "cpu_us": statistics.median((ran.cpu_s - base.cpu_s) / (rows - BASE_ROWS) * 1e6 for ran, rows in runs),
        "rss_mb": statistics.median(ran.rss_mb for ran, _ in runs),
        "first_s": statistics.median(firsts) if firsts else None,
    }


def speeds(case: Case, told: Mapping[str, Numbers]) -> Iterator[Row]:
    """Yield ours beside the floor and all others, as far as they were run."""
    load = case.in_flight if case.latency_s else SATURATED
    bound = {BOUND: {"per_s": case.in_flight / case.latency_s}} if case.latency_s else {}
    every = {**told, **bound}
    for (ours, other), bars in BARS.items():
        mine, theirs = every.get(ours, {}).get("per_s"), every.get(other, {}).get("per_s")
        if mine and theirs:
            for least in bars.get(load, (None,)):
                yield row(f"{case}: {ours}", mine, "/s", beside=(other, theirs), least=least)


def costs(case: Case, told: Mapping[str, Numbers]) -> Iterator[Row]:
    """Yield what a request takes beside the floor; at the first load also memory and first results, beside all."""
    whats = [("cpu_us", "CPU a request", "us", ours, (FLOOR,)) for ours in (OURS, OURS_AIOHTTP)]
    if case == CASES[0]:
        whats += [
            ("rss_mb", "peak memory", "MB", OURS, (FLOOR, *RIVALS)),
            ("first_s", "first result on disk", "s", OURS, RIVALS),
        ]
    for key, what, unit, ours, others in whats:
        for other in others:
            mine, theirs = told.get(ours, {}).get(key), told.get(other, {}).get(key)
            if mine and theirs:
                yield row(f"{case}: {what}, {ours}", mine, unit, beside=(other, theirs))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the rows: 0.2 for a fifth of the time")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--cases", default="", help="numbers of the cases, as 0,2; all by default")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.share, options.cases = 1, 0.05, options.cases or "0,4"
    cases = [CASES[int(number)] for number in options.cases.split(",") if number] or CASES
    rows: list[Row] = []
    found: dict[str, object] = {}
    with loopback() as provider:
        base = dict(usable(options.clients.split(","), provider, options.python, rows))
        for case in cases:
            found[str(case)] = told = measure(case, base, provider, options)
            rows += tell(chain(speeds(case, told), costs(case, told)))
    keep("floor", found, rows, quick=options.quick)


if __name__ == "__main__":
    main()
