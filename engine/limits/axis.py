"""One thing that is limited: requests or tokens, by the minute or by the day. Pure: time comes in as an argument."""

import math
from typing import Literal, TypeAlias

from .amended import AmendedGcra
from .day import DAY_S, Day
from .headers import Stated
from .pacer import SLACK_S, WINDOW_S
from .remains import Remains

Name: TypeAlias = Literal["rpm", "tpm", "tpm_in", "tpm_out", "rpd"]


class Axis:
    """A limit of the jobs, or else of the server, and what the server says is left of its own."""

    __slots__ = ("job", "last", "name", "remains", "sent", "server")

    def __init__(self, name: Name, window_s: float) -> None:
        self.name: Name = name
        self.job: int = 0
        self.server: int = 0
        self.remains = Remains(window_s)
        self.sent: int = 0
        """In all, as it was reserved."""
        self.last: int = 1
        """How much the last request took; the next one will take about as much."""

    @property
    def limit(self) -> int:
        """The number in force, 0 where there is none."""
        return self.job or self.server

    @property
    def source(self) -> str:
        """Who gives it: `job`, `server` or nobody."""
        return "job" if self.job else "server" if self.server else ""

    def believe(self, at: float, mark: int, stated: Stated) -> None:
        """Take over what the server says is left, as of a request sent at `at`, when `mark` had been sent in all."""
        self.remains.read(at, mark, stated, self.server)

    def share_left(self, now: float, used: int) -> float:
        """Return how much of the allowance is left, 0 to 1, by our own account or by the server's."""
        share = 1 - used / self.limit if self.limit else 1.0
        left = self.remains.left(now, self.sent)
        if left is not None and self.server:
            share = min(share, left[0] / self.server)
        return max(0.0, share)


class MinuteAxis(Axis):
    """So much a minute, at an even pace."""

    __slots__ = ("cap", "pace")

    def __init__(self, name: Name, slack_s: float = SLACK_S) -> None:
        super().__init__(name, WINDOW_S)
        self.pace = AmendedGcra(slack_s=slack_s)
        self.cap = 0.0
        """A rate below the limit, learned from refusals; 0 for none."""

    @property
    def rate(self) -> float:
        """What may be sent a minute."""
        return min(self.cap, self.limit or math.inf) if self.cap else self.limit

    def ready_at(self, now: float) -> float:
        """Return from when one more may be sent."""
        return max(self.pace.free_at, self.remains.ready_at(now, self.sent, self.last))

    def take(self, now: float, amount: int) -> int:
        """Count a request, and return what has been sent in all with it."""
        self.sent += amount
        self.last = amount
        if self.pace.rate:
            self.pace.take(now, amount)
        return self.sent

    def amend(self, at: float, surplus: int) -> None:
        """Count less than was taken for a request sent at `at`."""
        if surplus and self.pace.rate:
            self.pace.amend(at, surplus)


class DayAxis(Axis):
    """So many requests in 24 hours, at any pace."""

    __slots__ = ("day",)

    def __init__(self, name: Name) -> None:
        super().__init__(name, DAY_S)
        self.day = Day()

    def ready_at(self, now: float) -> float:
        """Return from when one more may be sent. Of the server's limit only what it says is left counts."""
        own_at = self.day.free_at(now, self.job) if self.job else -math.inf
        return max(own_at, self.remains.ready_at(now, self.sent))

    def take(self, now: float, amount: int) -> int:
        """Count a request, and return what has been sent in all with it."""
        self.sent += amount
        self.day.add(now, amount)
        return self.sent

    def give_back(self) -> None:
        """Forget a request that was never sent."""
        self.sent -= 1
        self.day.take_back()

    def used(self, now: float) -> int:
        """Return the requests of the last 24 h: our own, or those that the server counts where the limit is its."""
        left = None if self.job else self.remains.left(now, self.sent)
        return self.day.total if left is None or not self.server else self.server - left[0]
