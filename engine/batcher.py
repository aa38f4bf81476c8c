"""Which items go next: retries before new ones, whole batches before partial ones, partial ones after a wait. Pure."""

import heapq
from collections.abc import Iterable
from itertools import count

from .item import Item
from .waiting import Waiting
from .weight import Weigh, weightless


class Batcher:
    """Items that wait to be sent, those of each rule by themselves. Times are seconds of the engine's clock."""

    def __init__(self, weigh: Weigh = weightless) -> None:
        self._weigh = weigh
        self._by_rule: dict[int, Waiting] = {0: Waiting(weigh)}
        self._order = count()
        self._closed = False

    def __len__(self) -> int:
        """Return how many items wait."""
        return sum(map(len, self._by_rule.values()))

    @property
    def fresh(self) -> int:
        """New items that wait."""
        return sum([len(waiting.fresh) for waiting in self._by_rule.values()])

    @property
    def rules(self) -> tuple[int, ...]:
        """The rules that items go by (0: none), the one first whose last batch is longest ago."""
        return tuple(self._by_rule)

    @property
    def only_retries(self) -> bool:
        """Whether all that waits has failed before and rests."""
        every = self._by_rule.values()
        return any(each.retries for each in every) and not any(each.fresh or each.parts for each in every)

    @property
    def exhausted(self) -> bool:
        """Whether nothing waits and no new item will come."""
        return self._closed and not any(self._by_rule.values())

    def add(self, items: Iterable[Item], now: float) -> None:
        """Take new items, in their order."""
        for item in items:
            self._waiting(item).fresh.append((now, item))

    def again(self, item: Item, due: float) -> None:
        """Take an item back that may be tried again at `due`."""
        heapq.heappush(self._waiting(item).retries, (due, next(self._order), item))

    def add_parts(self, parts: Iterable[tuple[Item, ...]]) -> None:
        """Take parts of batches that go before all else, each by itself."""
        for part in parts:
            self._waiting(part[0]).parts.append(part)

    def close(self) -> None:
        """Say that no new item will come."""
        self._closed = True

    def reopen(self) -> None:
        """Say that new items come after all."""
        self._closed = False

    def ready_at(self, now: float, size: int, max_wait: float, *, tokens: int = 0, rule: int = 0) -> float | None:
        """Return when `take` will have something, or None while only new items can bring that about."""
        return self._by_rule[rule].ready_at(now, size, max_wait, tokens=tokens, closed=self._closed)

    def take(self, now: float, size: int, max_wait: float, *, tokens: int = 0, rule: int = 0) -> tuple[Item, ...]:
        """Return the next batch of one rule, empty when none may go yet.

        It has at most `size` items and, where that is not 0, at most `tokens` tokens; a larger item goes alone.
        """
        ready = self.ready_at(now, size, max_wait, tokens=tokens, rule=rule)
        if ready is None or ready > now:
            return ()
        waiting = self._by_rule[rule] = self._by_rule.pop(rule)  # the last one from now on
        return waiting.take(now, size, tokens)

    def _waiting(self, item: Item) -> Waiting:
        found = self._by_rule.get(item.rule)
        if found is None:
            found = self._by_rule[item.rule] = Waiting(self._weigh)
        return found
