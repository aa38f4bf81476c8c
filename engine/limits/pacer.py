"""GCRA: from when the next send keeps to a rate a minute. Arithmetic only, nothing waits here."""

import math
from collections.abc import Iterable
from typing import Final

WINDOW_S: Final = 60.0

SLACK_S: Final = 0.05
"""How late a timer may be with nothing lost: sends missed within it are made up for at once."""


class Gcra:
    """A rate a minute, kept as one number: the moment from which the next send conforms.

    A send pushes that moment on by what it costs, so there is no bucket that could be full at the start, and an idle
    time saves up `slack_s` and no more. The cost is stretched by the same slack, so that no 60 s ever hold more than
    the rate even when a late timer is made up for; the price is 0.08 % of the quota at SLACK_S. Of sends that cost
    more than 1, the last of a minute may reach beyond it. Rate 0 means that there is no limit.
    """

    __slots__ = ("_cost_s", "free_at", "rate", "slack_s")

    def __init__(self, rate_per_minute: float = 0, slack_s: float = SLACK_S) -> None:
        self.rate = rate_per_minute
        self.slack_s = slack_s
        """How much time may be made up for."""
        self._cost_s = self._cost_of_one(rate_per_minute)
        self.free_at: float = -math.inf
        """That moment."""

    def ready_at(self, now: float, amount: float = 1) -> float:
        """Return from when `amount` may be sent; infinity where it is more than a minute ever holds."""
        if amount > self.rate > 0:
            return math.inf
        return max(now, self.free_at)

    def take(self, now: float, amount: float = 1) -> None:
        """Count a send; to be called no earlier than `ready_at`."""
        self.free_at = max(self.free_at, now - self.slack_s) + amount * self._cost_s

    def set_rate(self, now: float, rate_per_minute: float) -> None:
        """Change the rate; what is still owed is owed at the new rate, so that a rise acts now."""
        old_cost_s, self.rate = self._cost_s, rate_per_minute
        self._cost_s = self._cost_of_one(rate_per_minute)
        if old_cost_s:
            owed = max(0.0, self.free_at - now) / old_cost_s
            self.free_at = min(self.free_at, now) + owed * self._cost_s

    def charge(self, now: float, sends: Iterable[tuple[float, float]]) -> None:
        """Owe what was sent too fast before the rate was known: (moment, amount), oldest first. A minute at most."""
        free_at = -math.inf
        for at, amount in sends:
            free_at = max(free_at, at) + amount * self._cost_s
        self.free_at = max(self.free_at, min(free_at, now + WINDOW_S))

    def _cost_of_one(self, rate_per_minute: float) -> float:
        return (WINDOW_S + self.slack_s) / rate_per_minute if rate_per_minute else 0.0
