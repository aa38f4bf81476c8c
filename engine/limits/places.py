"""How many requests a server takes at once, learned from 429s. Pure."""

import math
from typing import Final

FEW: Final = 3
"""So few are no crowd: that one of them was refused says nothing of how many may be in flight."""


class Places:
    """Requests in flight, and how many of them there may be: any number until a crowd is refused.

    `most` grows by one when enough went well while all places were taken: soon where there are few, late just below
    the number that failed.
    """

    __slots__ = ("_failed", "_flying", "_full", "_peak", "most")

    def __init__(self) -> None:
        self.most = math.inf
        self._flying = 0
        self._failed = math.inf
        self._peak = 0
        self._full = 0

    def enter(self) -> int:
        """Count a request that goes; returns how many are in flight then, itself among them."""
        self._flying += 1
        return self._flying

    def leave(self) -> None:
        """Count a request that has ended."""
        self._flying -= 1

    @property
    def taken(self) -> bool:
        """Whether as many are in flight as may be."""
        return self._flying >= self.most

    def crowded(self, beside: int) -> bool:
        """Return whether a refused request was one more in flight than has gone well often enough of late."""
        unsure = beside >= self.most and self._full < 3 * self.most
        return beside > max(self._peak, FEW) or beside >= self._failed or unsure

    def well(self, beside: int) -> bool:
        """Count a request that went well as one of so many in flight; returns whether it took the last place."""
        self._peak = max(self._peak, beside)
        if beside < self.most:
            return False
        self._full += 1
        if self._full >= self.most * (3 * self.most if self.most <= self._failed < math.inf else 1):
            self.most += 1
            self._full = 0
            if self.most > self._failed:
                self._failed = math.inf
        return True

    def restrict(self, failed: int) -> None:
        """Let no more be in flight than went well when `failed` were too many."""
        self._failed, self.most = failed, failed - 1

    def start_over(self) -> None:
        """Count anew what goes well."""
        self._peak = self._full = 0

    def forget(self) -> None:
        """Let any number be in flight."""
        self.most = self._failed = math.inf
