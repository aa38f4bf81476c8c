"""The ways to a provider: a lane to keep to, a task that writes its requests, a price; and which way to take."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .hold import Hold
from .job import TaskSpec
from .ledger import Price
from .limits import Lane, Limits
from .metrics import Account
from .settings import Settings
from .tasks import Task


@dataclass(slots=True, eq=False)
class Route:
    """One job's way to a provider, with one key."""

    lane: Lane
    task: Task
    price: Price
    tier: int = 0
    """0 for the job's own provider, 1 and more for those it falls back to, in their order."""
    model: str = ""
    """The model, where it is not the job's own."""
    busy: int = 0
    """Calls begun on it and not ended."""
    enabled: bool = True
    """False while a person keeps the job from using it."""
    used: Account = field(default_factory=Account)


def nearest(routes: Iterable[Route]) -> Route | None:
    """Return the route to take: of the first tier that is well the one that may send soonest, then has most left.

    A lane that is in trouble is taken when it may try one request: so a tier that has healed is found out, and used
    again. Where no tier is well, the one that may send soonest is taken. None when each lane is closed or
    switched off.
    """
    on = [(route, route.lane.hold()) for route in routes if route.enabled]
    holds = [(route, hold) for route, hold in on if hold is None or hold.reason != "closed"]
    fit = [(route, hold) for route, hold in holds if hold is None or route.lane.well]
    first = min((route.tier for route, _ in fit), default=0)
    ranked = [(route, hold) for route, hold in fit if route.tier == first] or holds
    return min(ranked, key=_rank, default=(None, None))[0]


def in_use(routes: Iterable[Route]) -> list[Route]:
    """Return the routes that share the work now: those of the first tier that is well."""
    well = [route for route in routes if route.enabled and route.lane.well]
    first = min((route.tier for route in well), default=0)
    return [route for route in well if route.tier == first]


def limits_of(task: TaskSpec, settings: Settings) -> tuple[Limits, ...]:
    """Return what each tier's lanes keep to: the job's own provider to the settings, a fallback to its own numbers."""
    own = Limits(
        rpm=settings.rpm,
        tpm=settings.tpm,
        tpm_in=settings.tpm_in,
        tpm_out=settings.tpm_out,
        rpd=settings.rpd,
        max_cooldown=settings.max_cooldown,
    )
    others = (Limits(rpm=each.rpm, tpm=each.tpm, max_cooldown=settings.max_cooldown) for each in task.fallback)
    return own, *others


def may_help(routes: Sequence[Route], held: Route) -> bool:
    """Return whether a call that waits for one route would go by another now."""
    return len(routes) > 1 and nearest(routes) is not held


def _rank(candidate: tuple[Route, Hold | None]) -> tuple[float, float, int]:
    route, hold = candidate
    return _ready_at(hold), -round(route.lane.left(), 1), route.busy


def _ready_at(hold: Hold | None) -> float:
    if hold is None:
        return 0.0
    return math.inf if hold.until is None else hold.until
