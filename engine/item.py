"""One row of the input on its way through the engine."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """A row as it was read back from the workspace."""

    row: int
    """Its number in the items table, which orders the work."""
    key: str
    """Its id as JSON text, so that `7` and `"7"` stay apart."""
    fields: Mapping[str, object]
    digest: bytes = b""
    """What its answer is kept under: it changes with the row and with what makes the answer."""
    attempts: int = 0
    """Tries that have ended so far, those that do not count against it left out."""
