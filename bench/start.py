"""How long it takes until something happens: `--help`, the first request of a headless run, the first frame.

    python bench/start.py [--rounds 7] [--quick]

Each is told as what it takes beyond `python -c pass`, turn by turn in one run; the best of all rounds, as what else
runs on the machine only ever adds.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from floor import write_job
from loopback import Provider, loopback
from ratios import arguments, keep, row, tell
from scale_made import write_input
from terminal import PROGRAM, Terminal

BARS_S = {"--help": 0.25, "first request": 0.6, "first frame": 1.0}


def took(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_request(provider: Provider) -> float:
    """Return when the first request of a headless run came in, in a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", 100, shuffled=False)
        write_job(folder, provider.url, 10)
        provider.begin(0.0)
        began = time.perf_counter()
        took([*PROGRAM, "run", "job.toml", "--no-ui"], folder)
        return provider.arrivals().first_at - began


def first_frame(folder: Path) -> float:
    """Return when a dashboard had drawn its first frame, on the list of jobs."""
    began, since = time.perf_counter(), time.time()
    with Terminal(folder) as terminal:
        terminal.shown_at("finished", since)
        return time.perf_counter() - began


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rounds = 2 if options.quick else options.rounds
    with loopback() as provider, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", 5, shuffled=False)
        provider.begin(0.0)
        write_job(folder, provider.url, 2)
        took([*PROGRAM, "run", "job.toml", "--no-ui"], folder)
        ways: dict[str, Callable[[], float]] = {
            "python": lambda: took([sys.executable, "-c", "pass"], folder),
            "--help": lambda: took([*PROGRAM, "--help"], folder),
            "first request": lambda: first_request(provider),
            "first frame": lambda: first_frame(folder),
        }
        found = {what: min(way() for _ in range(rounds)) for what, way in ways.items()}
    python_s = found["python"]
    base = f"over python's own {python_s:.2f} s"
    rows = [row(f"start: {what}", found[what] - python_s, "s", note=base, most=bar) for what, bar in BARS_S.items()]
    keep("start", found, tell(rows), quick=options.quick)


if __name__ == "__main__":
    main()
