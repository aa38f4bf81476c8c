"""What a task costs: the price of its tokens or of its requests, here and at each of its other places. Pure."""

from typing import Final, NamedTuple

from .answer import Usage
from .taskspec import ChatSpec, HttpSpec, OpenAIBatchSpec, TaskSpec, places


class Rate(NamedTuple):
    """Prices in USD."""

    million_in: float = 0.0
    """Of a million tokens that are sent."""
    million_out: float = 0.0
    """Of as many that are answered."""
    request: float = 0.0

    def of(self, usage: Usage) -> float:
        """Return the price of what was used."""
        tokens = usage.tokens_in * self.million_in + usage.tokens_out * self.million_out
        return tokens / 1e6 + usage.requests * self.request

    def at_most(self, tokens: int) -> float:
        """Return the highest price that a request of so many tokens can have."""
        return tokens * max(self.million_in, self.million_out) / 1e6 + self.request


FREE: Final = Rate()


def unpriced(task: TaskSpec) -> str | None:
    """Return the keys of the prices that the first place without them lacks."""
    for place in places(task):
        if rate_of(place.task) is None:
            return " and ".join(f"{place.table}.{price}" for price in price_keys(task))
    return None


def price_keys(task: TaskSpec) -> tuple[str, ...]:
    """Return the keys of a job file that say what a task of this type costs."""
    if isinstance(task, HttpSpec):
        return ("price_per_request",)
    if isinstance(task, OpenAIBatchSpec):
        return price_keys(task.asked)
    return ("price_in", "price_out") if isinstance(task, ChatSpec) else ("price_in",)


def price_unit(task: TaskSpec) -> str:
    """Return what these keys are measured in."""
    return "USD" if isinstance(task, HttpSpec) else "USD per million tokens"


def is_priced(task: TaskSpec) -> bool:
    """Return whether the price of all that this task uses is known, wherever it is asked."""
    return unpriced(task) is None


def cost_usd(task: TaskSpec, usage: Usage) -> float | None:
    """Return what `usage` costs with the task's own model, or None where its prices are unknown."""
    rate = rate_of(task)
    return None if rate is None else rate.of(usage)


def rate_of(task: TaskSpec) -> Rate | None:
    """Return what a task's own model costs, None where a price of it is unknown."""
    if isinstance(task, OpenAIBatchSpec):
        rate, share = rate_of(task.asked), 1 - task.discount
        return rate and Rate(rate.million_in * share, rate.million_out * share)
    price_out = task.price_out if isinstance(task, ChatSpec) else 0.0
    per_request = task.price_per_request if isinstance(task, HttpSpec) else 0.0
    if task.price_in is None or price_out is None or per_request is None:
        return None
    return Rate(task.price_in, price_out, per_request)
