"""Counters of a job between two samples, and the totals they add up to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .answer import Answer, Usage
from .histogram import Histogram
from .outcome import Outcome

_WAITED_FOR: Final = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.TIMEOUT})


@dataclass(slots=True)
class Tally:
    """What one job has done since the tally was begun."""

    items: int = 0
    failed: int = 0
    cut: int = 0
    cached: int = 0
    requests: int = 0
    errors: Counter[str] = field(default_factory=Counter[str])
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    spent: dict[str, float] = field(default_factory=dict[str, float])
    """Slot-seconds by what they were spent on."""

    def request(self, outcome: Outcome, usage: Usage, cost: float) -> None:
        """Count one request that has ended; failed ones are billed too."""
        self.requests += 1
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        self.cost += cost
        if outcome is not Outcome.OK:
            self.errors[outcome] += 1

    def spend(self, spent: Mapping[str, float]) -> None:
        """Count slot-seconds by what they were spent on."""
        self.spent = merged(self.spent, spent)

    def item(self, answer: Answer) -> None:
        """Count one item that is done or has failed for good."""
        if answer.outcome is Outcome.OK:
            self.items += 1
            self.cut += answer.finish_reason == "length"
        else:
            self.failed += 1


@dataclass(slots=True)
class Span(Tally):
    """What one job has done in a span of time, and how long its requests took."""

    latency: Histogram = field(default_factory=Histogram)
    first: Histogram = field(default_factory=Histogram)
    """When answers began that were streamed."""

    def took(self, outcome: Outcome, latency_ms: float, first_ms: float | None) -> None:
        """Count how long a request took.

        Latency is that of answers, and of waits for one that never came: a refusal at once would make it look better.
        """
        if outcome in _WAITED_FOR:
            self.latency.record(latency_ms)
        if first_ms is not None:
            self.first.record(first_ms)


@dataclass(slots=True)
class Account:
    """What one job has asked of one lane, over all its runs."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    """USD, None where no price is known."""
    items: int = 0
    """Items that it answered or failed, for good."""
    escalated: int = 0
    """Items that went on to another model, as a rule did not like its answer."""

    def request(self, usage: Usage, cost: float) -> None:
        """Count one request that has ended."""
        self.requests += 1
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        if self.cost is not None:
            self.cost += cost


def merged(spent: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Return the sums of both, by what they were spent on."""
    return {what: spent.get(what, 0.0) + more.get(what, 0.0) for what in (*spent, *(more.keys() - spent.keys()))}
