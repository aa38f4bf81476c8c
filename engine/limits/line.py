"""Those that wait for leave to send: each owner in turn, of one owner first come, first served, by one timer."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ..answer import Usage
from ..clock import Clock
from ..hold import Hold
from .quota import Mark

TIMER_S: Final = 0.005
"""The shortest timer: shorter ones are rounded by event loops, and cost more than the sends they part."""


class Grant(Struct, eq=False, gc=False):
    """Leave to send one request, to be settled once, however it ends, or given back."""

    most: Usage
    """What it may come to."""
    reserved: Usage
    """What it likely comes to, and is counted for as long as it is under way."""
    mark: Mark
    round: int
    beside: int = 1
    """How many were in flight when it was given, itself among them."""
    settled: bool = False

    @property
    def at(self) -> float:
        """When it was given."""
        return self.mark.at


class Line:
    """Lets out who is next whenever `hold` (of now) allows it, with what `grant` makes of now and its wish."""

    def __init__(
        self, clock: Clock, hold: Callable[[float], Hold | None], grant: Callable[[float, Usage], Grant]
    ) -> None:
        self._clock = clock
        self._hold = hold
        self._grant = grant
        self._queues: dict[object, deque[tuple[Usage, asyncio.Future[Grant | None]]]] = {}
        """Of each owner that waits, the one whose turn it is first."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._queues.values())) if self._queues else 0

    def join(self, most: Usage, owner: object) -> asyncio.Future[Grant | None]:
        """Return the place of one more; it brings None to who was told to go."""
        place: asyncio.Future[Grant | None] = asyncio.get_running_loop().create_future()
        is_first = not self._queues
        self._queues.setdefault(owner, deque()).append((most, place))
        if is_first:
            self.pump()
        return place

    def pump(self) -> None:
        """Let out those who may go; set the timer for the next one, unless an answer is what it waits for."""
        now = self._clock.now()
        while self._queues:
            owner, queue = next(iter(self._queues.items()))
            most, place = queue[0]
            if place.done():
                self._leave(owner)
                continue
            hold = self._hold(now)
            if hold is not None:
                self._wake(now, hold.until)
                return
            place.set_result(self._grant(now, most))
            self._leave(owner)
            if owner in self._queues:
                self._queues[owner] = self._queues.pop(owner)

    def send_away(self, hopeless: Callable[[Usage], object]) -> None:
        """Wake those who can never go, with no grant."""
        for queue in self._queues.values():
            for most, place in queue:
                if not place.done() and hopeless(most):
                    place.set_result(None)

    def _leave(self, owner: object) -> None:
        self._queues[owner].popleft()
        if not self._queues[owner]:
            del self._queues[owner]

    def _wake(self, now: float, until: float | None) -> None:
        """Have the timer fire at `until` or, as it may already be set, before."""
        if until is None:
            return
        at = max(until, now + TIMER_S)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(at - now, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.pump()
