"""How many calls of functions a request costs, and which take most of its time.

    python bench/calls.py [--rows 5000] [--top 15] [--quick]

A whole run of requests for one text each, through the transport of `alone.py` that answers at once, under cProfile. It
counts exactly, functions in C too, but slows calls down: go by its counts, and by its times only as far as to see
where to look. The writer's thread is left out, for the profiler sees one thread.
"""

import cProfile
import pstats
import tempfile
from pathlib import Path
from types import CodeType

import uvloop
from alone import Instant, job_of, write_rows
from batchtop.engine.engine import Engine
from ratios import Row, arguments, keep, row, tell

BASE_ROWS = 100
IN_FLIGHT = 100
HERE = Path(__file__).resolve().parents[1]


async def work(folder: Path) -> None:
    async with Engine(folder / "batchtop.db", environment={}, transport=Instant) as engine:
        assert (await engine.run(job_of(folder, 1, IN_FLIGHT))).exit_code == 0


def profiled(rows: int) -> cProfile.Profile:
    """Return the profile of a run of so many items."""
    with tempfile.TemporaryDirectory() as name:
        write_rows(Path(name) / "in.jsonl", rows, 60)
        profile = cProfile.Profile()
        profile.enable()
        uvloop.run(work(Path(name)))
        profile.disable()
        return profile


def calls(profile: cProfile.Profile) -> int:
    return pstats.Stats(profile).total_calls  # pyright: ignore[reportAttributeAccessIssue] (it is there)


def rows_of(profile: cProfile.Profile, rows: int, base: int, top: int) -> list[Row]:
    """Return calls a request, and the functions that it spends most of its time in itself."""
    made = [row("calls of functions a request", (calls(profile) - base) / (rows - BASE_ROWS))]
    for each in sorted(profile.getstats(), key=lambda entry: -entry.inlinetime)[:top]:
        spent, times = each.inlinetime / rows * 1e6, each.callcount / rows
        made.append(row(f"    {name_of(each.code)}", spent, "us", note=f"{times:.2f} times"))
    return made


def name_of(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code.strip("<>")
    file = Path(code.co_filename)
    place = file.relative_to(HERE) if file.is_relative_to(HERE) else file.name
    return f"{code.co_qualname}, {place}"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--top", type=int, default=15, help="functions shown")
    options = parser.parse_args()
    rows = 1_000 if options.quick else options.rows
    base = calls(profiled(BASE_ROWS))
    rows_found = rows_of(profiled(rows), rows, base, options.top)
    keep("calls", {"rows": rows}, tell(rows_found)[:1], quick=options.quick)


if __name__ == "__main__":
    main()
