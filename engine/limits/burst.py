"""429s that belong together, and what they tell of the level that failed. Pure."""

from dataclasses import dataclass
from typing import Final, NamedTuple

_LEAST_DATA: Final = 10
"""Requests taken that show a level; where there are fewer, it is half of what was sent."""

_SECOND_S: Final = 3.0
"""A server that lets the canary of so short a pause through counts by the second; else it counts over the pause too."""


class Sent(NamedTuple):
    """What is remembered of a request that was sent."""

    number: int
    """Of all of its lane, in order."""
    at: float
    beside: int
    """How many were in flight when it went, itself among them."""


class Lately(NamedTuple):
    """What a lane sent in the last minute, and what it was allowed to."""

    sent: int
    seconds: int
    """Those in which it sent."""
    limit: int
    """A minute, 0 for any number."""


@dataclass(slots=True)
class Burst:
    """429s that belong together: of requests up to the one sent last when the first of them came."""

    at: float
    last: int
    sent: int
    """Requests up to then, in `sent_s` seconds."""
    sent_s: float
    limit: int
    crowded: bool
    """Whether the first was refused as one more in flight than ever went well."""
    certain: bool
    """Whether that is no chance."""
    beside: int
    """The fewest in flight when one was refused."""
    refused: int = 0

    @property
    def taken(self) -> int:
        """Requests that were not refused."""
        return self.sent - self.refused

    @property
    def telling(self) -> bool:
        """Whether enough was taken to tell a level by."""
        return self.taken >= _LEAST_DATA

    def is_windowed(self, pause_s: float) -> bool:
        """Return whether the server counts over the pause that it took after this burst, too."""
        return self.telling and pause_s > _SECOND_S

    def level(self, pause_s: float, proven: float | None) -> float:
        """Return the requests a minute that were too many, with the last pace that went well, where there was one."""
        if proven is not None:
            level = proven if 2 * self.taken >= self.sent else proven / 2
        elif self.telling:
            level = 60 * self.taken / self.sent_s
        else:
            level = max(60 * self.sent / self.sent_s, self.limit) / 2
        if self.is_windowed(pause_s):
            level = min(level, 60 * self.taken / (self.sent_s + pause_s))
        return max(1.0, level)
