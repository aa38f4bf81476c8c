"""How soon a key pressed in a dashboard is felt: by the server's arrivals, and on the screen.

python bench/keys.py [--times 20] [--quick]
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from batchtop.engine.simulator import Arrival
from ratios import Row, arguments, keep, row, share, tell
from staged import until, work
from terminal import Terminal

SETTLE_S = 4.0
"""Until a dashboard has drawn itself."""


def measure(folder: Path, times: int) -> Iterator[Row]:
    place, log = folder / "keys", folder / "arrivals.jsonl"
    settings = "batch_size = 1\nconcurrency = 1\nmax_wait = 0"
    with work(place, 100_000, settings, "--latency-ms", "20", "--log", log), Terminal(place, "attach", "job") as screen:
        screen.shown_at("concurrency", 0)
        time.sleep(SETTLE_S)
        screen.type("c")
        time.sleep(1)
        raised = [step(screen, log, "+", 2, lambda arrival: arrival.in_flight > 1) for _ in range(times)]
        resumed = [resume(screen, log) for _ in range(times)]
    for what, spans in (("concurrency 1 → 2", raised), ("resume", resumed)):
        for to, most, each in zip(("arrivals", "screen"), (0.3, 0.6), zip(*spans, strict=True), strict=True):
            ordered = sorted(1000 * span for span in each)
            note = f"p50 {share(ordered, 0.5):.0f}, at most {ordered[-1]:.0f} ms"
            yield row(f"{what}, key to {to}: p95", share(ordered, 0.95), "ms", note=note, most=1000 * most)


def step(screen: Terminal, log: Path, key: str, value: int, told: Callable[[Arrival], bool]) -> tuple[float, float]:
    """Raise the concurrency by a key, and lower it again; return when that arrived, and was confirmed."""
    pressed = screen.type(key)
    spans = arrived(log, pressed, told) - pressed, screen.shown_at(rf"concurrency +{value} ", pressed) - pressed
    lowered = screen.type("-")
    screen.shown_at(r"concurrency +1 ", lowered)
    time.sleep(1.3)
    return spans


def resume(screen: Terminal, log: Path) -> tuple[float, float]:
    """Pause, and resume by a key; return when requests came again, and when the screen says so."""
    paused = screen.type(" ")
    screen.shown_at("paused", paused)
    time.sleep(1.3)
    pressed = screen.type(" ")
    spans = arrived(log, pressed, lambda _: True) - pressed, screen.shown_at("● running", pressed) - pressed
    time.sleep(1.3)
    return spans


def arrived(log: Path, since: float, told: Callable[[Arrival], bool]) -> float:
    """Return when the first request of a kind came after a moment, to the server's millisecond."""
    decoder, found = msgspec.json.Decoder(Arrival), list[float]()

    def look() -> bool:
        whole = log.read_bytes().rpartition(b"\n")[0][-400_000:].partition(b"\n")[2]
        found[:] = [each.at for each in decoder.decode_lines(whole) if each.at >= since and told(each)]
        return bool(found)

    until(look)
    return min(found)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--times", type=int, default=20, help="how often a key is pressed")
    options = parser.parse_args()
    times = 2 if options.quick else options.times
    with tempfile.TemporaryDirectory() as folder:
        keep("keys", {"times": times}, tell(measure(Path(folder), times)), quick=options.quick)


if __name__ == "__main__":
    main()
