"""Keeps what a bench found, so that `make bench` can show it all in one table and another day can be compared."""

import json
from datetime import UTC, datetime
from pathlib import Path

KEPT = Path(__file__).parent / "results"


def keep(name: str, found: object) -> None:
    """Write what one bench found to `bench/results/NAME.json`, over what it found before."""
    KEPT.mkdir(exist_ok=True)
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "found": found}
    (KEPT / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
