"""Once a second: what a job did since the last sample, and what its engine uses of the machine."""

import psutil

from .clock import Clock
from .metrics import Span
from .snapshot import Sample


class Sampler:
    """Turns what was done in a span of time into a Sample; one for each running job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark that the next one measures from
        self._begun = clock.now()
        self.span = Span()

    def begin(self) -> None:
        """Begin the first span now: what was before is no part of how fast the job is."""
        self._begun = self._clock.now()

    def sample(
        self,
        *,
        in_flight: int,
        target: int,
        backlog: int,
        lag_ms: float = 0.0,
        connections: int = 0,
        rpm_limit: int = 0,
    ) -> Sample:
        """Return what happened since the last call, with how things stand, and begin a new span."""
        span, self.span = self.span, Span()
        now = self._clock.now()
        begun, self._begun = self._begun, now
        return Sample(
            at=self._clock.wall(),
            span_s=now - begun,
            items=span.items,
            failed=span.failed,
            requests=span.requests,
            errors=span.errors,
            latency=span.latency,
            in_flight=in_flight,
            target=target,
            tokens_in=span.tokens_in,
            tokens_out=span.tokens_out,
            cost=span.cost,
            backlog=backlog,
            rss_mb=self._process.memory_info().rss / 1e6,
            cpu=self._process.cpu_percent() / 100,
            spent=span.spent,
            lag_ms=lag_ms,
            connections=connections,
            rpm_limit=rpm_limit,
            first=span.first,
        )
