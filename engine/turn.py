"""Turns of the event loop: how many items are settled in one, so that nobody waits long for the next."""

import asyncio
from collections import deque
from typing import Final

MOST: Final = 500
"""Items that are settled in a turn, if the first answer is not for more: some 5 ms where many go in a request."""


class Turns:
    """Lets answers be dealt with in the order they came, and only so many in each turn of the loop.

    Several large ones may come at once: were they dealt with in one go, all timers would be late, and no slot would be
    used again before the last of them.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, items: int) -> asyncio.Future[None] | None:
        """Return what ends when an answer for so many items may be dealt with, None where that is now."""
        if not self._waiting and self._fits(items):
            self._count(items)
            return None
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, place))
        return place

    def _fits(self, items: int) -> bool:
        return self._taken + items <= MOST or not self._taken

    def _count(self, items: int) -> None:
        if not self._taken:
            asyncio.get_running_loop().call_soon(self._next)
        self._taken += items

    def _next(self) -> None:
        self._taken = 0
        while self._waiting and self._fits(self._waiting[0][0]):
            items, place = self._waiting.popleft()
            if not place.done():
                self._count(items)
                place.set_result(None)
