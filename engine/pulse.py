"""Once a second of a running job: its sample is written, and what would go wrong unseen is looked at."""

from typing import Final

from .books import Books
from .clock import Clock
from .dispatch import Dispatcher
from .errors import StoppedError
from .hold import Hold
from .journal import Journal
from .lag import LoopLag
from .output.delivery import Delivery
from .sampler import Sampler
from .store.writer import Writer
from .transports import Telling, Transport
from .ways import Ways

SAMPLE_S: Final = 1.0


class Pulse:
    """Writes how a job does, tells of a long silence, and ends a job whose output or memory fails."""

    def __init__(
        self,
        *,
        sampler: Sampler,
        books: Books,
        journal: Journal,
        ways: Ways,
        loop: Dispatcher,
        delivery: Delivery,
        writer: Writer,
        transport: Transport,
        clock: Clock,
    ) -> None:
        self._sampler = sampler
        self._books = books
        self._journal = journal
        self._ways = ways
        self._loop = loop
        self._delivery = delivery
        self._writer = writer
        self._transport = transport
        self._clock = clock
        self._lag = LoopLag(clock)

    def begin(self) -> None:
        """Begin the first span now: what was before is no part of how fast the job is."""
        self._sampler.begin()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._lag.sleep(SAMPLE_S)
            self.take()
            self._journal.silence(self._loop.silent_s, self._loop.in_flight)
            if self._loop.stop is None:
                self._end_in_trouble()

    def take(self, *, last: bool = False) -> None:
        """Write what happened since the last sample, and how the lanes stand."""
        self._books.spend(self._loop.spent())
        sample = self._sampler.sample(
            in_flight=self._loop.in_flight,
            target=self._loop.target,
            backlog=self._writer.backlog,
            lag_ms=self._lag.take_ms(),
            connections=self._transport.connections,
            rpm_limit=self._ways.rpm_limit,
        )
        self._journal.sample(sample)
        while isinstance(self._transport, Telling) and self._transport.told:
            self._journal.tell(self._transport.told.pop(0))
        self._journal.lanes(sample.at, self._ways.states(sample.at), last=last)
        at_rest = self._loop.in_flight == 0 and self._loop.target > 0
        self._loop.memory.judge(self._clock.now(), sample.rss_mb, self._loop.settings.memory, at_rest=at_rest)
        self._loop.wake()

    def _end_in_trouble(self) -> None:
        if self._delivery.failure or self._writer.failure:
            self._loop.end(Hold("output"))
        elif self._loop.memory.verdict:
            self._loop.end(StoppedError(self._loop.memory.verdict))
