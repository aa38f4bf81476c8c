"""What a task costs: the price of its tokens or of its requests, here and at each of its other places. Pure."""

from .answer import Usage
from .taskspec import ChatSpec, HttpSpec, OpenAIBatchSpec, TaskSpec, places


def unpriced(task: TaskSpec) -> str | None:
    """Return the keys of the prices that the first place without them lacks."""
    for place in places(task):
        if _prices(place.task) is None:
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
    prices = _prices(task)
    if prices is None:
        return None
    price_in, price_out, per_request = prices
    return (usage.tokens_in * price_in + usage.tokens_out * price_out) / 1e6 + usage.requests * per_request


def _prices(task: TaskSpec) -> tuple[float, float, float] | None:
    """Return the USD of a million tokens in, of as many out, and of a request; None where one of them is unknown."""
    if isinstance(task, OpenAIBatchSpec):
        prices, share = _prices(task.asked), 1 - task.discount
        return prices and (prices[0] * share, prices[1] * share, 0.0)
    price_out = task.price_out if isinstance(task, ChatSpec) else 0.0
    per_request = task.price_per_request if isinstance(task, HttpSpec) else 0.0
    if task.price_in is None or price_out is None or per_request is None:
        return None
    return task.price_in, price_out, per_request
