"""The ways to a provider: a lane to keep to, a task that writes its requests, a price; and which way to take."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .hold import Hold
from .ledger import Price
from .limits import Lane, Limits
from .metrics import Account
from .settings import Settings
from .tasks import Task
from .taskspec import TaskSpec


@dataclass(slots=True, eq=False)
class Route:
    """One job's way to a provider, with one key."""

    lane: Lane
    task: Task
    price: Price
    tier: int = 0
    """0 for the job's own provider, 1 and more for those it falls back to, in their order; -1 where only rules send."""
    rules: tuple[int, ...] = ()
    """The rules that send items to it at first."""
    model: str = ""
    """The model, where it is not the job's own."""
    busy: int = 0
    """Calls begun on it and not ended."""
    enabled: bool = True
    """False while a person keeps the job from using it."""
    used: Account = field(default_factory=Account)

    def serves(self, rule: int) -> bool:
        """Return whether items of a rule may go by it, or for 0 those of none."""
        return self.tier >= 0 or rule in self.rules

    def tier_of(self, rule: int) -> int:
        """Return which tier it is for items of a rule: what the rule sends to comes before all else."""
        return -1 if rule in self.rules else self.tier


def nearest(routes: Iterable[Route], rule: int = 0) -> Route | None:
    """Return the route to take: of the first tier that is well the one that may send soonest, then has most left.

    For items of a rule its own routes are the first tier of all, and behind them come those of the task.

    A lane that is in trouble is taken when it may try one request: so a tier that has healed is found out, and used
    again. Where no tier is well, the one that may send soonest is taken. None when each lane is closed or
    switched off.
    """
    on = [(route, route.lane.hold()) for route in routes if route.enabled and route.serves(rule)]
    holds = [(route, hold) for route, hold in on if hold is None or hold.reason != "closed"]
    if len(holds) == 1:
        return holds[0][0]
    fit = [(route, hold) for route, hold in holds if hold is None or route.lane.well]
    first = min((route.tier_of(rule) for route, _ in fit), default=0)
    ranked = [(route, hold) for route, hold in fit if route.tier_of(rule) == first] or holds
    return min(ranked, key=_rank, default=(None, None))[0]


def in_use(routes: Sequence[Route]) -> list[Route]:
    """Return the routes that share the work now: those of the first tier that is well, for each of the rules."""
    well = [route for route in routes if route.enabled and route.lane.well]
    rules = {0}.union(*(route.rules for route in routes))
    first = {rule: min((route.tier_of(rule) for route in well if route.serves(rule)), default=0) for rule in rules}
    return [route for route in well if any(route.serves(rule) and route.tier_of(rule) == first[rule] for rule in rules)]


def limits_of(task: TaskSpec, settings: Settings, route: Route) -> Limits:
    """Return what a lane keeps to: the job's own provider to the settings, a fallback or a rule to its own numbers."""
    if route.tier == 0:
        return Limits(
            rpm=settings.rpm,
            tpm=settings.tpm,
            tpm_in=settings.tpm_in,
            tpm_out=settings.tpm_out,
            rpd=settings.rpd,
            max_cooldown=settings.max_cooldown,
        )
    other = task.fallback[route.tier - 1] if route.tier > 0 else task.route[route.rules[0] - 1]
    return Limits(rpm=other.rpm, tpm=other.tpm, max_cooldown=settings.max_cooldown)


def may_help(routes: Sequence[Route], held: Route) -> bool:
    """Return whether a call that waits for one route would go by another now."""
    rules = (*held.rules, *((0,) if held.tier >= 0 else ()))
    return len(routes) > 1 and any(nearest(routes, rule) is not held for rule in rules)


def _rank(candidate: tuple[Route, Hold | None]) -> tuple[float, float, int]:
    route, hold = candidate
    return _ready_at(hold), -round(route.lane.left(), 1), route.busy


def _ready_at(hold: Hold | None) -> float:
    if hold is None:
        return 0.0
    return math.inf if hold.until is None else hold.until
