"""Items that ask the same: one is sent, the others wait for its answer. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from .item import Item
from .outcome import RETRIED_BY_RERUN
from .settle import Settled

MOST_WAITING: Final = 10_000
"""Items that may wait for the answer of another, so that memory stays flat."""


class Twins:
    """Which questions are in hand, and who waits for their answers."""

    def __init__(self) -> None:
        self._asked: dict[bytes, list[Item]] = {}
        self._waiting = 0
        self.lately: set[bytes] = set()
        """Questions answered since this was last emptied: their answers may not be committed yet."""
        self.left = False
        """Whether items were left in the workspace, as too many waited."""

    def __len__(self) -> int:
        """Return how many questions are in hand."""
        return len(self._asked)

    def first(self, item: Item) -> bool:
        """Tell whether an item is to be sent: the first that asks its question is, another waits or is left."""
        waiting = self._asked.get(item.digest)
        if waiting is None:
            self._asked[item.digest] = []
            return True
        if self._waiting < MOST_WAITING:
            waiting.append(replace(item, fields={}))  # as good as those of the first, and not held twice
            self._waiting += 1
        else:
            self.left = True
        return False

    def answered(self, settled: Settled) -> tuple[Sequence[Settled], Item | None]:
        """Return how those that waited for a settled item end, and the item that is to be sent in its place.

        An answer, or a refusal that will not change, is everybody's; a failure that passes only that of who was sent.
        """
        waiting = self._asked.pop(settled.item.digest, None)
        self.lately.add(settled.item.digest)
        if not waiting:
            return (), None
        if settled.answer.outcome in RETRIED_BY_RERUN:
            following, *rest = waiting
            self._asked[settled.item.digest] = rest
            self._waiting -= 1
            return (), replace(following, fields=settled.item.fields)
        self._waiting -= len(waiting)
        return [replace(settled, item=each, attempts=0, latency_ms=0.0, cached=True) for each in waiting], None
