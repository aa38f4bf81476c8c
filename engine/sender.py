"""What becomes of a batch once it goes: its calls are sent, each answer is settled, what failed comes again."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from .admission import Budget
from .answer import Answer, Usage
from .batcher import Batcher
from .clock import Clock
from .errors import StoppedError
from .exchange import Exchange, Exchanged, RecalledError
from .item import Item, Try, and_then, brief
from .ledger import Ledger
from .limits import LaneClosed
from .outcome import REFUSED, TRANSIENT, Outcome
from .route import Route
from .rules import Rules
from .search import Search, halves
from .settings import Settings
from .settle import Again, PutBack, Settled, judge
from .tasks import Call, Reply

MOST_TOO_LARGE: Final = 20
"""So many items in a row that no limit has room for show that the limit is the matter."""

_NOTHING_SAID: Final = Usage()
_MAYBE_BILLED: Final = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.TIMEOUT})


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends calls and settles their answers; `answered` and `closed` are told of what concerns the job as a whole."""

    settings: Settings
    rules: Rules
    batcher: Batcher
    exchange: Exchange
    ledger: Ledger
    budget: Budget
    clock: Clock
    answered: Callable[[Route], None]
    closed: Callable[[LaneClosed], None]
    give_up: Callable[[StoppedError], None]
    last_end: float = field(init=False)
    """When the last call ended."""
    _search: Search = field(init=False, default_factory=Search)
    _too_large: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.last_end = self.clock.now()

    def reserve(self, route: Route, calls: Sequence[Call]) -> bool:
        """Set aside what the calls may cost, or return False when the budget has no room for it."""
        return self.budget.reserve(sum([_at_most(route, call) for call in calls]), self.settings.cost)

    def send(self, route: Route, calls: Sequence[Call]) -> Coroutine[None, None, None]:
        """Return what ends when all calls of a batch, whose cost is reserved, are settled."""
        return self._call(route, calls[0]) if len(calls) == 1 else self._all(route, calls)

    def settle(
        self,
        item: Item,
        answer: Answer,
        *,
        route: Route,
        latency_ms: float = 0.0,
        counts: bool = True,
        when: tuple[float, float] | None = None,
    ) -> None:
        """Store an item's answer, or have it tried again, or another model asked.

        `when` is the time and the jitter that several items share, so that those of them that go again go together.
        """
        now, draw = when or (self.clock.now(), random.random())  # noqa: S311 (jitter, not a secret)
        verdict = judge(
            answer,
            attempts=item.attempts,
            max_attempts=self.settings.max_attempts,
            counts=counts,
            draw=draw,
        )
        if self._goes_on(item, answer, route, latency_ms, last=verdict is None):
            return
        match verdict:
            case Again(after_s, attempts):
                tried = self._tried(item, answer, route, latency_ms, attempts=attempts)
                self.batcher.again(tried, now + after_s)
            case PutBack():
                self.batcher.again(self._tried(item, answer, route, latency_ms), now)
            case None:
                self._keep(item, answer, route, latency_ms, item.attempts + 1)

    def give_back(self, batch: tuple[Item, ...]) -> None:
        """Have a batch, or a part of one, sent again at once, none of its items' attempts used up."""
        self.batcher.add_parts(self._search.dropped(batch))
        now = self.clock.now()
        for item in batch:
            self.batcher.again(item, now)

    async def _all(self, route: Route, calls: Sequence[Call]) -> None:
        await asyncio.gather(*(self._call(route, call) for call in calls))

    async def _call(self, route: Route, call: Call) -> None:
        cost = 0.0
        try:
            done = await self.exchange.send(route, call, self.settings.timeout)
        except RecalledError:
            self.give_back(call.items)
        except LaneClosed as closed:
            self.give_back(call.items)
            self.closed(closed)
        else:
            if done.too_large:
                return self._take_too_large(route, call, done.reply)
            self._too_large = 0
            self.last_end = self.clock.now()
            cost = _cost(route, call, done.reply)
            self.ledger.request(done.reply.outcome, done.reply.usage, cost, done.latency_ms, done.reply.first_ms)
            route.used.request(done.reply.usage, cost)
            self._take_answers(route, call, done)
            self.answered(route)
        finally:
            route.busy -= 1
            self.budget.settle(_at_most(route, call), cost)

    def _take_too_large(self, route: Route, call: Call, reply: Reply) -> None:
        """Halve what no minute has tokens for; an item alone goes on or fails, and many stop the job."""
        if len(call.items) > 1:
            self.batcher.add_parts([*self._search.dropped(call.items), *halves(call.items)])
            return
        self.batcher.add_parts(self._search.spoiled(call.items))
        alone = zip(call.items, reply.answers, strict=True)
        if all(self._goes_on(item, answer, route, 0.0, last=True) for item, answer in alone):
            return
        self._too_large += 1
        if self._too_large > MOST_TOO_LARGE:
            self.give_back(call.items)
            self.give_up(StoppedError(f"{MOST_TOO_LARGE} items one after the other were too large: {reply.message}"))
        else:
            for item, answer in zip(call.items, reply.answers, strict=True):
                self._keep(item, answer, route, 0.0, item.attempts)

    def _take_answers(self, route: Route, call: Call, done: Exchanged) -> None:
        spoiled = done.reply.outcome is not Outcome.OK and _is_spoiled(call, done)
        items = self._tried_together(route, call, done) if spoiled else call.items
        if parts := self._follow(items, done.reply.outcome, spoiled=spoiled):
            self.batcher.add_parts(parts)
        if spoiled:
            return
        when = (self.clock.now(), random.random()) if call.apart else None  # noqa: S311 (jitter, not a secret)
        for item, answer in zip(call.items, done.reply.answers, strict=True):
            if answer.outcome is Outcome.OK:
                if not self._goes_on(item, answer, route, done.latency_ms, last=False):
                    self._keep(item, answer, route, done.latency_ms, item.attempts + 1)
            elif answer.outcome is Outcome.SHORT_REPLY and len(call.items) > 1 and not call.apart:
                # Its neighbours are answered: it goes again by itself.
                self.batcher.add_parts([(self._tried(item, answer, route, done.latency_ms),)])
            else:
                self.settle(item, answer, route=route, latency_ms=done.latency_ms, counts=done.counts, when=when)

    def _keep(self, item: Item, answer: Answer, route: Route, latency_ms: float, attempts: int) -> None:
        """Store an item that is done or has failed."""
        route.used.items += 1
        self.ledger.settled(Settled(item, answer, attempts, latency_ms, self.clock.wall(), route.model))

    def _goes_on(self, item: Item, answer: Answer, route: Route, latency_ms: float, *, last: bool) -> bool:
        """Have the next model asked where the rule that sent an item to this one does not like its answer."""
        if item.rule not in route.rules:
            return False
        why = self.rules.objection(item, answer, last=last)
        if not why:
            return False
        route.used.escalated += 1
        told = Answer(Outcome.SHORT_REPLY, message=f"goes on to another model: {why}")
        tried = self._tried(item, told, route, latency_ms, attempts=0)
        self.batcher.again(replace(tried, rule=self.rules.after(item)), self.clock.now())
        return True

    def _tried(
        self, item: Item, answer: Answer, route: Route, latency_ms: float, *, attempts: int | None = None
    ) -> Item:
        """Return an item as it goes again; unless a new count of its attempts is given, this one cost it none."""
        count = item.attempts if attempts is None else attempts
        message, counted = brief(answer.message), count > item.attempts
        latest = Try(self.clock.wall(), answer.outcome, message, latency_ms, route.lane.name, counted)
        return replace(item, attempts=count, tries=and_then(item.tries, latest))

    def _tried_together(self, route: Route, call: Call, done: Exchanged) -> tuple[Item, ...]:
        """Return the items of a call that one of them has spoiled for the others."""
        why = f"one of {len(call.items)} items in a request that failed: {done.reply.message}"
        answer = Answer(done.reply.outcome, message=why)
        return tuple(self._tried(item, answer, route, done.latency_ms) for item in call.items)

    def _follow(self, items: tuple[Item, ...], outcome: Outcome, *, spoiled: bool) -> Sequence[tuple[Item, ...]]:
        """Return the parts of a spoiled call that go next, and of a search that this call belongs to.

        A server that gives fewer answers than it was asked for mostly does so each time: both halves go at once.
        """
        if outcome is Outcome.OK:
            return self._search.answered(items)
        if len(items) == 1:
            return self._search.spoiled(items)
        if not spoiled or outcome is Outcome.SHORT_REPLY:
            return [*self._search.dropped(items), *(halves(items) if spoiled else ())]
        return self._search.spoiled(items)


def _cost(route: Route, call: Call, reply: Reply) -> float:
    """Return what a request cost; where the server did not say and may have worked, what it may have cost.

    What is answered apart is billed apart: a file of which nothing came in time costs nothing.
    """
    unsaid = reply.usage == _NOTHING_SAID and reply.outcome in _MAYBE_BILLED
    maybe = unsaid and not (call.apart and reply.outcome is Outcome.TIMEOUT)
    return _at_most(route, call) if maybe else route.price.of(reply.usage)


def _at_most(route: Route, call: Call) -> float:
    return route.price.at_most(call.most.total)


def _is_spoiled(call: Call, done: Exchanged) -> bool:
    """Return whether one item may be what fails a call for the others; its parts then go by themselves.

    A server that stumbles over an item says so by a 400, or by a 500 or a silence that comes again; one that objects to
    it may refuse it as if the key were the matter, on a lane that has served well.
    """
    if len(call.items) == 1 or call.apart:
        return False
    if done.reply.outcome in {Outcome.BAD_ITEM, Outcome.SHORT_REPLY}:
        return True
    if done.reply.outcome in REFUSED:
        return done.counts
    return done.counts and done.reply.outcome in TRANSIENT and any(item.attempts for item in call.items)
