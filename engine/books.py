"""Every number of one job, kept twice: for the totals of its row, and for the sample of the second."""

from collections.abc import Mapping

from .answer import Usage
from .metrics import Tally
from .outcome import Outcome
from .sampler import Sampler
from .settle import Settled
from .store.writer import Writer


class Books:
    """The ledger of one job."""

    def __init__(self, writer: Writer, job: int, sampler: Sampler) -> None:
        self._writer = writer
        self._job = job
        self._sampler = sampler

    @property
    def full(self) -> bool:
        """Whether too many results wait for their commit."""
        return self._writer.crowded

    def request(
        self, outcome: Outcome, usage: Usage, cost: float, latency_ms: float, first_ms: float | None = None
    ) -> None:
        """Count a request that ended."""
        for tally in self._tallies():
            tally.request(outcome, usage, cost)
        self._sampler.span.took(outcome, latency_ms, first_ms)

    def settled(self, settled: Settled) -> None:
        """Store an item that is done or failed, and count it."""
        self._writer.put(self._job, settled)
        self._writer.tally(self._job).item(settled.answer)
        self._sampler.span.item(settled.answer)

    def known(self, settled: Settled) -> None:
        """Store an item that has the answer of an equal one; it is no part of how fast the job is."""
        self._writer.put(self._job, settled)
        tally = self._writer.tally(self._job)
        tally.item(settled.answer)
        tally.cached += 1

    def spend(self, spent: Mapping[str, float]) -> None:
        """Count slot-seconds by what they were spent on."""
        for tally in self._tallies():
            tally.spend(spent)

    def _tallies(self) -> tuple[Tally, Tally]:
        return self._writer.tally(self._job), self._sampler.span
