"""Which items go next, those of which rule, and by which way."""

from collections.abc import Sequence
from typing import Final

from .batcher import Batcher
from .exchange import Exchange
from .hold import Hold, soonest
from .item import Item
from .route import Route, nearest
from .settings import Settings

RECHECK_S: Final = 0.05
"""How often a lane is asked again that waits for somebody else's answer: another job may use it too."""


class Choice:
    """Asks of each rule of a job whether its next batch could go; the first whose could goes."""

    def __init__(self, batcher: Batcher, routes: Sequence[Route], exchange: Exchange) -> None:
        self.route = routes[0]
        """The way they go."""
        self._rule = 0
        """The rule whose items go next; 0 for those of none."""
        self._batcher = batcher
        self._routes = routes
        self._exchange = exchange

    def hold(self, now: float, settings: Settings) -> Hold | None:
        """Choose the rule whose items go next, or return why those of none do: the soonest of what ends it."""
        holds: list[Hold] = []
        for rule in self._batcher.rules:
            hold = self._no_item(now, rule, settings) or self._lane_hold(now, rule)
            if hold is None:
                self._rule = rule
                return None
            holds.append(hold)
        return holds[0] if len(holds) == 1 else soonest(holds)

    def take(self, now: float, settings: Settings) -> tuple[Item, ...]:
        """Return the batch that `hold` chose."""
        return self._batcher.take(
            now, settings.batch_size, settings.max_wait, tokens=settings.batch_tokens, rule=self._rule
        )

    def _no_item(self, now: float, rule: int, settings: Settings) -> Hold | None:
        ready = self._batcher.ready_at(
            now, settings.batch_size, settings.max_wait, tokens=settings.batch_tokens, rule=rule
        )
        if ready is not None and ready <= now:
            return None
        return Hold("retry" if self._batcher.only_retries else "source", ready)

    def _lane_hold(self, now: float, rule: int) -> Hold | None:
        """Begin no batch while its lane holds back, so that a change of settings reaches the next one."""
        self.route = self._route(rule)
        lane = self.route.lane
        held = lane.hold()
        if held is None:
            return Hold("queue", now + RECHECK_S) if self._exchange.waits_for(lane) else None
        if held.reason == "closed":
            return None
        return Hold(held.reason, now + RECHECK_S if held.until is None else held.until)

    def _route(self, rule: int) -> Route:
        """Return the way a batch goes now; where every lane is closed any will do, it says why and ends the job."""
        if len(self._routes) == 1:
            return self._routes[0]
        enabled = (route for route in self._routes if route.enabled and route.serves(rule))
        return nearest(self._routes, rule) or next(enabled)
