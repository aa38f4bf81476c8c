"""The loop of a running job: keeps `concurrency` batches in flight until nothing is left or it is told to stop."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from .admission import Budget, Chunks, Slots
from .batcher import Batcher
from .clock import Clock
from .exchange import Exchange, Exchanged, RecalledError, Route, nearest
from .hold import Hold
from .item import Item
from .ledger import Ledger, Price
from .limits import LaneClosed
from .outcome import REFUSED, TRANSIENT, Answer, Outcome, Usage
from .settings import Settings
from .settle import Again, PutBack, Settled, judge
from .tasks import Call, Reply
from .transport import Transport
from .wake import Wake

_MAYBE_BILLED: Final = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.TIMEOUT})

RECHECK_S: Final = 0.05
"""How often a lane is asked again that waits for somebody else's answer: another job may use it too."""


class Dispatcher:
    """Sends the items of one job. `settings` may be replaced at any time; call `wake` after anything changed."""

    def __init__(
        self,
        *,
        settings: Settings,
        routes: Sequence[Route],
        transport: Transport,
        ledger: Ledger,
        price: Price,
        budget: Budget,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.batcher = Batcher()
        self.wake = Wake()
        self._paused = False
        self.stop: LaneClosed | Hold | None = None
        """Why no batch is sent any more: every lane closed, the budget used up, or somebody's wish."""
        self.hold: Hold | None = None
        """What holds the next batch back at the moment."""
        self._routes = routes
        self._exchange = Exchange(transport, clock, self.wake)
        self._ledger = ledger
        self._price = price
        self._budget = budget
        self._clock = clock
        self._slots = Slots()
        self._chunks = Chunks()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None

    @property
    def in_flight(self) -> int:
        """Batches sent and not yet answered in full."""
        return self._slots.in_flight

    def pause(self) -> None:
        """Send nothing more until `resume`."""
        self._paused = True
        self._exchange.shut()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        self._exchange.reopen()
        self.wake()

    def end(self, why: LaneClosed | Hold) -> None:
        """Begin no batch any more; the first reason given is the one that is told, but a drain may become a cancel."""
        if self.stop is None or self.stop == Hold("drain"):
            self.stop = why
        self._exchange.shut()
        self.wake()

    def watch(self, helper: asyncio.Task[None]) -> None:
        """Have `run` raise what a task ends with that works for it."""
        helper.add_done_callback(self._check)

    async def run(self, want_items: Callable[[], None]) -> None:
        """Return when every item is settled, or, once `stop` is set, when nothing is in flight any more."""
        try:
            while not (self._done() and not self._tasks):
                want_items()
                now = self._clock.now()
                self.hold = self._held(now)
                if self.hold is None:
                    self._begin(self.batcher.take(now, self.settings.batch_size, self.settings.max_wait))
                else:
                    await self.wake.wait(self.hold.until)
                if self._fault:
                    raise self._fault
        finally:
            await self.cancel_in_flight()

    async def cancel_in_flight(self) -> None:
        """Drop what is in flight; its items stay pending."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self) -> bool:
        return self.stop is not None or self.batcher.exhausted

    def _held(self, now: float) -> Hold | None:
        """Ask every gate in turn; the first that holds the batch back names the reason."""
        if self._done():
            return Hold("ending")
        if self._paused:
            return Hold("paused")
        if self._ledger.full:
            return Hold("sink")
        return (
            self._slots.hold(now, self.settings)
            or self._chunks.hold(now, self.settings)
            or self._over_budget()
            or self._no_item(now)
            or self._lane_hold(now)
        )

    def _over_budget(self) -> Hold | None:
        if not self._budget.exhausted(self.settings.cost):
            return None
        if not self._tasks:
            self.end(Hold("budget"))
        return Hold("budget")

    def _no_item(self, now: float) -> Hold | None:
        ready = self.batcher.ready_at(now, self.settings.batch_size, self.settings.max_wait)
        return None if ready is not None and ready <= now else Hold("source", ready)

    def _lane_hold(self, now: float) -> Hold | None:
        """Begin no batch while its lane holds back, so that a change of settings reaches the next one."""
        lane = self._route().lane
        held = lane.hold()
        if held is None:
            return Hold("queue", now + RECHECK_S) if lane.waiting else None
        if held.reason == "closed":
            return None
        return Hold(held.reason, now + RECHECK_S if held.until is None else held.until)

    def _route(self) -> Route:
        """Return the way a batch goes now; where every lane is closed any will do, it says why and ends the job."""
        return nearest(self._routes) or self._routes[0]

    def _begin(self, batch: tuple[Item, ...]) -> None:
        route = self._route()
        plan = route.task.plan(batch)
        if not self._budget.reserve(sum(map(self._at_most, plan.calls)), self.settings.cost):
            return self._put_back(batch)
        for item, answer in plan.unfit:
            self._settle(item, answer, latency_ms=0.0, counts=True)
        if plan.calls:
            route.busy += len(plan.calls)
            self._slots.begin()
            self._chunks.begin()
            task = asyncio.create_task(self._send(route, plan.calls))
            self._tasks.add(task)
            task.add_done_callback(self._end)
        return None

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        now = self._clock.now()
        self._slots.end(now)
        self._chunks.end(now)
        self._check(task)

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._fault = self._fault or task.exception()
        self.wake()

    async def _send(self, route: Route, calls: Sequence[Call]) -> None:
        if len(calls) == 1:
            await self._call(route, calls[0])
        else:
            await asyncio.gather(*(self._call(route, call) for call in calls))

    async def _call(self, route: Route, call: Call) -> None:
        cost = 0.0
        try:
            done = await self._exchange.send(route, call, self.settings.timeout)
        except RecalledError:
            self._put_back(call.items)
        except LaneClosed as closed:
            self._put_back(call.items)
            self._lane_closed(closed)
        else:
            cost = self._cost(call, done.reply)
            self._ledger.request(done.reply.outcome, done.reply.usage, cost, done.latency_ms)
            self._take_answers(call, done)
            self._look_after(route)
        finally:
            route.busy -= 1
            self._budget.settle(self._at_most(call), cost)

    def _look_after(self, route: Route) -> None:
        """After an answer, use what it opened; what waits for a lane in trouble goes by another, where there is one."""
        if self.hold and self.hold.reason == "trial":
            self.wake()  # the first answer opens the lane, and its batch may not be over for long
        held = route.lane.hold() if route.lane.waiting and len(self._routes) > 1 else None
        if held and held.reason in {"cooldown", "breaker"} and self._route() is not route:
            self._exchange.recall(route.lane)

    def _cost(self, call: Call, reply: Reply) -> float:
        """Return what a request cost; where the server did not say and may have worked, what it may have cost."""
        unsaid = reply.usage == Usage() and reply.outcome in _MAYBE_BILLED
        return self._at_most(call) if unsaid else self._price.of(reply.usage)

    def _at_most(self, call: Call) -> float:
        return self._price.at_most(call.most.total)

    def _lane_closed(self, closed: LaneClosed) -> None:
        if nearest(self._routes) is None:
            self.end(closed)

    def _take_answers(self, call: Call, done: Exchanged) -> None:
        if _may_be_spoiled(call, done):
            self.batcher.split(call.items)
            return
        for item, answer in zip(call.items, done.reply.answers, strict=True):
            self._settle(item, answer, latency_ms=done.latency_ms, counts=done.counts)

    def _settle(self, item: Item, answer: Answer, *, latency_ms: float, counts: bool) -> None:
        verdict = judge(
            answer,
            attempts=item.attempts,
            max_attempts=self.settings.max_attempts,
            counts=counts,
            draw=random.random(),  # noqa: S311 (jitter, not a secret)
        )
        match verdict:
            case Again(after_s, attempts):
                self.batcher.again(replace(item, attempts=attempts), self._clock.now() + after_s)
            case PutBack():
                self._put_back((item,))
            case None:
                self._ledger.settled(Settled(item, answer, item.attempts + 1, latency_ms, self._clock.wall()))

    def _put_back(self, items: Sequence[Item]) -> None:
        now = self._clock.now()
        for item in items:
            self.batcher.again(item, now)


def _may_be_spoiled(call: Call, done: Exchanged) -> bool:
    """Return whether one item may be what fails a call for the others; its halves then go by themselves.

    A server that stumbles over an item says so by a 400, or by a 500 or a silence that comes again; one that objects to
    it may refuse it as if the key were the matter, on a lane that has served well.
    """
    if len(call.items) == 1:
        return False
    if done.reply.outcome in {Outcome.BAD_ITEM, Outcome.SHORT_REPLY}:
        return True
    if done.reply.outcome in REFUSED:
        return done.counts
    return done.counts and done.reply.outcome in TRANSIENT and any(item.attempts for item in call.items)
