"""What a run comes to, all in one place, and as JSON for machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...engine.job import JobSpec
from ...engine.plan import forecast
from ...engine.plan.forecast import Interval, Work
from ...engine.plan.survey import Survey
from ...engine.plan.timing import Duration, Limit, answer_s, assumed_s, duration, limits
from ...engine.preparespec import step_in_words
from ...engine.price import price_keys
from ...engine.store.planning import Counts
from ...engine.taskspec import ChatSpec, asked_one_by_one
from .share import Share, cost_of, share_facts, share_of, total


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do, cost and take."""

    spec: JobSpec
    found: Survey
    workspace: Path | None
    """None where there is none yet."""
    fresh: bool
    """Whether all is to be asked again."""
    tokens_in: Interval
    tokens_in_source: forecast.Source
    tokens_out: Interval
    tokens_out_source: forecast.Answers
    shares: tuple[Share, ...]
    """What each of the job's models is asked, the task's own first."""
    cost: Interval | None
    """USD; None where a price is unknown."""
    limits: Mapping[str, Limit]
    duration: Duration

    @property
    def is_answer_limited(self) -> bool:
        """Whether the job says how long an answer may be."""
        return _limited(self.spec)

    @property
    def budget_left(self) -> float | None:
        """USD that may still be spent, None without a budget."""
        limit = self.found.settings.cost
        return max(0.0, limit - self.found.past.spent_usd) if limit else None

    @property
    def affordable(self) -> Interval | None:
        """How many items the budget pays for, None without a budget or without prices."""
        if self.budget_left is None or self.cost is None:
            return None
        return forecast.affordable(self.found.work.items, self.cost, self.budget_left)

    @property
    def missing_prices(self) -> list[str]:
        """Keys of the job file that would have to be set for a cost to be told."""
        places = [share.branch.place for share in self.shares]
        return [
            f"{place.table}.{name}"
            for place in places
            for name in price_keys(place.task)
            if getattr(place.task, name) is None
        ]


def planned(spec: JobSpec, found: Survey, keys: Sequence[str], *, workspace: Path | None, fresh: bool) -> Planned:
    """Return what it all comes to, when a run has these keys, by the names of their variables."""
    past, settings, work = found.past, found.settings, found.work
    shares = tuple(share_of(branch, found, limited=_limited(spec)) for branch in found.branches)
    came_in, went_out = total(each.tokens_in for each in shares), total(each.tokens_out for each in shares)
    answered = [share for share in shares if share.tokens_out.high]
    allowed = limits(settings, [past.lanes.get(key) for key in keys or ("",)])
    batch = answer_s(past.latency, work.requests / max(1, work.batches))
    return Planned(
        spec=spec,
        found=found,
        workspace=workspace,
        fresh=fresh,
        tokens_in=came_in,
        tokens_in_source=shares[0].tokens_in_source,
        tokens_out=went_out,
        tokens_out_source=(answered or shares)[0].tokens_out_source,
        shares=shares,
        cost=cost_of(shares),
        limits=allowed,
        duration=duration(
            _paced(work, shares[0]), settings, allowed, _tokens(shares), batch, assumed=assumed_s(spec.task)
        ),
    )


def _paced(work: Work, own: Share) -> Work:
    """Return the work as the limits of the task's own model see it: others keep to limits of their own."""
    return replace(work, requests=max(1, own.branch.work.requests)) if work.requests else work


def _tokens(shares: Sequence[Share]) -> tuple[Interval, Interval]:
    """Return the tokens that the task's own model has, in and out."""
    return shares[0].tokens_in, shares[0].tokens_out


def _limited(spec: JobSpec) -> bool:
    """Return whether a job says how long an answer may be."""
    task = asked_one_by_one(spec.task)
    if not isinstance(task, ChatSpec):
        return False
    return task.max_tokens is not None or bool({"max_tokens", "max_completion_tokens"} & set(task.parameters))


def facts(plan: Planned) -> dict[str, Any]:
    """Return everything, with the units in the names."""
    found = plan.found
    return {
        "job": plan.spec.name,
        "input": plan.spec.input.path,
        "workspace": str(plan.workspace) if plan.workspace else None,
        "fresh": plan.fresh,
        "prepared": list(_prepared(plan)),
        **_rows(found.counts),
        "all_changed": found.changed_all,
        "requests": found.work.requests,
        "batches": found.work.batches,
        "sampled_items": found.sampled,
        "tokens_in": {**_whole(plan.tokens_in), "source": plan.tokens_in_source},
        "tokens_out": {**_whole(plan.tokens_out), "source": plan.tokens_out_source},
        "cost_usd": None if plan.cost is None else asdict(plan.cost),
        **({"routes": [share_facts(share) for share in plan.shares]} if plan.spec.task.route else {}),
        "missing_prices": plan.missing_prices,
        "budget_usd": found.settings.cost or None,
        "spent_usd": found.past.spent_usd,
        "budget_items": None if plan.affordable is None else _whole(plan.affordable),
        "duration_s": asdict(plan.duration.seconds),
        "latency_assumed": plan.duration.assumed,
        "limited_by": list(plan.duration.limiting),
        "limits": dict(_limits(plan.limits)),
    }


def _prepared(plan: Planned) -> Iterator[dict[str, object]]:
    """Yield each step of the preparation, with the rows before and after it."""
    rows = plan.found.prepared
    for step, before, after in zip(plan.spec.prepare, rows, rows[1:], strict=False):
        yield {"step": str(step.__struct_config__.tag), "told": step_in_words(step), "before": before, "after": after}


def _rows(counts: Counts) -> dict[str, Any]:
    names = {"ask": "items_to_ask", "left": "unanswered", "cached_from": "cached_from_jobs"}
    told = asdict(replace(counts, cached_from=dict(counts.cached_from)))
    return {names.get(name, name): value for name, value in told.items()}


def _whole(number: Interval) -> dict[str, int]:
    return {end: round(value) for end, value in asdict(number).items()}


def _limits(allowed: Mapping[str, Limit]) -> Iterator[tuple[str, dict[str, object]]]:
    for name, limit in allowed.items():
        if limit.value:
            yield name, {"value": limit.value, "source": limit.source}
