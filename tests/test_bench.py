"""The benches start, and what they find has one shape: nothing is measured here."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[1] / "bench"
SCRIPTS = [each for each in sorted(BENCH.glob("*.py")) if '"__main__"' in each.read_text(encoding="utf-8")]

HELP = """
import contextlib, io, runpy, sys
for script in sys.argv[1:]:
    sys.argv, told = [script, "--help"], io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
    if "usage:" not in told.getvalue():
        raise SystemExit(f"{script} told nothing")
"""
"""All in one process, so that what they import is imported once."""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import from where the scripts lie, as they import each other."""
    monkeypatch.syspath_prepend(BENCH)
    yield import_module
    for name in ("ratios", "table"):
        sys.modules.pop(name, None)


def test_every_script_starts_and_tells_what_it_takes() -> None:
    command = [sys.executable, "-c", HELP, *map(str, SCRIPTS)]
    done = subprocess.run(command, env={"PYTHONPATH": str(BENCH)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_table_has_every_script(bench: Any) -> None:
    assert sorted(bench("table").MEASURES) == [script.stem for script in SCRIPTS if script.stem != "table"]


@pytest.mark.parametrize(
    ("value", "unit", "held", "ratio", "bar", "met"),
    [
        (3.0, "s", {}, None, "", None),
        (3.0, "s", {"most": 3.0}, None, "<= 3 s", True),
        (3.1, "s", {"most": 3.0}, None, "<= 3 s", False),
        (70_000.0, "/s", {"least": 60_000}, None, ">= 60,000 /s", True),
        (90.0, "/s", {"beside": ("floor", 100.0), "least": 0.9}, 0.9, ">= 0.90", True),
        (90.0, "/s", {"beside": ("floor", 101.0), "least": 0.9}, 90 / 101, ">= 0.90", False),
        (90.0, "/s", {"beside": ("floor", 45.0)}, 2.0, "", None),
    ],
)
def test_a_bar_is_for_the_ratio_where_something_stands_beside(
    bench: Any, *, value: float, unit: str, held: dict[str, Any], ratio: float | None, bar: str, met: bool | None
) -> None:
    found = bench("ratios").row("x", value, unit, **held)
    assert (found.bar, found.met) == (bar, met)
    assert found.ratio == (ratio if ratio is None else pytest.approx(ratio))


def test_rows_are_kept_and_the_table_says_which_are_missing(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratios, table = bench("ratios"), bench("table")
    monkeypatch.setattr(ratios, "KEPT", tmp_path)
    fast = ratios.row("speed", 1_234.5, "/s", beside=("floor", 1_000.0), least=2.0)
    ratios.keep("one", {"raw": 1}, [fast, ratios.Row("rival", beside="left out: not installed")])
    ratios.keep("old", [1, 2])
    named = {"one": "", "old": "", "never": "", "two": "it broke"}
    rows = [row for name, failed in named.items() for row in table.rows_of(name, failed, quick=False)]
    assert rows[0] == fast
    *_, speed, rival, old, never, two, sum_of_it = table.show(rows).splitlines()
    assert speed.split() == ["speed", "1,234", "/s", "floor", "1,000", "/s", "1.23", ">=", "2", "MISSED"]
    assert "not installed" in rival
    assert "no rows" in old
    assert "no rows" in never
    assert "it broke" in two
    assert sum_of_it == "0 of 2 bars met"
