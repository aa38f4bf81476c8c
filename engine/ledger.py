"""What the loop of a job tells of its work, and what it asks about money."""

from typing import Protocol

from .answer import Usage
from .outcome import Outcome
from .settle import Settled


class Ledger(Protocol):
    """Where the loop reports what happened."""

    @property
    def full(self) -> bool:
        """Whether so much waits to be stored that no more should be sent."""
        ...

    def request(
        self, outcome: Outcome, usage: Usage, cost: float, latency_ms: float, first_ms: float | None = None
    ) -> None:
        """Take note of one request that ended; `first_ms` is when its answer began, where it was streamed."""
        ...

    def settled(self, settled: Settled) -> None:
        """Store an item that is done or failed."""
        ...


class Price(Protocol):
    """What tokens cost, in USD."""

    def of(self, usage: Usage) -> float:
        """Return the price of what was used."""
        ...

    def at_most(self, tokens: int) -> float:
        """Return the highest price of so many tokens."""
        ...
