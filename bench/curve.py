"""Speed and cost of a headless run at 1, 10, 100, 1,000 and 4,000 requests in flight, and where the curve bends.

    python bench/curve.py [--rounds 3] [--latency 0.05] [--quick]

Each is a whole `batchtop run --no-ui` against the provider of `loopback.py`, with either transport, turn by turn.
Beside the speed stands its bound, in flight / latency, and the CPU that a request took; the curve bends where one core
is full. It draws `docs/curve.svg`.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curve_picture import picture
from floor import BASE_ROWS, OURS, OURS_AIOHTTP, Case, Ran, run
from loopback import Provider, loopback
from ratios import Row, arguments, figure, keep, place, row, tell

PICTURE = Path(__file__).parents[1] / "docs" / "curve.svg"
IN_FLIGHT = (1, 10, 100, 1_000, 4_000)
SECONDS = 6
"""Every run is long enough for so many seconds at its bound, or has `MOST_ROWS`."""
MOST_ROWS = 40_000
TRANSPORTS = {OURS_AIOHTTP: "aiohttp", OURS: "fast"}


@dataclass(frozen=True, slots=True)
class Point:
    """What a transport does with so many in flight."""

    transport: str
    in_flight: int
    bound_per_s: float
    per_s: float
    cpu_us: float
    rss_mb: float


def measure(provider: Provider, in_flight: int, base: dict[str, Ran], options: argparse.Namespace) -> list[Point]:
    """Return the medians of both transports, turn by turn."""
    bound = in_flight / options.latency
    rows = int(min(MOST_ROWS * options.share, max(100, bound * SECONDS * options.share)))
    case = Case(in_flight, options.latency, 0.0, rows)
    runs: dict[str, list[Ran]] = {client: [] for client in TRANSPORTS}
    for turn in range(options.rounds):
        for client in list(TRANSPORTS)[:: -1 if turn % 2 else 1]:
            runs[client].append(run(client, provider, case, rows, sys.executable))
    return [point(client, case, bound, runs[client], base[client]) for client in TRANSPORTS]


def point(client: str, case: Case, bound: float, runs: Sequence[Ran], base: Ran) -> Point:
    return Point(
        TRANSPORTS[client],
        case.in_flight,
        bound,
        per_s=statistics.median(each.per_s for each in runs),
        cpu_us=statistics.median((each.cpu_s - base.cpu_s) / (case.rows - BASE_ROWS) * 1e6 for each in runs),
        rss_mb=max(each.rss_mb for each in runs),
    )


def row_of(point: Point) -> Row:
    cost = f"{figure(point.cpu_us)} us CPU, {point.rss_mb:.0f} MB"
    name = f"{point.in_flight:,} in flight, {point.transport}: {cost}"
    return row(name, point.per_s, "/s", beside=("the bound", point.bound_per_s))


def drawn(points: Sequence[Point]) -> str:
    first = [each for each in points if each.transport == points[0].transport]
    curves = {"the bound": [(float(each.in_flight), each.bound_per_s) for each in first]}
    for name in TRANSPORTS.values():
        curves[name] = [(float(each.in_flight), each.per_s) for each in points if each.transport == name]
    return picture(curves)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    options.rounds, options.share = (1, 0.1) if options.quick else (options.rounds, 1.0)
    points: list[Point] = []
    rows: list[Row] = []
    with loopback() as provider:
        warm = Case(10, 0.0, 0.0, BASE_ROWS)
        base = {client: run(client, provider, warm, BASE_ROWS, sys.executable) for client in TRANSPORTS}
        for in_flight in IN_FLIGHT:
            points += (found := measure(provider, in_flight, base, options))
            rows += tell(map(row_of, found))
    keep("curve", {"latency_s": options.latency, "points": points}, rows, quick=options.quick)
    to = place("curve", quick=True).with_suffix(".svg") if options.quick else PICTURE
    to.write_text(drawn(points))


if __name__ == "__main__":
    main()
