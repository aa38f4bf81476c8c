"""What a run will come to: requests, tokens and cost, each with how far off it may be. Pure."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..answer import Usage
from ..batcher import Batcher
from ..identity import used_fields
from ..item import Item
from ..limits.estimate import LEAST_SEEN
from ..limits.saved import SavedLane
from ..price import cost_usd
from ..settings import Settings
from ..tasks import Task
from ..tasks.template import compile_template
from ..taskspec import EmbeddingsSpec, TaskSpec, asked_one_by_one
from ..weight import Weigh, weightless

_BYTES_GUESS: Final = (0.6, 1.0, 1.5)
"""Real tokens of prompts, as a share of what their bytes suggest: prose in English lies low, other scripts high."""
_COUNTED: Final = (0.97, 1.0, 1.1)
"""The same where the model's own vocabulary has counted; servers add some tokens of their own."""
_SAME_ANSWERS: Final = (0.9, 1.0, 1.1)
_OTHER_ANSWERS: Final = (0.5, 1.0, 2.0)
_ERRORS: Final = 2.0
"""Standard errors to either side."""

Source: TypeAlias = Literal["counted", "learned", "guess"]
Answers: TypeAlias = Literal["none", "this job", "other jobs", "guess"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A number that is not known: it lies between `low` and `high`, and `likely` is the best guess."""

    low: float = 0.0
    likely: float = 0.0
    high: float = 0.0

    def times(self, low: float, likely: float, high: float) -> "Interval":
        """Return it with each end multiplied by its own factor."""
        return Interval(self.low * low, self.likely * likely, self.high * high)

    def plus(self, other: "Interval") -> "Interval":
        """Return the sum."""
        return Interval(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def at_most(self, bound: float) -> "Interval":
        """Return it with nothing above a bound."""
        return Interval(min(self.low, bound), min(self.likely, bound), min(self.high, bound))


def fitness(task: TaskSpec) -> Callable[[Mapping[str, object]], bool]:
    """Return what tells, without writing it, whether an item of these fields can become a request."""
    needed = frozenset(used_fields(task) or ())
    task = asked_one_by_one(task)
    if not isinstance(task, EmbeddingsSpec):
        return needed.issubset
    text = compile_template(task.text)
    return lambda fields: needed.issubset(fields) and text.render(fields) != ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the requests of some items are, or of all."""

    items: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    """Of the longest answers."""
    error: float = 0.0
    """Standard error of the tokens in, as a share of them, taken for a sample of very many."""
    batches: int = 0


def render(task: Task, items: Sequence[Item], settings: Settings, weigh: Weigh = weightless) -> Rendered:
    """Write the requests of some items, in batches as a run makes them."""
    batches = list(_batches(items, settings, weigh))
    calls = [
        (len(call.items), call.most) for batch in batches for call in task.plan(batch, settings.items_per_request).calls
    ]
    count = sum(each for each, _ in calls)
    tokens_in = sum(most.tokens_in for _, most in calls)
    error = _relative_error([(each, most.tokens_in) for each, most in calls], tokens_in / max(1, count))
    return Rendered(count, len(calls), tokens_in, sum(most.tokens_out for _, most in calls), error, len(batches))


def _batches(items: Sequence[Item], settings: Settings, weigh: Weigh) -> Iterator[tuple[Item, ...]]:
    batcher = Batcher(weigh)
    batcher.add(items, 0.0)
    batcher.close()
    rule = items[0].rule if items else 0
    while batch := batcher.take(0.0, settings.batch_size, 0.0, tokens=settings.batch_tokens, rule=rule):
        yield batch


def _relative_error(calls: Sequence[tuple[int, int]], mean: float) -> float:
    """Return the standard error of the sum of tokens as a share of it, from how far calls are off the mean of items."""
    total = sum(tokens for _, tokens in calls)
    if len(calls) < 2 or not total:
        return 0.0
    squares = sum((tokens - mean * items) ** 2 for items, tokens in calls)
    return math.sqrt(squares * len(calls) / (len(calls) - 1)) / total


@dataclass(frozen=True, slots=True)
class Work:
    """What is sent."""

    items: int = 0
    requests: int = 0
    batches: int = 0
    most_tokens_in: int = 0
    """As the requests are measured before they are sent."""
    most_tokens_out: int = 0
    error: float = 0.0
    """Standard error of the tokens in, as a share of them; 0 where all requests were written."""


def work(items: int, rendered: Rendered, settings: Settings) -> Work:
    """Return what all items come to, when some of them were rendered, or all."""
    if not items or not rendered.items:
        return Work()
    share = items / rendered.items
    unseen = math.sqrt(max(0.0, 1 - 1 / share))
    return Work(
        items=items,
        requests=min(items, math.ceil(rendered.requests * share - 1e-6)),
        batches=max(
            math.ceil(items / settings.batch_size),
            math.ceil(rendered.batches * share - 1e-6) if settings.batch_tokens else 0,
        ),
        most_tokens_in=round(rendered.tokens_in * share),
        most_tokens_out=round(rendered.tokens_out * share),
        error=rendered.error * unseen,
    )


# ── tokens and cost ──


def tokens_in(todo: Work, lanes: Iterable[SavedLane], *, counted: bool) -> tuple[Interval, Source]:
    """Return the tokens of the prompts, and how they are known."""
    low, likely, high = _COUNTED if counted else _BYTES_GUESS
    source: Source = "counted" if counted else "guess"
    seen = [lane.prompts for lane in lanes if lane.prompts.seen >= LEAST_SEEN]
    if seen and not counted:
        source, likely = "learned", sum(each.mean for each in seen) / len(seen)
        away = _ERRORS * max(math.sqrt(each.variance / each.seen) for each in seen) + 0.02 * likely
        low, high = max(0.0, likely - away), likely + away
    off = _ERRORS * todo.error
    most = float(todo.most_tokens_in)
    return Interval(most, most, most).times(low * max(0.0, 1 - off), likely, high * (1 + off)), source


def tokens_out(todo: Work, an_answer: float | None, *, own: bool, limited: bool) -> tuple[Interval, Answers]:
    """Return the tokens of the answers, and how they are known: `an_answer` is what one took on average so far."""
    most = float(todo.most_tokens_out)
    if not most:
        return Interval(), "none"
    if an_answer is None:
        return Interval(0.0, most / 2, most), "guess"
    likely = an_answer * todo.items
    found = Interval(likely, likely, likely).times(*(_SAME_ANSWERS if own else _OTHER_ANSWERS))
    return found.at_most(most) if limited else found, "this job" if own else "other jobs"


def cost(task: TaskSpec, came_in: Interval, went_out: Interval, requests: int = 0) -> Interval | None:
    """Return what so many tokens and requests cost in USD, None where a price is unknown."""
    pairs = ((came_in.low, went_out.low), (came_in.likely, went_out.likely), (came_in.high, went_out.high))
    found = [cost_usd(task, Usage(round(tokens), round(answers), requests)) for tokens, answers in pairs]
    return None if None in found else Interval(*(each or 0.0 for each in found))


def affordable(items: int, price: Interval, left_usd: float) -> Interval:
    """Return how many items a budget pays for, the fewest where each costs most; all where it is enough."""
    fewest, likely, most = (
        float(items) if each <= left_usd else math.floor(items * max(0.0, left_usd) / each)
        for each in (price.high, price.likely, price.low)
    )
    return Interval(fewest, likely, most)
