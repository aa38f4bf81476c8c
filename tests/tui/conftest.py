import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual import _wait
from textual.css.stylesheet import Stylesheet

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(autouse=True, scope="session")
def quick() -> Iterator[None]:
    """Parse each sheet of styles once for all dashboards of the same colours, and look more often who is idle."""
    parse, known = Stylesheet._parse_rules, {}

    def parse_rules(self: Stylesheet, *sheet: object, **about: object) -> object:
        key = (sheet, *about.items(), *self._variables.items())
        if key not in known:
            known[key] = parse(self, *sheet, **about)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_rules)
        patch.setattr(_wait, "SLEEP_GRANULARITY", _wait.SLEEP_GRANULARITY / 2)
        patch.setattr(_wait, "SLEEP_IDLE", _wait.SLEEP_IDLE / 2)
        yield


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are local on screen, so the tests live in one place."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def looks_like() -> Callable[[str, str], None]:
    """Compare a screen's text with the stored one; UPDATE_SNAPSHOTS=1 stores it instead."""

    def compare(name: str, text: str) -> None:
        stored = SNAPSHOTS / f"{name}.txt"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            stored.parent.mkdir(exist_ok=True)
            stored.write_text(text, encoding="utf-8")
        assert text == stored.read_text(encoding="utf-8")

    return compare
