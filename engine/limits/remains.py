"""What a server said is left of an allowance. Pure: time comes in as an argument.

Somebody else may use the same key, so the server's number is the truth even where our own account says less was used.
It is as of the moment its request was admitted: what was sent later is taken off it.
"""

import math
from typing import Final

from .headers import Stated

_KIND_TOLERANCE: Final = 0.02
_KIND_TOLERANCE_S: Final = 1.5
"""Servers round a reset to the second."""


class Remains:
    """The newest word on one allowance of `window_s` seconds, which counts until the reset that came with it.

    Some servers count in fixed windows: nothing left means waiting for the reset. Others refill evenly and call the
    time until all is back the reset: nothing left means waiting for a unit or two. Which kind it is shows while
    something is left: only where it refills does the reset follow from what is used.
    """

    __slots__ = ("_at", "_left", "_limit", "_mark", "_refills", "_until", "_window_s")

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._refills: bool | None = None
        self._limit = 0
        self._at = -math.inf
        self._until = -math.inf
        self._left = 0
        self._mark = 0

    def read(self, at: float, mark: int, stated: Stated, limit: int) -> None:
        """Believe what the answer to a request says, sent at `at` when `mark` had been sent in all.

        `limit` is the server's, 0 where unknown; of a limit stated as 0, which is none, nothing can be left. An answer
        to an earlier request than the last one's is old news.
        """
        known = limit > 0 or (stated.limit is None and stated.reset_s is not None)
        if stated.remaining is None or at < self._at or not known:
            return
        reset_s = self._window_s if stated.reset_s is None else min(stated.reset_s, self._window_s)
        self._at, self._until = at, at + reset_s
        self._left, self._mark, self._limit = stated.remaining, mark, limit
        if stated.reset_s is None:
            self._refills = True
        elif limit and (stated.remaining or self._refills is None):
            whole_s = (1 - stated.remaining / limit) * self._window_s
            self._refills = abs(reset_s - whole_s) <= self._window_s * _KIND_TOLERANCE + _KIND_TOLERANCE_S

    def forget(self) -> None:
        """Have nothing said, as when the server says otherwise in other words."""
        self._until = -math.inf

    def ready_at(self, now: float, sent: int, need: int = 1) -> float:
        """Return from when `need` is left, when `sent` have been sent in all; never later than the reset."""
        if now >= self._until:
            return -math.inf
        short = need + sent - self._mark - self._left
        if short <= 0:
            return -math.inf
        return min(self._until, self._at + short * self._unit_s) if self._refills else self._until

    def left(self, now: float, sent: int) -> tuple[int, float] | None:
        """Return what is left and until when that counts, or None where nothing is known."""
        if now >= self._until:
            return None
        refilled = (now - self._at) / self._unit_s if self._refills else 0.0
        left = self._left + self._mark - sent + refilled
        return int(min(max(left, 0.0), self._limit or math.inf)), self._until

    @property
    def _unit_s(self) -> float:
        return self._window_s / self._limit if self._limit else math.inf
