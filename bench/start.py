"""How long it takes until something happens: `--help`, the first request of a headless run, the first frame.

    python bench/start.py [--rounds 7]

Each is told as what it takes beyond `python -c pass`, turn by turn in one run; the best of all rounds, as what else
runs on the machine only ever adds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from floor import JOB
from loopback import Provider, loopback
from ratios import keep
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
        (folder / "job.toml").write_text(JOB.format(url=provider.url, in_flight=10))
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with loopback() as provider, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder / "in.jsonl", 5, shuffled=False)
        provider.begin(0.0)
        (folder / "job.toml").write_text(JOB.format(url=provider.url, in_flight=2))
        took([*PROGRAM, "run", "job.toml", "--no-ui"], folder)
        ways: dict[str, Callable[[], float]] = {
            "python": lambda: took([sys.executable, "-c", "pass"], folder),
            "--help": lambda: took([*PROGRAM, "--help"], folder),
            "first request": lambda: first_request(provider),
            "first frame": lambda: first_frame(folder),
        }
        found = {what: min(way() for _ in range(options.rounds)) for what, way in ways.items()}
    for what, bar_s in BARS_S.items():
        print(f"{what:<14} {found[what] - found['python']:.2f} s over python's {found['python']:.2f} s (bar {bar_s} s)")
    keep("start", found)


if __name__ == "__main__":
    main()
