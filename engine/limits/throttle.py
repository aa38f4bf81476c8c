"""The pace that a lane learns from 429s which no stated limit explains. Pure: time comes in as an argument."""

import math
from typing import Final

from .burst import Burst, Lately, Sent
from .places import FEW, Places

_CUT: Final = 0.92
"""The part of what the server took that is sent after a burst of 429s."""

_YOUNG_S: Final = 10.0
"""For this long after a burst it is too early to tell a limit of what is in flight from one of the rate."""

_PLATEAU_S: Final = (2.0, 60.0)
"""How long the pace takes to reach the level that failed: at first, when little is known of it, and at most."""

_WINDOW_PLATEAU_S: Final = 30.0
"""The same where the server counts over a longer time: what is too much shows late, and costs the rest of it."""

_STEP_S: Final = (1.0, 5.0)
"""The pace grows no more often than this, and no more at a time, however long the answers take."""

_MINUTE_S: Final = 90.0
"""A server that wants a longer pause counts over hours, to which a pace of a minute does not matter."""

_UNUSED_S: Final = 60.0
"""A pace that nothing has come near for this long is forgotten."""

_TEST_S: Final = 120.0
"""From then on a pace that has sunk below a third of its first level shows that it is not what the server minds."""

_TEST_SENDS: Final = 80
_TEST_SHARE: Final = 0.08
"""After so many requests, when so large a share of them still begins a burst, pace is not what the server minds either:
below a limit hardly any does."""

_WITHOUT_S: Final = 300.0
"""How long a lane whose pace was of no use goes without."""


