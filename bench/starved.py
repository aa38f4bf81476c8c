"""What a result costs the writer's thread beside a loop that never rests: a statement for each row, and one for many.

    python bench/starved.py [--seconds 5] [--quick]

The busy loop is a thread that only counts. The rows go through the groups of the engine (`engine/store/group.py`),
into a workspace of its own; first as they do, then with the statement for one row alone, turn about the other thread
running and not. It tells microseconds a row by the clock.
"""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from batchtop.engine.answer import Answer
from batchtop.engine.item import Item
from batchtop.engine.outcome import Outcome
from batchtop.engine.settle import Settled
from batchtop.engine.store import group
from batchtop.engine.store.group import Group
from batchtop.engine.store.migrations import connect, transaction
from ratios import arguments, keep, row, tell

ROWS = 500
MANY, ONE = "as many a statement as there are", "one a statement"


@contextmanager
def counting() -> Iterator[None]:
    """Have a thread count meanwhile, and never rest."""
    going = True

    def count() -> None:
        number = 0
        while going:
            number += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        going = False
        thread.join()


def results(first: int) -> Group:
    """Return a group of answers to items of their own."""
    answer = Answer(Outcome.OK, b'"an answer"')
    items = (Item(number, str(number), {}, number.to_bytes(16, "big")) for number in range(first, first + ROWS))
    return Group([(1, Settled(item, answer, 1, 10.0, 1.0)) for item in items])


def us_a_row(db: sqlite3.Connection, first: int, seconds: float) -> tuple[float, int]:
    """Commit groups for so long, one at least; return microseconds a row, and the number of the next row."""
    began, rows = time.perf_counter(), 0
    while not rows or time.perf_counter() - began < seconds:
        with transaction(db):
            results(first + rows).write(db)
        rows += ROWS
    return (time.perf_counter() - began) / rows * 1e6, first + rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    seconds = 0.1 if options.quick else options.seconds
    usual, found, first = group._INSERTS, {}, 1  # noqa: SLF001 (what is measured)
    with tempfile.TemporaryDirectory() as name, closing(connect(Path(name) / "batchtop.db")) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        for way, statements in ((MANY, usual), (ONE, {1: usual[1]})):
            group._INSERTS = statements  # noqa: SLF001
            found[way, "alone"], first = us_a_row(db, first, seconds)
            with counting():
                found[way, "busy"], first = us_a_row(db, first, seconds)
    rows = [
        row(f"a row beside {beside} loop: {MANY}", found[MANY, key], "us", beside=(ONE, found[ONE, key]))
        for key, beside in (("alone", "no"), ("busy", "a busy"))
    ]
    keep("starved", {" ".join(key): us for key, us in found.items()}, tell(rows), quick=options.quick)


if __name__ == "__main__":
    main()
