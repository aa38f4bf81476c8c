"""Speed and cost of a headless run at 1, 10, 100, 1,000 and 4,000 requests in flight, and where the curve bends.

    python bench/curve.py [--rounds 2] [--latency 0.05]

Each is a whole `batchtop run --no-ui` against the provider of `loopback.py`. Beside the speed stands its bound, in
flight / latency, and the CPU that a request took; the curve bends where one core is full.
"""

import argparse
import statistics
import sys

from floor import BASE_ROWS, OURS, Case, run
from loopback import loopback
from ratios import keep

IN_FLIGHT = (1, 10, 100, 1_000, 4_000)
SECONDS = 6
"""Every run is long enough for so many seconds at its bound, or has `MOST_ROWS`."""
MOST_ROWS = 40_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    found: list[dict[str, float]] = []
    with loopback() as provider:
        base = run(OURS, provider, Case(10, 0.0, 0.0, BASE_ROWS), BASE_ROWS, sys.executable)
        for in_flight in IN_FLIGHT:
            bound = in_flight / options.latency
            rows = int(min(MOST_ROWS, max(100, bound * SECONDS)))
            case = Case(in_flight, options.latency, 0.0, rows)
            runs = [run(OURS, provider, case, rows, sys.executable) for _ in range(options.rounds)]
            per_s = statistics.median(each.per_s for each in runs)
            cpu_us = statistics.median((each.cpu_s - base.cpu_s) / rows * 1e6 for each in runs)
            rss_mb = max(each.rss_mb for each in runs)
            numbers = {"in_flight": in_flight, "bound_per_s": bound, "per_s": per_s, "cpu_us": cpu_us, "rss_mb": rss_mb}
            found.append(numbers)
            print(
                f"{in_flight:>5,} in flight: {per_s:>7,.0f}/s of {bound:>7,.0f} ({per_s / bound:.2f}),"
                f" {cpu_us:>5,.0f} us CPU a request, {rss_mb:.0f} MB"
            )
    keep("curve", {"latency_s": options.latency, "runs": found})


if __name__ == "__main__":
    main()