class Throttle:
    """Requests a minute, and requests in flight, that a server takes which only says when it was too much.

    A burst of 429s is told from another by the numbers of its requests: those sent before it began belong to it, and
    the first that goes well of those sent later, the canary, ends it. Then the level that failed is known, and the
    pace set a little below it. As long as the lane sends as much as that, it grows along a cubic curve: soon near the
    level that failed, for long just below it, then beyond it, faster and faster. Only answers to what was sent since
    the last step allow another, so a server that takes its time is not overrun.
    """

    __slots__ = (
        "_age_s",
        "_burst",
        "_bursts",
        "_first",
        "_good",
        "_judge_at",
        "_level",
        "_plateau_s",
        "_proven",
        "_start",
        "_step",
        "_used_at",
        "_worth",
        "places",
        "rate",
    )

    def __init__(self) -> None:
        self.rate = 0.0
        """Requests a minute; 0 is no limit."""
        self.places = Places()
        self._burst: Burst | None = None
        self._bursts = 0
        self._first = 0
        self._start = self._step = Sent(0, -math.inf, 0)
        self._good = 0
        self._level = self._proven = 0.0
        self._plateau_s, _ = _PLATEAU_S
        self._age_s = 0.0
        self._used_at = 0.0
        self._worth = 0.0
        self._judge_at = -math.inf

    @property
    def active(self) -> bool:
        """Whether it has to be told of good answers."""
        return self.rate > 0 or self._burst is not None

    @property
    def reason(self) -> str:
        """What is in force, for a person; nothing where nothing is."""
        if not self.rate:
            return ""
        at_once = f", {self.places.most:.0f} at once" if self.places.most < math.inf else ""
        return f"paced at {self.rate:,.0f} requests a minute{at_once}: learned from 429s"

    def restore(self, now: float, rate: float) -> None:
        """Go on with the pace that an earlier lane learned."""
        if rate > 0:
            self._set_rate(now, rate, rate)
            self._plateau_s = self._age_s = _PLATEAU_S[1]
            self._start_over(now, 0)

    def limited(self, now: float, sent: Sent, last: int, lately: Lately) -> None:
        """Note a 429; `last` is the number of the request sent last."""
        burst = self._burst
        if burst is None:
            if sent.number <= self._start.number or self._in_vain(now, last):
                return
            burst = self._burst = self._begin(now, sent, last, lately)
        burst.refused += 1
        if sent.number <= burst.last:
            burst.beside = min(burst.beside, sent.beside)

    def well(self, now: float, sent: Sent, last: int) -> None:
        """Note a good answer; needs to be told only while `active`."""
        burst = self._burst
        if burst is not None:
            if sent.number > burst.last:
                self._burst = None
                self._react(now, burst, sent.at - burst.at)
                self._start_over(now, last)
        elif sent.number > self._start.number:
            self._good += 1
            if self.places.well(sent.beside):
                self._used_at = now
            shortest_s, _ = _STEP_S
            if sent.number > self._step.number and sent.at - self._step.at >= max(shortest_s, 60 / self.rate):
                self._grow(now, sent)
                self._step = Sent(last, now, 0)

    def _begin(self, now: float, sent: Sent, last: int, lately: Lately) -> Burst:
        """Tell which measure failed, and take down what was sent: since the last burst, or else in the last minute."""
        count, sent_s = lately.sent, float(lately.seconds)
        if self.rate:
            count, sent_s = last - self._start.number, now - self._start.at
        certain = self.rate > 0 and sent_s >= _YOUNG_S and self._good > 3 * sent.beside
        crowded = self.places.crowded(sent.beside) and (certain or not self.rate or self.places.most < math.inf)
        return Burst(now, last, count, max(1.0, sent_s), lately.limit, crowded, certain, sent.beside)

    def _react(self, now: float, burst: Burst, pause_s: float) -> None:
        """Cut what failed, or both where it is not clear."""
        if pause_s > _MINUTE_S:
            return
        crowded = burst.crowded and burst.beside > FEW
        if crowded:
            self.places.restrict(burst.beside)
        if not (crowded and burst.certain):
            level = burst.level(pause_s, self._proven if self.rate else None)
            if not self.rate:
                self._bursts, self._first = 0, burst.last
            self._plateau_s = self._next_plateau_s(burst, pause_s)
            self._age_s = 0.0
            self._set_rate(now, level, _CUT * level)

    def _next_plateau_s(self, burst: Burst, pause_s: float) -> float:
        """Return how long to take: the longer, the longer it went well; by its window where the server counts so."""
        shortest_s, longest_s = _PLATEAU_S
        if burst.is_windowed(pause_s):
            return _WINDOW_PLATEAU_S
        return min(longest_s, max(shortest_s, 1.5 * self._age_s, self._plateau_s / 2))

    def _set_rate(self, now: float, level: float, rate: float) -> None:
        if not self.rate:
            self._worth, self._judge_at = level / 3, now + _TEST_S
        self._level = level
        self.rate = self._proven = rate

    def _start_over(self, now: float, last: int) -> None:
        self._start = self._step = Sent(last, now, 0)
        self._used_at, self._good = now, 0
        self.places.start_over()

    def _grow(self, now: float, sent: Sent) -> None:
        """Take a step along the curve where the lane has sent as much as it may; forget a pace that is not wanted."""
        pace = 60 * (sent.number - self._step.number) / (sent.at - self._step.at)
        if pace >= 0.8 * self.rate:
            self._age_s += min(_STEP_S[1], now - self._step.at)
            self._proven = self.rate
            beyond = self._age_s / self._plateau_s - 1
            self.rate = max(self.rate, min(1.5 * self.rate, self._level * (1 + (1 - _CUT) * beyond**3)))
        if pace >= 0.5 * self.rate:
            self._used_at = now
        elif now - self._used_at > _UNUSED_S:
            self._forget()

    def _in_vain(self, now: float, last: int) -> bool:
        """Tell whether the pace is not what the server minds; then there is none for a while."""
        self._bursts += 1
        sent = last - self._first
        often = sent >= _TEST_SENDS and self._bursts >= _TEST_SHARE * sent
        if self.rate and (often or (now >= self._judge_at and self.rate < self._worth)):
            self._forget()
            self._judge_at = now + _WITHOUT_S
        return not self.rate and now < self._judge_at

    def _forget(self) -> None:
        self.rate = 0.0
        self.places.forget()
