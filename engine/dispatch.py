"""The loop of a running job: keeps `concurrency` batches in flight until nothing is left or it is told to stop."""

import asyncio
from collections.abc import Callable, Sequence

from .admission import Budget, Chunks, Slots
from .batcher import Batcher
from .choice import Choice
from .clock import Clock
from .errors import StoppedError
from .exchange import Exchange
from .hold import Hold
from .item import Item
from .ledger import Ledger
from .limits import Lane, LaneClosed
from .limits.memory import Memory
from .route import Route, may_help, nearest
from .rules import NO_RULES, Rules
from .sender import Sender
from .settings import Settings
from .slottime import Occupancy, SlotTime
from .transports import Transport
from .wake import Wake


class Dispatcher:
    """Sends the items of one job. Call `wake` after anything changed that it can't know of."""

    def __init__(
        self,
        *,
        settings: Settings,
        routes: Sequence[Route],
        transport: Transport,
        batcher: Batcher,
        ledger: Ledger,
        budget: Budget,
        clock: Clock,
        rules: Rules = NO_RULES,
    ) -> None:
        self.batcher = batcher
        self.wake = Wake()
        self.memory = Memory()
        self.stop: StoppedError | Hold | None = None
        """Why no batch is sent any more: every lane closed, the budget used up, or somebody's wish."""
        self.hold: Hold | None = None
        """What holds the next batch back at the moment."""
        self.dropped = 0
        """Items that were at a server when they were dropped: they may have been billed."""
        self._paused = False
        self._routes = routes
        self._exchange = Exchange(transport, clock, self.wake)
        self._choice = Choice(batcher, routes, self._exchange)
        self._ledger = ledger
        self._budget = budget
        self._clock = clock
        self._slots = Slots()
        self._chunks = Chunks()
        self._time = SlotTime()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._sender = Sender(
            settings=settings,
            rules=rules,
            batcher=batcher,
            exchange=self._exchange,
            ledger=ledger,
            budget=budget,
            clock=clock,
            answered=self._look_after,
            closed=self._lane_closed,
            give_up=self.end,
        )

    @property
    def settings(self) -> Settings:
        """What the job obeys; may be replaced at any time."""
        return self._sender.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._sender.settings = settings

    @property
    def in_flight(self) -> int:
        """Batches sent and not yet answered in full."""
        return self._slots.in_flight

    @property
    def target(self) -> int:
        """Batches that should be in flight, 0 while paused."""
        return 0 if self._paused else self.settings.concurrency

    @property
    def silent_s(self) -> float:
        """Seconds since a request ended, 0 while none is at the server."""
        sent = sum(route.busy for route in self._routes) - self._exchange.waiting
        return self._clock.now() - self._sender.last_end if sent > 0 else 0.0

    def spent(self) -> dict[str, float]:
        """Return the slot-seconds since the last call, by what they were spent on."""
        now = self._clock.now()
        self._time.change(now, self._occupancy())
        return self._time.take(now)

    def pause(self) -> None:
        """Send nothing more until `resume`."""
        self._paused = True
        self._exchange.shut()
        self.wake()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        self._exchange.reopen()
        self.wake()

    def reroute(self, lane: Lane | None = None) -> None:
        """Have what waits for a lane, or for any, go by the one that is best now."""
        self._exchange.recall(lane)
        self.wake()

    def end(self, why: StoppedError | Hold) -> None:
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
            hold = self._fill()
            while self._tasks or not self._done():
                if not self.memory.tight or self.batcher.fresh < self.settings.batch_size:
                    want_items()
                await self.wake.wait(hold.until)
                if self._fault:
                    raise self._fault
                hold = self._fill()
        finally:
            await self.cancel_in_flight()

    def _fill(self) -> Hold:
        """Begin batches until one is held back, and return by what."""
        while (hold := self._held(now := self._clock.now())) is None:
            self._begin(self._choice.take(now, self.settings))
        self.hold = hold
        self._time.change(now, self._occupancy())
        return hold

    async def cancel_in_flight(self) -> None:
        """Drop what is in flight; its items stay pending."""
        self.dropped += self._exchange.items_out
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self) -> bool:
        return self.stop is not None or self.batcher.exhausted

    def _occupancy(self) -> Occupancy:
        begun = sum(route.busy for route in self._routes)
        lane = self._exchange.holding()
        return Occupancy(
            slots=self.target,
            busy=self._slots.in_flight,
            gate=self.hold,
            waiting=self._exchange.waiting / begun if begun else 0.0,
            lane=(lane.hold() or Hold("queue")) if lane else None,
        )

    # ── the gates ──

    def _held(self, now: float) -> Hold | None:
        """Ask every gate in turn; the first that holds the batch back names the reason."""
        if self._done():
            return Hold("ending")
        if self._paused:
            return Hold("paused")
        if self._ledger.full:
            return Hold("sink")
        settings = self.settings
        return (
            self.memory.hold(self._slots.in_flight, settings.concurrency)
            or self._slots.hold(now, settings)
            or self._chunks.hold(now, settings)
            or self._over_budget()
            or self._choice.hold(now, settings)
        )

    def _over_budget(self) -> Hold | None:
        if not self._budget.exhausted(self.settings.cost):
            return None
        if not self._tasks:
            self.end(Hold("budget"))
        return Hold("budget")

    # ── batches ──

    def _begin(self, batch: tuple[Item, ...]) -> None:
        route = self._choice.route
        plan = route.task.plan(batch, self.settings.items_per_request)
        if not self._sender.reserve(route, plan.calls):
            return self._sender.give_back(batch)
        for item, answer in plan.unfit:
            self._sender.settle(item, answer, route=route)
        if plan.calls:
            route.busy += len(plan.calls)
            self._slots.begin()
            self._chunks.begin()
            task = asyncio.create_task(self._sender.send(route, plan.calls))
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

    def _look_after(self, route: Route) -> None:
        """After an answer, use what it opened; what waits for a lane in trouble goes by another, where there is one."""
        if self.hold and self.hold.reason in {"trial", "parallel"}:
            self.wake()  # the answer opens the lane, or leaves a place, and its batch may not be over for long
        if len(self._routes) > 1:
            self._look_around(route)

    def _look_around(self, route: Route) -> None:
        for each in self._routes:
            each.lane.try_again()
        held = route.lane.hold() if route.lane.waiting else None
        if held and held.reason in {"cooldown", "breaker"} and may_help(self._routes, route):
            self._exchange.recall(route.lane)

    def _lane_closed(self, closed: LaneClosed) -> None:
        if nearest(self._routes) is None:
            self.end(closed)
