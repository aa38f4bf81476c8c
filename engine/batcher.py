"""Which items go next: retries before new ones, whole batches before partial ones, partial ones after a wait. Pure."""

import heapq
from collections import deque
from collections.abc import Iterable
from itertools import count

from .item import Item


class Batcher:
    """Items that wait to be sent. Times are seconds of the engine's clock."""

    def __init__(self) -> None:
        self._fresh: deque[tuple[float, Item]] = deque()
        self._retries: list[tuple[float, int, Item]] = []
        self._parts: deque[tuple[Item, ...]] = deque()
        self._order = count()
        self._closed = False

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._fresh) + len(self._retries) + sum(map(len, self._parts))

    @property
    def fresh(self) -> int:
        """New items that wait."""
        return len(self._fresh)

    @property
    def only_retries(self) -> bool:
        """Whether all that waits has failed before and rests."""
        return bool(self._retries) and not (self._fresh or self._parts)

    @property
    def exhausted(self) -> bool:
        """Whether nothing waits and no new item will come."""
        return self._closed and not (self._fresh or self._retries or self._parts)

    def add(self, items: Iterable[Item], now: float) -> None:
        """Take new items, in their order."""
        self._fresh.extend((now, item) for item in items)

    def again(self, item: Item, due: float) -> None:
        """Take an item back that may be tried again at `due`."""
        heapq.heappush(self._retries, (due, next(self._order), item))

    def add_parts(self, parts: Iterable[tuple[Item, ...]]) -> None:
        """Take parts of batches that go before all else, each by itself."""
        self._parts.extend(parts)

    def close(self) -> None:
        """Say that no new item will come."""
        self._closed = True

    def reopen(self) -> None:
        """Say that new items come after all."""
        self._closed = False

    def ready_at(self, now: float, size: int, max_wait: float) -> float | None:
        """Return when `take` will have something, or None while only new items can bring that about."""
        if self._parts or len(self._fresh) >= size or (self._closed and self._fresh):
            return now
        due = [self._retries[0][0]] if self._retries else []
        if self._fresh:
            due.append(self._fresh[0][0] + max_wait)
        return min(due, default=None)

    def take(self, now: float, size: int, max_wait: float) -> tuple[Item, ...]:
        """Return the next batch of at most `size` items, empty when none may go yet."""
        ready = self.ready_at(now, size, max_wait)
        if ready is None or ready > now:
            return ()
        if self._parts:
            return self._parts.popleft()
        batch: list[Item] = []
        while len(batch) < size and self._retries and self._retries[0][0] <= now:
            batch.append(heapq.heappop(self._retries)[2])
        while len(batch) < size and self._fresh:
            batch.append(self._fresh.popleft()[1])
        return tuple(batch)
