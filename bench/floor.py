"""A whole headless run beside a bare aiohttp loop that writes nothing, and beside what people use, in one run.

    python bench/floor.py [--rounds 3] [--quick] [--clients batchtop,bare_aiohttp,...] [--python PATH]

Every client is a process of its own, against one provider in another (`loopback.py`): same rows, same concurrency,
turn by turn. Speed is requests a second between the first and the last arrival at the provider; CPU is what the
client's process took beyond what it takes for ten rows; RSS is its peak. `--python` is an interpreter that has what
clients besides ours need (litellm, bespokelabs-curator); those that can't be run are left out, with the reason.
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
from pathlib import Path

from loopback import Provider, loopback
from ratios import keep
from scale_made import write_input
from terminal import PROGRAM

HERE = Path(__file__).parent
OURS, OURS_FAST, FLOOR = "batchtop", "batchtop_fast", "bare_aiohttp"
"""Ours with the transport that everybody has, and with the leaner one of the extra `fast`."""
BASE_ROWS = 10
CLIENTS = (OURS, OURS_FAST, FLOOR, "one_loop", "openai_gather", "litellm_gather", "curator_llm")
SLOW = {"openai_gather": 0.15, "litellm_gather": 0.08, "curator_llm": 0.08, "one_loop": 0.4}
"""Share of the rows that clients get which would take minutes for all."""

JOB = """\
name = "job"
[input]
path = "in.jsonl"
id = "id"
[task]
type = "chat"
model = "m"
prompt = "{{text}}"
base_url = "{url}"
[settings]
concurrency = {in_flight}
batch_size = 1
[limits]
rpm = 10_000_000
[output]
path = "out.jsonl"
"""


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
    if client in {OURS, OURS_FAST}:
        (folder / "job.toml").write_text(JOB.format(url=url, in_flight=in_flight))
        return [*PROGRAM, "run", "job.toml", "--no-ui"]
    script = HERE / "clients" / f"{client}.py"
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
            env={**os.environ, "BATCHTOP_TRANSPORT": "fast" if client == OURS_FAST else "aiohttp"},
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


def usable(clients: list[str], provider: Provider, python: str) -> Iterator[tuple[str, Ran]]:
    """Yield each client that can be run, with what it takes for hardly any rows."""
    for client in clients:
        try:
            yield client, run(client, provider, Case(10, 0.0, 0.0, BASE_ROWS), BASE_ROWS, interpreter(client, python))
        except (RuntimeError, OSError) as error:
            last = (str(error).strip().splitlines() or ["?"])[-1]
            print(f"left out: {client}: {last}", file=sys.stderr)


def interpreter(client: str, python: str) -> str:
    return python if client in {"litellm_gather", "curator_llm"} else sys.executable


def measure(case: Case, base: Mapping[str, Ran], provider: Provider, options: argparse.Namespace) -> dict[str, object]:
    """Return each client's medians over the rounds, and ratios to the floor."""
    found: dict[str, list[tuple[Ran, int]]] = {client: [] for client in base}
    for turn in range(options.rounds):
        for client in list(base)[:: 1 if turn % 2 else -1]:
            rows = max(200, int(case.rows * SLOW.get(client, 1.0) * (0.2 if options.quick else 1.0)))
            found[client].append((run(client, provider, case, rows, interpreter(client, options.python)), rows))
    told = {client: _medians(runs, base[client]) for client, runs in found.items()}
    for client, numbers in told.items():
        floor, ours = told.get(FLOOR), told.get(OURS)
        numbers["of_floor"] = numbers["per_s"] / floor["per_s"] if floor else None
        numbers["ours_over_it"] = ours["per_s"] / numbers["per_s"] if ours else None
        print(_line(str(case), client, numbers))
    return {"case": str(case), "bound_per_s": case.in_flight / case.latency_s if case.latency_s else None, **told}


def _medians(runs: list[tuple[Ran, int]], base: Ran) -> dict[str, float | None]:
    firsts = [ran.first_s for ran, _ in runs if ran.first_s is not None]
    return {
        "per_s": statistics.median(ran.per_s for ran, _ in runs),
        "cpu_us": statistics.median((ran.cpu_s - base.cpu_s) / (rows - BASE_ROWS) * 1e6 for ran, rows in runs),
        "rss_mb": statistics.median(ran.rss_mb for ran, _ in runs),
        "first_s": statistics.median(firsts) if firsts else None,
    }


def _line(case: str, client: str, numbers: Mapping[str, float | None]) -> str:
    first = "-" if numbers["first_s"] is None else f"{numbers['first_s']:.2f} s"
    ratios = "  ".join(
        f"{value:6.2f} {what}"
        for what, key in (("of floor", "of_floor"), ("x slower", "ours_over_it"))
        if (value := numbers[key])
    )
    return (
        f"{case:<24} {client:<15} {numbers['per_s']:>8,.0f}/s  {numbers['cpu_us']:>6,.0f} us CPU"
        f"  {numbers['rss_mb']:>4,.0f} MB  first {first:>7}  {ratios}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a fifth of the rows")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--cases", default="", help="numbers of the cases, as 0,2; all by default")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    cases = [CASES[int(number)] for number in options.cases.split(",") if number] or CASES
    with loopback() as provider:
        base = dict(usable(options.clients.split(","), provider, options.python))
        keep("floor", [measure(case, base, provider, options) for case in cases])


if __name__ == "__main__":
    main()
