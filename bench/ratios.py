"""What a bench found, in one shape: a row says what was measured, what stands beside it, and whether that is enough.

Every script of this folder prints its rows as it finds them, and keeps them with its raw figures in
`results/NAME.json`; `table.py` makes one table of them all. What `--quick` finds lies in `results/quick/`: it tells
that a script works, and no more.
"""

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path

KEPT = Path(__file__).parent / "results"
WIDTHS = (60, 14, 32, 6, 12, 6)
"""Of the columns while a script runs; the table at the end is as wide as it must be."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    value: float | None = None
    """None where nothing was measured; `beside` says why."""
    unit: str = ""
    beside: str = ""
    """The floor or the rival of the same run, or a remark."""
    ratio: float | None = None
    bar: str = ""
    met: bool | None = None
    """None where there is no bar."""

    def cells(self) -> tuple[str, ...]:
        """Return what stands in each column."""
        met = {None: "", True: "met", False: "MISSED"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (
            self.name,
            "-" if self.value is None else figure(self.value, self.unit),
            self.beside,
            ratio,
            self.bar,
            met,
        )


HEAD = ("what", "figure", "beside it", "ratio", "bar", "")


def row(
    name: str,
    value: float,
    unit: str = "",
    *,
    beside: tuple[str, float] | None = None,
    note: str = "",
    least: float | None = None,
    most: float | None = None,
) -> Row:
    """Make a row; what it must be at least or at most is the ratio where something stands beside it, else the value."""
    ratio = value / beside[1] if beside else None
    judged, own_unit = (value, unit) if ratio is None else (ratio, "")
    words = f"{beside[0]} {figure(beside[1], unit)}" if beside else note
    if least is not None:
        return Row(name, value, unit, words, ratio, f">= {figure(least, own_unit)}", judged >= least)
    if most is not None:
        return Row(name, value, unit, words, ratio, f"<= {figure(most, own_unit)}", judged <= most)
    return Row(name, value, unit, words, ratio)


def figure(value: float, unit: str = "") -> str:
    """Return a figure with as many digits as it is worth."""
    digits = next((digits for digits, least in ((0, 100), (1, 10)) if abs(value) >= least), 2)
    return f"{value:,.{0 if value == int(value) else digits}f} {unit}".rstrip()


def line(cells: Sequence[str], widths: Sequence[int] = WIDTHS) -> str:
    """Return one line of a table: names to the left, figures to the right."""
    sides = ("<", ">", "<", ">", ">", "<")
    return "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, widths, strict=True)).rstrip()


def tell(rows: Iterable[Row]) -> list[Row]:
    """Print rows as they are found, and return them all."""
    told: list[Row] = []
    for each in rows:
        print(line(each.cells()), flush=True)
        told.append(each)
    return told


def share(ordered: Sequence[float], part: float) -> float:
    """Return the value that so great a part of ordered ones does not pass: 0.5 for the median, 0.99 for p99."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def arguments(told: str | None) -> argparse.ArgumentParser:
    """Return a parser with what every bench takes."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="as little as tells that it works: no figure to go by")
    return parser


def place(name: str, *, quick: bool = False) -> Path:
    """Return where the rows of a bench are kept."""
    return (KEPT / "quick" if quick else KEPT) / f"{name}.json"


def keep(name: str, found: object, rows: Sequence[Row] = (), *, quick: bool = False) -> None:
    """Write what one bench found over what it found before: its rows, and the figures that they were made of."""
    file = place(name, quick=quick)
    file.parent.mkdir(exist_ok=True)
    at, load = datetime.now(UTC).isoformat(timespec="seconds"), round(os.getloadavg()[0], 1)
    told = {"at": at, "load": load, "rows": [asdict(each) for each in rows], "found": found}
    file.write_text(json.dumps(told, indent=1, default=_plain) + "\n")


def kept(name: str, *, quick: bool = False) -> list[Row]:
    """Return the rows that a bench kept last; none where it never ran, or keeps no rows."""
    file = place(name, quick=quick)
    return [Row(**each) for each in json.loads(file.read_text()).get("rows", [])] if file.exists() else []


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{value!r} can't be kept")
