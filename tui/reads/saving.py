"""Failed items on their way into a file, and what that file is called. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event
from typing import Final

_NAME_CHARACTERS: Final = 100
_AWKWARD = re.compile(r"[^\w.-]+")


@dataclass
class Saving:
    """An export under way: one thread writes, another looks on."""

    items: int
    """How many there are."""
    written: int = 0
    given_up: Event = field(default_factory=Event)


def names(folder: Path, job: str, kind: str) -> Iterator[Path]:
    """Yield the names that an export may have, one after the other."""
    stem = _AWKWARD.sub("-", job).lstrip(".-")[:_NAME_CHARACTERS] or "job"
    return (folder / f"{stem}-{kind.replace('_', '-')}-{number}.jsonl" for number in count(1))
