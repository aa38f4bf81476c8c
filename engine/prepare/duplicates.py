"""Rows that say the same as one before, or nearly: the first stays."""

import unicodedata
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from importlib import import_module
from typing import Any, Final, TypeAlias

from ..preparespec import DuplicatesSpec
from ..source.row import Record
from ..store.spool import seen
from .step import Drop, Place, Step, StepError, text_of

First: TypeAlias = Callable[[str, str], str | None]
"""Given a text and its key, returns the key of the row that said it first, None where it is this one."""

_SHINGLE: Final = 5
"""Characters in a piece: they tell texts apart in any script, with or without spaces."""
_PERMUTATIONS: Final = 128
_SEED: Final = 42
_BANDS: Final = 16
_MORE_BANDS: Final = 32
"""So that texts which have less in common meet too."""
_FAR: Final = 0.7


def duplicates(spec: DuplicatesSpec) -> Step:
    """Return the step; raises StepError."""
    memory = _exact if spec.near is None else _near(spec.near)

    def step(records: Iterator[Record], place: Place, drop: Drop) -> Iterator[Record]:
        with memory() as first:
            for record in place.named(records, "fields", spec.fields):
                text = "\0".join(normal(text_of(record.fields, name)) for name in spec.fields)
                same = first(text, record.key)
                if same is None:
                    yield record
                else:
                    drop(record, same)

    return step


def normal(text: str) -> str:
    """Return a text without regard to case, spaces and forms of characters."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@contextmanager
def _exact() -> Generator[First]:
    with seen() as digests:
        yield lambda text, key: digests.first(blake2b(text.encode(errors="replace"), digest_size=16).digest(), key)


def _near(least: float) -> Callable[[], AbstractContextManager[First]]:
    try:
        library: Any = import_module("rensa")  # an extra
    except ImportError:
        raise StepError("near", "needs a library: pip install 'batchtop[prepare]'") from None

    @contextmanager
    def memory() -> Generator[First]:
        texts = library.RMinHashDeduplicator(
            threshold=least,
            num_perm=_PERMUTATIONS,
            use_lsh=True,
            num_bands=_MORE_BANDS if least < _FAR else _BANDS,
            seed=_SEED,
        )
        keys: list[str] = []

        def first(text: str, key: str) -> str | None:
            pieces = _pieces(text)
            if texts.add_pairs([(str(len(keys)), pieces)])[0]:
                keys.append(key)
                return None
            (found,) = texts.get_duplicate_sets([pieces])
            return keys[min(map(int, found))]

        yield first

    return memory


def _pieces(text: str) -> list[str]:
    return [text[start : start + _SHINGLE] for start in range(max(1, len(text) - _SHINGLE + 1))]
