"""Every measure of this folder, one after the other, and one table of what they found: `make bench`.

    python bench/table.py [NAME ...] [--quick] [--kept] [--python PATH]

Each script is a process of its own. What it found is a ratio, or a figure beside its bar, of one run of that script;
a script that fails, and a rival that can't be run here, is a row that says so. With names, only those are run, and the
table shows the others as they were last kept; `--kept` runs none. `--python` is an interpreter that has the rivals of
`floor.py`. The table is kept as `results/table.json`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from ratios import HEAD, Row, arguments, keep, kept, line

HERE = Path(__file__).parent
MEASURES = (
    "start",
    "warm",
    "floor",
    "curve",
    "calls",
    "cycles",
    "starved",
    "alone",
    "growth",
    "vectors",
    "first_result",
    "control",
    "keys",
    "dashboard",
    "scale",
    "limits",
    "prepare",
    "python_task",
    "transport",
    "simulator_rate",
)
"""In the order of the table: a whole run, the engine alone, how soon, how much, what is around it."""


def run(name: str, *words: str, quick: bool = False) -> str:
    """Run one script to its end; return why it failed, empty where it did not."""
    script = HERE / f"{name}.py"
    if quick and script.exists() and "arguments(" in script.read_text():  # the others have no quick way
        words = (*words, "--quick")
    print(f"── {name}, with a load of {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    began = time.perf_counter()
    done = subprocess.run([sys.executable, script, *words], stderr=subprocess.PIPE, text=True, check=False)
    print(f"   {time.perf_counter() - began:.0f} s", flush=True)
    if not done.returncode:
        return ""
    print(done.stderr, file=sys.stderr)
    return (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1][:70]


def rows_of(name: str, failed: str, *, quick: bool) -> list[Row]:
    """Return the rows of one script, or one that says why there are none."""
    if failed:
        return [Row(name, beside=f"failed: {failed}", met=False)]
    return kept(name, quick=quick) or [Row(name, beside="no rows are kept of it")]


def show(rows: list[Row]) -> str:
    """Return the table, its columns as wide as they must be."""
    cells = [HEAD, *(each.cells() for each in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    head, *rest = (line(each, widths) for each in cells)
    missed = [each.met for each in rows if each.met is not None].count(False)
    judged = sum(each.met is not None for each in rows)
    return "\n".join([head, "─" * sum(widths), *rest, f"{judged - missed} of {judged} bars met"])


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MEASURES)} (all)")
    parser.add_argument("--kept", action="store_true", help="run nothing, show what was kept")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has litellm and curator")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    chosen = () if options.kept else options.names or MEASURES
    more = {"floor": ["--python", options.python]}
    failed = {name: run(name, *more.get(name, []), quick=options.quick) for name in MEASURES if name in chosen}
    rows = [row for name in MEASURES for row in rows_of(name, failed.get(name, ""), quick=options.quick)]
    if options.quick:
        print("These are figures of --quick: they tell that the scripts work, and no more.")
    print(show(rows))
    keep("table", None, rows, quick=options.quick)
    sys.exit(any(failed.values()))


if __name__ == "__main__":
    main()
