"""Which of a job's models are asked, and how much of each: the split by its rules, and what may go on from there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from ..item import Item
from ..job import JobSpec
from ..rules import Rules
from ..settings import Settings
from ..tasks import build_task
from ..taskspec import Place, TaskSpec, places
from ..weight import weigher
from .forecast import Work, render, work


@dataclass(frozen=True, slots=True)
class Branch:
    """One of a job's models: what it is asked at first, and what may come to it when others' answers are no good."""

    place: Place
    work: Work = field(default_factory=Work)
    more: Work = field(default_factory=Work)


def branches(
    spec: JobSpec, items: Sequence[Item], count: int, settings: Settings, tell: Callable[[str], None]
) -> tuple[Branch, ...]:
    """Return each model that is asked, the task's own first, when some of `count` items are known, or all."""
    rules = Rules(spec.task, tell)
    asked = {0: list(items)} if not len(rules) else _split(rules, items)
    more = _going_on(spec.task, rules, asked)
    share = count / max(1, len(items))
    return tuple(
        Branch(
            place,
            _work(place.task, asked.get(place.rule, []), share, settings),
            _work(place.task, more.get(place.rule, []), share, settings),
        )
        for place in places(spec.task)
        if place.tier <= 0 and (place.rule == 0 or asked.get(place.rule) or more.get(place.rule))
    )


def together(found: Sequence[Branch]) -> Work:
    """Return what all models are asked at first."""
    works = [branch.work for branch in found]
    if len(works) == 1:
        return works[0]
    return Work(
        items=sum(each.items for each in works),
        requests=sum(each.requests for each in works),
        batches=sum(each.batches for each in works),
        most_tokens_in=sum(each.most_tokens_in for each in works),
        most_tokens_out=sum(each.most_tokens_out for each in works),
        error=max(each.error for each in works),
    )


def _split(rules: Rules, items: Sequence[Item]) -> dict[int, list[Item]]:
    split: dict[int, list[Item]] = {}
    for item in map(rules.sort, items):
        split.setdefault(item.rule, []).append(item)
    return split


def _going_on(task: TaskSpec, rules: Rules, asked: Mapping[int, Sequence[Item]]) -> dict[int, list[Item]]:
    """Return which items come to each model if every answer that is checked is no good."""
    more: dict[int, list[Item]] = {}
    for first in (item for items in asked.values() for item in items):
        for item in _after(task, rules, first):
            more.setdefault(item.rule, []).append(item)
    return more


def _after(task: TaskSpec, rules: Rules, item: Item) -> Iterator[Item]:
    while item.rule and task.route[item.rule - 1].escalate_when:
        item = replace(item, rule=rules.after(item))
        yield item


def _work(task: TaskSpec, items: Sequence[Item], share: float, settings: Settings) -> Work:
    rendered = render(build_task(task, None), items, settings, weigher(task))
    return work(round(len(items) * share), rendered, settings)
