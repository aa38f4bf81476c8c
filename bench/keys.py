"""How soon a key pressed in a dashboard is felt: by the server's arrivals, and on the screen.

python bench/keys.py [--times 20]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from batchtop.engine.simulator import Arrival
from scale import tell
from staged import until, work
from terminal import Terminal

SETTLE_S = 4.0
"""Until a dashboard has drawn itself."""


def measure(folder: Path, times: int) -> None:
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
            ordered = sorted(each)
            middle, high, worst = ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))], ordered[-1]
            figures = f"{1000 * middle:.0f}, {1000 * high:.0f}, {1000 * worst:.0f} ms"
            tell(f"{what}, key to {to}: p50, p95, max", figures, f"<= {1000 * most:.0f}", good=high <= most)


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="how often a key is pressed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"── keys, with a load of {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        measure(Path(folder), options.times)


if __name__ == "__main__":
    main()
