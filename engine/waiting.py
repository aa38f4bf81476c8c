"""The items that wait to go to one model: retries before new ones, whole batches before partial ones. Pure."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from .item import Item
from .weight import Weigh


class Waiting:
    """Items that wait to be sent by one way. Times are seconds of the engine's clock."""

    def __init__(self, weigh: Weigh) -> None:
        self.fresh: deque[tuple[float, Item]] = deque()
        """New items, each with the time when it came."""
        self.retries: list[tuple[float, int, Item]] = []
        """A heap of items that failed before, each with the time when it may be tried again."""
        self.parts: deque[tuple[Item, ...]] = deque()
        """Parts of batches that go before all else, each by itself."""
        self._weigh = weigh

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self.fresh) + len(self.retries) + sum(map(len, self.parts))

    def __bool__(self) -> bool:
        """Return whether any item waits."""
        return bool(self.fresh or self.retries or self.parts)

    def ready_at(self, now: float, size: int, max_wait: float, *, tokens: int, closed: bool) -> float | None:
        """Return when `take` will have something, or None while only new items can bring that about."""
        if self.parts or len(self.fresh) >= size or (closed and self.fresh):
            return now
        due = [self.retries[0][0]] if self.retries else []
        if self.fresh:
            full = tokens and self._fitting(now, size, tokens) < size
            due.append(now if full else self.fresh[0][0] + max_wait)
        return min(due, default=None)

    def take(self, now: float, size: int, tokens: int) -> tuple[Item, ...]:
        """Return the next batch: of at most `size` items and `tokens` tokens (0: any); a larger item goes alone."""
        if self.parts:
            return self.parts.popleft()
        if tokens:
            size = self._fitting(now, size, tokens)
        batch: list[Item] = []
        while len(batch) < size and self.retries and self.retries[0][0] <= now:
            batch.append(heapq.heappop(self.retries)[2])
        while len(batch) < size and self.fresh:
            batch.append(self.fresh.popleft()[1])
        return tuple(batch)

    def _fitting(self, now: float, size: int, tokens: int) -> int:
        """Return how many of the next items fit into so many tokens, one at least; `size` where all do."""
        total = 0
        for number, item in enumerate(islice(chain(self._due(now, size), self._new()), size)):
            total += self._weigh(item)
            if total > tokens and number:
                return number
        return size

    def _due(self, now: float, size: int) -> Iterable[Item]:
        if not self.retries or self.retries[0][0] > now:
            return ()
        return [item for due, _, item in heapq.nsmallest(size, self.retries) if due <= now]

    def _new(self) -> Iterator[Item]:
        return (item for _, item in self.fresh)
