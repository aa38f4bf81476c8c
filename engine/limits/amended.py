"""A pace whose sends are amended later, once it is known what they really came to. Pure, as the pacer is."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from .pacer import SLACK_S, Gcra

_SPAN_S: Final = 0.1
_MEMORY_S: Final = 10.0
"""What is amended later than this, by a slow answer, counts as amended now."""


class AmendedGcra(Gcra):
    """A rate a minute for sends that are counted by what they likely cost, and amended to what they did cost.

    A server that counts exactly saves nothing up for who sent less than allowed a moment ago. So an amendment goes to
    the moment of its send, and what followed is reckoned anew: only what can still be used is freed.
    """

    __slots__ = ("_base", "_spans")

    def __init__(self, rate_per_minute: float = 0, slack_s: float = SLACK_S) -> None:
        super().__init__(rate_per_minute, slack_s)
        self._base: float = self.free_at
        self._spans: deque[list[float]] = deque()
        """When each span began, and what was sent in it; before the first, `_base` was the conforming moment."""

    def take(self, now: float, amount: float = 1) -> None:
        """Count a send; to be called no earlier than `ready_at`."""
        spans = self._spans
        if not spans or now - spans[-1][0] >= _SPAN_S:
            while spans and spans[0][0] < now - _MEMORY_S:
                self._base = self._after(self._base, *spans.popleft())
            if not spans:
                self._base = self.free_at
            spans.append([now, 0.0])
        spans[-1][1] += amount
        super().take(now, amount)

    def amend(self, at: float, surplus: float) -> None:
        """Count less for what was sent at `at`; more where it is negative."""
        if not self._spans or at < self._spans[0][0]:
            self._base -= surplus * self._cost_s
            self.free_at -= surplus * self._cost_s
            return
        next(span for span in reversed(self._spans) if span[0] <= at)[1] -= surplus
        free_at = self._base
        for begun, amount in self._spans:
            free_at = self._after(free_at, begun, amount)
        self.free_at = free_at

    def set_rate(self, now: float, rate_per_minute: float) -> None:
        """Change the rate; what is still owed is owed at the new rate, so that a rise acts now."""
        super().set_rate(now, rate_per_minute)
        self._spans.clear()

    def charge(self, now: float, sends: Iterable[tuple[float, float]]) -> None:
        """Owe what was sent too fast before the rate was known: (moment, amount), oldest first. A minute at most."""
        super().charge(now, sends)
        self._spans.clear()

    def _after(self, free_at: float, at: float, amount: float) -> float:
        return max(free_at, at - self.slack_s) + amount * self._cost_s
