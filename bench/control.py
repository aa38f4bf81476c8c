"""How soon a change is felt: from its row in `commands` to the first request at the server under the new setting.

    python bench/control.py [--times 120] [--quick]

A job is on its way against the built-in provider, whose log tells how many requests were in flight when each came. Of
two changes the first request tells itself: one with more in flight than there could be before, once the concurrency is
raised; and any at all, once a paused job is resumed. They are asked for at random moments, since the engine looks for
commands at fixed ones. The provider's log is to the millisecond, and the row says itself when it was written.
"""

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from batchtop.engine.simulator import Arrival
from batchtop.engine.store import commands
from keys import arrived
from ratios import arguments, keep, row, share, tell
from staged import until, work

LOW, HIGH = 20, 30
LATENCY_S = 0.05
CALM_S = 0.2
"""Until nothing of the last setting is in flight any more."""

Change: TypeAlias = Callable[[Path], float]
"""Makes one change and returns how many seconds it took to be felt."""


def ask(place: Path, verb: str, **values: object) -> float:
    """Write a command, wait until it is applied, and return when its row was written."""
    path = place / "batchtop.db"
    number = commands.send(path, "job", verb, values, "bench")
    until(lambda: commands.answer(path, number))
    with closing(sqlite3.connect(path)) as db:
        (at,) = db.execute("SELECT at FROM commands WHERE id = ?", (number,)).fetchone()
    return at


def calm() -> None:
    time.sleep(CALM_S + random.random() * 0.1)


def felt(place: Path, since: float, told: Callable[[Arrival], bool]) -> float:
    return arrived(place.with_name("arrivals.jsonl"), since, told) - since


def raise_it(place: Path) -> float:
    """Raise the concurrency, and lower it again."""
    calm()
    took = felt(place, ask(place, "set", concurrency=HIGH), lambda arrival: arrival.in_flight > LOW)
    ask(place, "set", concurrency=LOW)
    return took


def resume(place: Path) -> float:
    """Pause, and resume."""
    ask(place, "pause")
    calm()
    return felt(place, ask(place, "resume"), lambda _: True)


CHANGES: dict[str, Change] = {"concurrency raised": raise_it, "resumed": resume}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--times", type=int, default=120, help="how often each change is made")
    options = parser.parse_args()
    times = 6 if options.quick else options.times
    with tempfile.TemporaryDirectory() as name:
        place, log = Path(name) / "control", Path(name) / "arrivals.jsonl"
        behaviour = ("--latency-ms", f"{1000 * LATENCY_S:g}", "--log", log)
        with work(place, 1_000 * times + 20_000, f"batch_size = 1\nconcurrency = {LOW}", *behaviour):
            found = {what: sorted(1000 * change(place) for _ in range(times)) for what, change in CHANGES.items()}
    rows = [
        row(
            f"control to effect, {what}: p99",
            share(spans, 0.99),
            "ms",
            note=f"p50 {share(spans, 0.5):.0f}, at most {spans[-1]:.0f} ms of {times}",
            most=100,
        )
        for what, spans in found.items()
    ]
    keep("control", found, tell(rows), quick=options.quick)


if __name__ == "__main__":
    main()
