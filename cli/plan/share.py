"""What each of a job's models is asked and costs: for sure, and if answers of others are no good."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from ...engine.plan import forecast
from ...engine.plan.branches import Branch
from ...engine.plan.forecast import Interval, Work
from ...engine.plan.survey import Survey

GOING_ON: Final = (0.0, 0.1, 1.0)
"""So many of the answers that are checked are no good: none, as is likely, or all."""


@dataclass(frozen=True, slots=True)
class Share:
    """One model's share of a run."""

    branch: Branch
    items: Interval
    tokens_in: Interval
    tokens_in_source: forecast.Source
    tokens_out: Interval
    tokens_out_source: forecast.Answers
    cost: Interval | None
    """USD; None where its price is unknown."""


def share_of(branch: Branch, found: Survey, *, limited: bool) -> Share:
    """Return what one model comes to; `limited` says whether the job says how long an answer may be."""
    past, task = found.past, branch.place.task
    lanes = () if branch.place.rule else tuple(past.lanes.values())
    own = past.tokens_out_own and not found.changed_all

    def tokens(work: Work) -> tuple[tuple[Interval, forecast.Source], tuple[Interval, forecast.Answers]]:
        came_in = forecast.tokens_in(work, lanes, counted=task.tokenizer is not None)
        return came_in, forecast.tokens_out(work, past.tokens_out, own=own, limited=limited)

    (sure_in, in_source), (sure_out, out_source) = tokens(branch.work)
    (more_in, _), (more_out, more_source) = tokens(branch.more)
    came_in, went_out = (each.plus(more.times(*GOING_ON)) for each, more in ((sure_in, more_in), (sure_out, more_out)))
    return Share(
        branch=branch,
        items=_even(branch.work.items).plus(_even(branch.more.items).times(*GOING_ON)),
        tokens_in=came_in,
        tokens_in_source=in_source,
        tokens_out=went_out,
        tokens_out_source=more_source if out_source == "none" else out_source,
        cost=forecast.cost(task, came_in, went_out, branch.work.requests),
    )


def total(numbers: Iterable[Interval]) -> Interval:
    """Return the sum of numbers that are not known."""
    summed = Interval()
    for each in numbers:
        summed = summed.plus(each)
    return summed


def cost_of(shares: Sequence[Share]) -> Interval | None:
    """Return what all models cost together in USD, None where a price is unknown."""
    costs = [share.cost for share in shares]
    known = [cost for cost in costs if cost is not None]
    return total(known) if len(known) == len(costs) else None


def share_facts(share: Share) -> dict[str, Any]:
    """Return everything, with the units in the names."""
    place = share.branch.place
    return {
        "table": place.table,
        "model": place.task.model,
        "items": share.branch.work.items,
        "items_with_escalated": {end: round(value) for end, value in asdict(share.items).items()},
        "requests": share.branch.work.requests,
        "cost_usd": None if share.cost is None else asdict(share.cost),
    }


def _even(number: int) -> Interval:
    return Interval(number, number, number)
