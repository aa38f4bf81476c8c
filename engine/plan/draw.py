"""An even draw from a stream of questions whose number nobody knows beforehand. Pure."""

from collections.abc import Iterator
from typing import Final

MOST_QUESTIONS: Final = 20_000
MOST_BYTES: Final = 64 * 1024 * 1024
LEAST_QUESTIONS: Final = 100
"""So many are kept, however long they are."""


class Draw:
    """Keeps all questions while they are few, then an even share: whether one is kept is decided by its digest alone.

    So equal questions count once, wherever they stand, and the longest stream needs no more memory than a short one.
    """

    def __init__(self, most: int = MOST_QUESTIONS, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._mask = 0
        self._bytes = 0
        self._kept: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        """Return how many questions are kept."""
        return len(self._kept)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the payload of each, in the order in which they came."""
        return iter(self._kept.values())

    @property
    def whole(self) -> bool:
        """Whether every question is kept."""
        return self._mask == 0

    def offer(self, digest: bytes, payload: bytes) -> None:
        """Keep a question, or not."""
        if self._mask & _number(digest) or digest in self._kept:
            return
        self._kept[digest] = payload
        self._bytes += len(payload)
        while self._full():
            self._thin()

    def _full(self) -> bool:
        return len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > LEAST_QUESTIONS)

    def _thin(self) -> None:
        self._mask = 2 * self._mask + 1
        self._kept = {digest: payload for digest, payload in self._kept.items() if not self._mask & _number(digest)}
        self._bytes = sum(map(len, self._kept.values()))


def _number(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "little")
