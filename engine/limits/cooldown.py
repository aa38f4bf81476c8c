"""How long a lane keeps still after the server said that it sends too much."""

import math
from typing import Final

from .spell import spell

_LONGEST_S: Final = 60.0
_STRIKES_TO_LONGEST: Final = 6

_LONE_S: Final = 0.25
"""The first pause for a refusal with none before it for long: it may be chance."""

_PATIENCE_S: Final = (300.0, 900.0)
"""A server that says nothing else for this long, though asked but every minute, is asked less often. The longer time is
for one or two items that are refused again and again: they may be the matter, and use up their attempts meanwhile."""

_SEVERAL: Final = 3

_REST_S: Final = 600.0
"""It is asked so seldom then, until it answers well."""

_LEAST_S: Final = (0.05, 1.0)
"""A server that refuses again after a shorter pause it asked for is left alone for this, doubled up to that."""

_CLOCK_S: Final = 0.001
"""Loop clocks may count whole milliseconds and lag by one, and a wait must never end early."""


class Cooldown:
    """A deadline that only ever moves forward."""

    __slots__ = (
        "_asked_s",
        "_blamed_at",
        "_said",
        "_since",
        "_subjects",
        "_wait_s",
        "reason",
        "resting",
        "strikes",
        "until",
    )

    def __init__(self) -> None:
        self._since = -math.inf
        self._subjects = set[int]()
        self._blamed_at = -math.inf
        self._asked_s = 0.0
        self._wait_s = 0.0
        self._said = ""
        self.until = -math.inf
        self.reason = ""
        """How long it is, and what the server said."""
        self.strikes = 0
        """Cooldowns begun since the last good answer."""
        self.resting = False
        """Whether nothing else has come for so long that the server is tried but once in a long while."""

    def begin(
        self, now: float, wait_s: float | None, message: str = "", subject: int = 0, *, lone: bool = False
    ) -> None:
        """Keep still for as long as the server said, or else 1, 2, 4 ... 60 s while no good answer comes.

        A server that says 0 is believed once: a second refusal in a row shows that it does not mean it. After minutes
        of nothing else each pause lasts ten of them, or longer where the server says so. `subject` stands for the item
        that was refused, `lone` says that
        none was for a while before it.
        """
        if not self.strikes:
            self._since = now
            self._subjects.clear()
        self._subjects.add(subject)
        self.resting = self._in_vain(now)
        if wait_s is None or (wait_s == 0 and self.strikes):
            pause_s = min(_LONGEST_S, 2.0 ** min(self.strikes, _STRIKES_TO_LONGEST))
            is_first = lone and wait_s is None and not self.strikes
            self._move(now, _LONE_S if is_first else pause_s, 0.0, message)
        else:
            self._move(now, max(wait_s, self._least_s), wait_s, message)
        self.strikes += 1
        if self.resting and self._move(now, _REST_S, 0.0, message):
            lasted, each = spell(now - self._since), spell(_REST_S)
            self.reason = f"nothing but 429s for {lasted}; trying once every {each}{_said(message)}"

    def resume(self, now: float, wait_s: float, reason: str, strikes: int) -> None:
        """Go on with the pause that an earlier lane was in."""
        self._since = now
        self.until, self.reason, self.strikes = now + wait_s, reason, strikes
        self._wait_s, self._asked_s = wait_s, 0.0

    def well(self) -> None:
        """Forget the strikes: an answer was good."""
        self.strikes = 0
        self.resting = False

    def fruitless(self, now: float) -> bool:
        """Return whether a minute's window must have passed, and the longest back-off has come, with no good answer."""
        return self.strikes >= _STRIKES_TO_LONGEST and now - self._since >= _LONGEST_S

    def blames(self, now: float) -> bool:
        """Return whether the item refused now may be the matter: at most once a minute, however short the pauses."""
        blamed = self.fruitless(now) and now - self._blamed_at >= _LONGEST_S
        self._blamed_at = now if blamed else self._blamed_at
        return blamed

    @property
    def _least_s(self) -> float:
        first_s, most_s = _LEAST_S
        return min(most_s, first_s * 2.0 ** min(self.strikes, _STRIKES_TO_LONGEST)) if self.strikes else 0.0

    def _in_vain(self, now: float) -> bool:
        several_s, few_s = _PATIENCE_S
        patience_s = several_s if len(self._subjects) >= _SEVERAL else few_s
        return self.fruitless(now) and now - self._since >= _LONGEST_S + patience_s

    def reach(self, now: float, wait_s: float, message: str = "") -> bool:
        """Keep still for `wait_s`, as the server asked, from now; returns whether that moved the deadline."""
        return self._move(now, wait_s, wait_s, message)

    def paused(self, now: float, max_s: float) -> bool:
        """Return whether a pause is running that is longer than `max_s`, whoever wanted it."""
        return now < self.until and self._wait_s > max_s

    def describe(self, max_s: float) -> tuple[str, str]:
        """Return the lane's state while a pause is running, and the reason: `paused` where it is long."""
        if self._asked_s <= max_s:
            return "cooling", self.reason
        text = f"the server asked for {spell(self._asked_s)} (more than max_cooldown, {spell(max_s)})"
        return "paused", f"{text}: {self._said}" if self._said else text

    def _move(self, now: float, wait_s: float, asked_s: float, message: str) -> bool:
        deadline = now + wait_s + _CLOCK_S
        if deadline <= self.until:
            return False
        self.until = deadline
        self._wait_s, self._asked_s, self._said = wait_s, asked_s, message
        self.reason = f"a pause of {spell(wait_s)}{_said(message)}"
        return True


def _said(message: str) -> str:
    return f"; the server said: {message}" if message else ""
