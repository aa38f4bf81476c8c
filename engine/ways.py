"""The ways of one job to its providers together: what they keep to, which are switched off, how they stand."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .errors import UsageError
from .metrics import Account
from .route import Route, in_use, limits_of
from .settings import Settings
from .snapshot import LaneState
from .taskspec import TaskSpec


class Ways:
    """The routes of one job, of which at least one is switched on; its name stands for it at the lanes it shares."""

    def __init__(self, routes: Sequence[Route], job: str, task: TaskSpec) -> None:
        self._routes = routes
        self._job = job
        self._task = task

    @property
    def rpm_limit(self) -> int:
        """Requests a minute that those in use allow together, 0 where one is unknown."""
        limits = [route.lane.rpm_limit for route in in_use(self._routes)]
        return sum(limits) if all(limits) else 0

    def states(self, wall_now: float) -> tuple[LaneState, ...]:
        """Return how each lane stands, with what this job has used of it."""
        return tuple(_state(route, wall_now) for route in self._routes)

    @property
    def off(self) -> str:
        """The lanes that a person switched off, or nothing."""
        return ", ".join(route.lane.name for route in self._routes if not route.enabled)

    def obey(self, settings: Settings) -> None:
        """Keep to the limits of these settings from now on."""
        for route in self._routes:
            route.lane.configure(limits_of(self._task, settings, route), owner=self._job)

    def leave(self) -> None:
        """Free the lanes of this job's limits."""
        for route in self._routes:
            route.lane.forget(self._job)

    def go_on(self, before: Iterable[LaneState]) -> str:
        """Go on with the accounts of earlier runs, keep off what was switched off, and return what to tell of that."""
        known = {state.name: state for state in before}
        for route in self._routes:
            if state := known.get(route.lane.name):
                route.used = _continued(route.used, state)
                route.enabled = state.enabled
        off = self.off
        if any(route.enabled and route.serves(0) for route in self._routes):
            return f"still switched off: {off}" if off else ""
        for route in self._routes:
            route.enabled = True
        return f"switched on again, as no other lane is left: {off}"

    def reopen(self) -> str:
        """Try lanes again that the server refused, or gave up; return which. Raises UsageError when there is none."""
        holds = [(route.lane, route.lane.hold()) for route in self._routes if route.enabled]
        out = [lane for lane, hold in holds if hold and hold.reason in {"closed", "breaker"}]
        if not out:
            resting = [lane.name for lane, hold in holds if hold and hold.reason == "cooldown"]
            rest = f"; {', '.join(resting)} rests, as the server asked" if resting else ""
            raise UsageError(f"{self._job}: no key was refused or given up{rest}")
        for lane in out:
            lane.reopen()
        return ", ".join(lane.name for lane in out)

    def switch(self, name: str, *, enabled: bool) -> Route:
        """Switch a lane off or on for this job and return the way to it; a part of the name will do where it is clear.

        Raises UsageError where that changes nothing, or would leave the job without a lane.
        """
        route = self._named(name)
        if route.enabled is enabled:
            raise UsageError(f"{route.lane.name} is {'on' if enabled else 'off'} already")
        if not enabled and not any(each is not route and each.serves(0) and _is_useful(each) for each in self._routes):
            raise UsageError(f"{route.lane.name} is the only lane that {self._job} can use; pause the job instead")
        route.enabled = enabled
        return route

    def _named(self, name: str) -> Route:
        whole = named([route.lane.name for route in self._routes], name, self._job)
        return next(route for route in self._routes if route.lane.name == whole)


def named(lanes: Sequence[str], part: str, job: str) -> str:
    """Return the lane of a job that has this name, or this in its name; raises UsageError unless that is one."""
    found = [lane for lane in lanes if lane == part] or [lane for lane in lanes if part.casefold() in lane.casefold()]
    if len(found) == 1:
        return found[0]
    told = f"several lanes match {part!r}" if found else f"there is no lane {part!r}; there are"
    raise UsageError(f"{job}: {told}: {', '.join(found or lanes) or 'none'}")


def _state(route: Route, wall_now: float) -> LaneState:
    used = route.used
    return replace(
        route.lane.state(wall_now),
        enabled=route.enabled,
        requests=used.requests,
        tokens_in=used.tokens_in,
        tokens_out=used.tokens_out,
        cost=used.cost,
        items=used.items,
        escalated=used.escalated,
    )


def _continued(used: Account, before: LaneState) -> Account:
    """Return an account that goes on where an earlier run ended; what has cost something once keeps its sum."""
    cost = used.cost if before.cost is None else before.cost
    return Account(before.requests, before.tokens_in, before.tokens_out, cost, before.items, before.escalated)


def _is_useful(route: Route) -> bool:
    hold = route.lane.hold()
    return route.enabled and (hold is None or hold.reason != "closed")
