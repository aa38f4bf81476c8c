"""When a read that may take seconds is due again. Pure."""

from dataclasses import dataclass
from typing import Final

LEAST_REST_S: Final = 2.0
REST: Final = 10.0
"""A read is followed by a rest so many times as long: that of a million failures takes seconds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """When failures were read, in seconds since the epoch, how long that took, and how many there were."""

    at: float
    took_s: float
    failed: int

    def is_old(self, failed: int, now: float) -> bool:
        """Return whether to read anew: there are more or fewer, and there was a rest. A clock set back ends a rest."""
        return failed != self.failed and not 0 <= now - self.at < max(LEAST_REST_S, REST * self.took_s)
