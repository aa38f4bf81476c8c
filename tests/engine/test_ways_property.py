"""Whatever people switch off and on and servers answer meanwhile: no run hangs, no item is lost or doubled."""

import asyncio
from collections import Counter
from contextlib import suppress

from batchtop.engine.errors import UsageError
from batchtop.engine.outcome import Outcome
from batchtop.engine.testing import Asked, FakeTransport, answered, dropped, refused
from batchtop.engine.transports import Response, TransportError
from batchtop.engine.ways import Ways
from hypothesis import given, settings
from hypothesis import strategies as st

from .test_dispatch import CHAT, EMBED, Job
from .test_limits_property import in_virtual_time

KEYS = "abc"
ITEMS = 100
HOPELESS = 401
"""So a server refuses a key, which closes its lane."""

moods = st.sampled_from(["well", 429, 500, HOPELESS, "dropped"])
acts = st.tuples(
    st.sampled_from([0.0, 0.05, 0.3, 1.0, 5.0]),
    st.integers(0, len(KEYS) - 1),
    st.sampled_from(["off", "on", "reopen", "pause", "resume"]) | moods,
)


class World:
    """A job with three keys, and a server that has a mood for each."""

    def __init__(self, batch_size: int, concurrency: int, rpm: int, *, packed: bool) -> None:
        self.moods: dict[str, str | int] = dict.fromkeys(KEYS, "well")
        self.well = Counter[str]()
        provider = FakeTransport(self.answer, latency_s=lambda asked: len(asked.texts[0]) % 3)
        task = EMBED if packed else CHAT
        self.job = Job(ITEMS, task, provider=provider, keys=KEYS, batch_size=batch_size, concurrency=concurrency)
        self.job.limit(rpm=rpm)
        self.routes = self.job.loop._routes
        self.ways = Ways(self.routes, "job", task)

    def answer(self, asked: Asked) -> Response | TransportError:
        match self.moods[asked.key]:
            case int(status):
                return refused(status, "invalid_api_key" if status == HOPELESS else None)
            case "dropped":
                return dropped()
            case _:
                self.well.update(asked.texts)
                return answered(asked)

    def act(self, number: int, what: str | int) -> None:
        match what:
            case "off" | "on":
                route = self.ways.switch(f"lane {number}", enabled=what == "on")
                self.job.loop.reroute(None if what == "on" else route.lane)
            case "reopen":
                self.ways.reopen()
                self.job.loop.wake()
            case "pause":
                self.job.loop.pause()
            case "resume":
                self.job.loop.resume()
            case mood:
                self.moods[KEYS[number]] = mood

    async def live(self, happens: list[tuple[float, int, str | int]]) -> None:
        running = self.job.start()
        for after_s, number, what in happens:
            await asyncio.sleep(after_s)
            with suppress(UsageError):
                self.act(number, what)
            assert any(route.enabled for route in self.routes)
        self.moods = dict.fromkeys(KEYS, "well")
        self.job.loop.resume()
        await running

    def check(self) -> None:
        """Hold what is on the books against what the server said."""
        ends = Counter(self.job.ends().values())
        assert self.job.loop.stop or ends.total() == ITEMS
        assert ends[Outcome.OK] == len(self.well) == self.well.total(), "each answer is kept, and asked for once"
        assert not any(route.busy for route in self.routes)
        assert sum(route.used.requests for route in self.routes) == len(self.job.provider.asked)


@settings(max_examples=60, deadline=None)
@given(
    happens=st.lists(acts, max_size=40),
    batch_size=st.sampled_from([1, 7, 30]),
    concurrency=st.integers(1, 6),
    rpm=st.sampled_from([0, 30, 600]),
    packed=st.booleans(),
)
def test_switching_lanes_never_hangs_loses_or_doubles(
    happens: list[tuple[float, int, str | int]],
    batch_size: int,
    concurrency: int,
    rpm: int,
    packed: bool,  # noqa: FBT001
):
    async def scenario() -> None:
        world = World(batch_size, concurrency, rpm, packed=packed)
        await world.live(happens)
        world.check()

    in_virtual_time(scenario())
