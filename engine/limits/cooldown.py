"""How long a lane keeps still after the server said that it sends too much."""

import math
from typing import Final

_LONGEST_S: Final = 60.0
_STRIKES_TO_LONGEST: Final = 6

_CLOCK_S: Final = 0.001
"""Loop clocks may count whole milliseconds and lag by one, and a wait must never end early."""


class Cooldown:
    """A deadline that only ever moves forward."""

    __slots__ = ("_since", "reason", "strikes", "until")

    def __init__(self) -> None:
        self._since = -math.inf
        self.until = -math.inf
        self.reason = ""
        """How long it is, and what the server said."""
        self.strikes = 0
        """Cooldowns begun since the last good answer."""

    def begin(self, now: float, wait_s: float | None, message: str = "") -> None:
        """Keep still for as long as the server said, or else 1, 2, 4 ... 60 s while no good answer comes.

        A server that says 0 is believed once: a second refusal in a row shows that it does not mean it.
        """
        if not self.strikes:
            self._since = now
        if wait_s is None or (wait_s == 0 and self.strikes):
            wait_s = min(_LONGEST_S, 2.0 ** min(self.strikes, _STRIKES_TO_LONGEST))
        self.strikes += 1
        self.reach(now, wait_s, message)

    def fruitless(self, now: float) -> bool:
        """Return whether a minute's window must have passed, and the longest back-off has come, with no good answer."""
        return self.strikes >= _STRIKES_TO_LONGEST and now - self._since >= _LONGEST_S

    def reach(self, now: float, wait_s: float, message: str = "") -> bool:
        """Keep still for `wait_s` from now; returns whether that moved the deadline."""
        deadline = now + wait_s + _CLOCK_S
        if deadline <= self.until:
            return False
        self.until = deadline
        self.reason = f"a pause of {round(wait_s, 3):g} s{'; the server said: ' if message else ''}{message}"
        return True
