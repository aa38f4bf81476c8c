"""A plan as text: what becomes of the rows, and what those cost that are asked."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final, TypeAlias

from ...engine.plan.forecast import Interval
from ...engine.plan.timing import assumed_s
from ...engine.preparespec import step_in_words
from ...engine.price import price_unit
from ...engine.settings import DIALS
from ...engine.text import clean
from ...tui.words.format import amount, count, duration, money, plural
from .planned import Planned
from .share import Share

Counted: TypeAlias = tuple[int, str]
"""A number of rows, and what they are."""

_LEAST_WIDTH: Final = 60


def plan_text(plan: Planned, width: int) -> str:
    """Return the whole plan."""
    return "\n".join(_lines(plan, max(_LEAST_WIDTH, width)))


def _lines(plan: Planned, width: int) -> Iterator[str]:
    yield from wrap(f"{clean(plan.spec.name)}: {clean(plan.spec.input.path)} against {_workspace(plan)}", width)
    if sentence := _sentence(plan):
        yield ""
        yield from wrap(sentence, width)
    for numbers in filter(None, (_prepared(plan), _rows(plan), _todo(plan), _routes(plan))):
        yield ""
        for number, told in numbers:
            yield from _hanging(f"{count(number):>12}  ", told, width)
    yield ""
    if not plan.found.work.requests:
        yield "Nothing is to be asked: nothing would be sent, and nothing spent."
        return
    for name, told in _costs(plan):
        yield from _hanging(f"{name:>12}  ", told, width)


def _workspace(plan: Planned) -> str:
    return "an empty workspace" if plan.workspace is None else clean(str(plan.workspace))


def _hanging(head: str, told: str, width: int) -> list[str]:
    return wrap(told, width, initial_indent=head, subsequent_indent=" " * len(head))


def _sentence(plan: Planned) -> str:
    counts = plan.found.counts
    if plan.fresh:
        return "With --fresh all is asked again, whatever was answered before."
    if not (plan.found.changed_all and counts.changed):
        return ""
    but = ", but for those that have an answer from elsewhere" if counts.cached else ""
    what = "row that had ended is" if counts.changed == 1 else "rows that had ended are"
    return f"The prompt, the model or another parameter changed: all {count(counts.changed)} {what} asked again{but}."


def _present(*numbers: Counted) -> Iterator[Counted]:
    return ((number, told) for number, told in numbers if number)


def _prepared(plan: Planned) -> list[Counted]:
    """Return how many rows there are before the preparation, and after each of its steps."""
    steps, rows = plan.spec.prepare, plan.found.prepared
    after = ((number, f"after {clean(step_in_words(step), 200)}") for step, number in zip(steps, rows[1:], strict=True))
    return [(rows[0], "rows in the input"), *after] if steps else []


def _rows(plan: Planned) -> list[Counted]:
    """Return how many rows there are, and then each kind of which there are any."""
    counts, again = plan.found.counts, "; asked again" if plan.fresh else ""
    retry = again or f"; `batchtop retry {clean(plan.spec.name)} --kind bad_item` asks them again"
    kinds = _present(
        (counts.new, "new"),
        (counts.changed, "asked otherwise than before" if plan.found.changed_all else "changed since they were asked"),
        (counts.left, "left undone by the last run"),
        (counts.retried, "failed for a passing cause, and are tried again"),
        (counts.failed, f"failed for good{retry}"),
        (counts.done, f"answered, and unchanged{again}"),
        (counts.removed, "in the workspace, but no longer in the input"),
        (counts.rejected, "can't be read: set aside, and none of those above"),
    )
    return [(counts.rows, "rows, prepared" if plan.spec.prepare else "rows in the input"), *kinds]


def _todo(plan: Planned) -> list[Counted]:
    """Return what becomes of the rows that a run takes up, if any, down to those that are asked."""
    counts = plan.found.counts
    todo = counts.cached + counts.duplicates + counts.unfit + counts.ask
    jobs = ", ".join(f"{clean(job)} ({count(number)})" for job, number in counts.cached_from.items())
    others = _present(
        (counts.cached, f"answered already, for an equal item of {jobs}"),
        (counts.duplicates, "ask the same as another row, and get its answer"),
        (counts.unfit, "can't become a request, as a field is missing or empty: they fail, and cost nothing"),
    )
    return [(todo, "rows to do"), *others, (counts.ask, _asked(plan))] if todo else []


def _routes(plan: Planned) -> list[Counted]:
    """Return how many items go to each model at first, where rules say so, and what else it may be asked."""
    if not plan.spec.task.route or not plan.found.work.items:
        return []
    unfit = [(0, clean(told, 300)) for told in plan.found.unfit_rules]
    return [*((share.branch.work.items, _route(share)) for share in plan.shares), *unfit]


def _route(share: Share) -> str:
    place, more = share.branch.place, share.branch.more.items
    told = [f"to {clean(place.task.model)} ({place.table})"]
    if more:
        told.append(f"and up to {count(more)} that others don't answer well enough")
    if share.cost is not None:
        told.append(_between(*(money(each) for each in (share.cost.low, share.cost.likely, share.cost.high))))
    return ", ".join(told)


def _asked(plan: Planned) -> str:
    work = plan.found.work
    if not work.items:
        return "to ask"
    batches = f"{count(work.batches)} {'batch' if work.batches == 1 else 'batches'}"
    return f"to ask: {plural(work.requests, 'request')}, in {batches} of up to {count(plan.found.settings.batch_size)}"


def _costs(plan: Planned) -> Iterator[tuple[str, str]]:
    if plan.tokens_in.high:
        yield "tokens in", f"{_span(plan.tokens_in)}; {_IN[plan.tokens_in_source]}{_sample(plan)}"
    if plan.tokens_out_source != "none":
        yield "tokens out", _answers(plan)
    yield "cost", _cost(plan)
    if budget := _budget(plan):
        yield "budget", budget
    yield "time", _time(plan)
    yield "limited by", _limiting(plan)


_IN: Final = {
    "counted": "counted with the model's vocabulary",
    "learned": "by what this server has billed so far",
    "guess": "a guess, at four bytes a token",
}


def _sample(plan: Planned) -> str:
    sampled = plan.found.sampled
    return "" if sampled is None else f", estimated from a sample of {count(sampled)} items"


def _span(number: Interval) -> str:
    return _between(*(amount(round(each)) for each in (number.low, number.likely, number.high)))


def _between(low: str, likely: str, high: str) -> str:
    return f"about {likely}" if low == high else f"about {likely}, from {low} to {high}"


def _answers(plan: Planned) -> str:
    if plan.tokens_out_source != "guess":
        told = "this job's answers" if plan.tokens_out_source == "this job" else "other answers of this model"
        return f"{_span(plan.tokens_out)}; by {told} so far"
    most = f"from 0 to {amount(round(plan.tokens_out.high))}"
    if plan.is_answer_limited:
        return f"{most}, as max_tokens allows; nothing is known yet of how long answers are"
    return f"{most} is a guess, at up to 512 an answer: nothing is known yet, and task.max_tokens is not set"


def _cost(plan: Planned) -> str:
    if plan.cost is None:
        return f"unknown: set {' and '.join(plan.missing_prices)} ({price_unit(plan.spec.task)})"
    return _between(*(money(each) for each in (plan.cost.low, plan.cost.likely, plan.cost.high)))


def _budget(plan: Planned) -> str:
    left, pays = plan.budget_left, plan.affordable
    if left is None or pays is None or plan.cost is None:
        return ""
    spent = plan.found.past.spent_usd
    budget = money(plan.found.settings.cost) + (f", of which {money(spent)} is spent," if spent else "")
    if plan.cost.high <= left:
        return f"{budget} is enough"
    if plan.cost.likely <= left:
        return f"{budget} is likely enough, but may stop the run after {count(pays.low)} items"
    likely = "" if plan.cost.low > left else "likely "
    return f"{budget} {likely}stops the run after about {count(pays.likely)} items"


def _time(plan: Planned) -> str:
    seconds = plan.duration.seconds
    low, likely, high = (duration(each) for each in (seconds.low, seconds.likely, seconds.high))
    if not plan.duration.assumed:
        whose = "this job's" if plan.found.past.latency_own else "this model's"
        return f"{_between(low, likely, high)}; by {whose} answers so far, if none has to be tried again"
    if low == high:
        return f"about {low}, however long an answer takes"
    quick, slow = assumed_s(plan.spec.task)
    takes = f"{quick:g} to {slow:g} s" if slow < 60 else f"{duration(quick)} to {duration(slow)}"
    assumed = f"if an answer takes {takes}, which is assumed: nothing is known yet"
    return f"from {low} to {high}, {assumed}"


def _limiting(plan: Planned) -> str:
    first, *other = (_limit(plan, name) for name in plan.duration.limiting)
    return f"{first} if answers are quick, {other[0]} if they are slow" if other else first


def _limit(plan: Planned, name: str) -> str:
    if name == "concurrency":
        return f"concurrency = {plan.found.settings.concurrency:,} ({DIALS[name].doc})"
    limit = plan.limits[name]
    source = {"server": ", the server's", "learned": ", learned from refusals"}.get(limit.source, "")
    return f"{name} = {limit.value:,.0f} ({DIALS[name].doc}{source})"
