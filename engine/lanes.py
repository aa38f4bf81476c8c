"""The lanes of an engine, which all its jobs share: one for each server, model and key. And a job's ways by them."""

import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from .clock import Clock
from .errors import AuthError
from .job import JobSpec
from .limits import Lane
from .metrics import Account
from .price import FREE, is_priced, rate_of
from .route import Route
from .store.lanes import Identity, remember
from .store.writer import Writer
from .tasks import build_task
from .taskspec import Place, TaskSpec, places, server_of
from .text import key_tag


class Lanes:
    """Makes each lane when a job first needs it, with a key of `environment`, and writes down what it knows."""

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        self._lanes: dict[Identity, Lane] = {}
        self._remembered: dict[Identity, bytes] = {}

    def recall(self, states: Mapping[Identity, bytes]) -> None:
        """Have the lanes that are made from now on go on where those of earlier engines stopped."""
        self._remembered = dict(states)

    def remember(self, writer: Writer) -> None:
        """Write down what the lanes have used and learned, where that has changed."""
        for identity, lane in self._lanes.items():
            state = lane.saved(self._clock.wall())
            if state != self._remembered.get(identity):
                self._remembered[identity] = state
                remember(writer, identity, state, self._clock.wall())

    def routes(self, spec: JobSpec) -> tuple[Route, ...]:
        """Return the ways to the job's provider, those it falls back to, and those of its rules; one for each lane.

        Raises AuthError when one of them has no usable key.
        """
        found: dict[Lane, Route] = {}
        for place in places(spec.task):
            for route in self._ways(spec, place):
                known = found.setdefault(route.lane, route)
                if place.rule:
                    known.rules = (*known.rules, place.rule)
        return tuple(found.values())

    def _ways(self, spec: JobSpec, place: Place) -> Iterator[Route]:
        """Yield one way to a provider for each usable key, or one without where none is needed."""
        task = place.task
        names = task.api_key_env
        found = {name: self._environment.get(name, "").strip() for name in names}
        keys = {key: name for name, key in reversed(found.items()) if key}
        if names and not keys:
            raise AuthError(
                f"no API key: {' or '.join(names)} is not set in the environment of the engine (pid {os.getpid()});"
                " export it before the engine starts, or name another variable in"
                f" {place.table}.api_key_env"
            )
        model = "" if task.model == spec.task.model else task.model
        for name, key in [(name, key) for key, name in reversed(keys.items())] or [("", None)]:
            used = Account(cost=0.0 if is_priced(task) else None)
            lane = self._lane(task, name, key)
            yield Route(lane, build_task(task, key), rate_of(task) or FREE, place.tier, model=model, used=used)

    def _lane(self, task: TaskSpec, key_name: str, key: str | None) -> Lane:
        """Return the lane that all jobs with this server, model and key share; a closed one gets another chance."""
        identity = (f"{server_of(task)} {task.model} {key_name}", key_tag(key or ""))
        lane = self._lanes.get(identity)
        if lane is None:
            lane = self._lanes[identity] = Lane(_name(task, key_name), self._clock, secret=key or "")
            if state := self._remembered.get(identity):
                lane.restore(state, self._clock.wall())
        hold = lane.hold()
        if hold and hold.reason == "closed":
            lane.reopen()
        return lane


def _name(task: TaskSpec, key_name: str) -> str:
    """Return what a lane is called for people: model, server where one is given, and the key's variable."""
    server = f" @ {_place(server_of(task))}" if task.base_url else ""
    return f"{task.model}{server}{' · ' if key_name else ''}{key_name}"


def _place(base_url: str) -> str:
    """Return what tells a server from others for people: its host, and the path where that is not what most have."""
    url = urlsplit(base_url)
    return url.netloc + url.path.rstrip("/").removesuffix("/v1")
