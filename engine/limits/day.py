"""What was sent in the last 24 hours, counted by five minutes."""

from collections import deque
from typing import Final

DAY_S: Final = 86_400.0
_SPAN_S: Final = 300.0


class Day:
    """Requests of the last 24 h. A span of five minutes leaves as a whole, when its end is 24 h ago."""

    __slots__ = ("_spans", "total")

    def __init__(self) -> None:
        self._spans: deque[tuple[float, int]] = deque()
        self.total = 0

    def add(self, at: float, requests: int = 1) -> None:
        """Count what was sent at `at`; what is earlier than the last span counts as sent in it."""
        self.total += requests
        if self._spans and at < self._spans[-1][0] + _SPAN_S:
            begun, before = self._spans[-1]
            self._spans[-1] = begun, before + requests
        else:
            self._spans.append((at, requests))

    def take_back(self) -> None:
        """Count one less, of those sent just now."""
        if self._spans and self._spans[-1][1]:
            self.add(self._spans[-1][0], -1)

    def free_at(self, now: float, limit: int) -> float:
        """Return from when fewer than `limit` were sent in 24 h."""
        self._forget(now)
        surplus = self.total - limit
        for begun, requests in self._spans if surplus >= 0 else ():
            surplus -= requests
            if surplus < 0:
                return begun + _SPAN_S + DAY_S
        return now

    def spans(self, now: float) -> list[tuple[float, int]]:
        """Return when each span began, with its requests, oldest first."""
        self._forget(now)
        return [(begun, requests) for begun, requests in self._spans if requests]

    def _forget(self, now: float) -> None:
        while self._spans and self._spans[0][0] + _SPAN_S + DAY_S <= now:
            self.total -= self._spans.popleft()[1]
