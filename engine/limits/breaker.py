"""The breaker: a server that keeps failing is left alone, tried once in a while, and given up in the end."""

import math
from typing import Final

from .spell import spell

FAILURES_TO_OPEN: Final = 5
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 5.0

_WINDOW: Final = 100
"""Answers that the share of failures is taken of: enough that 4 of 10 by chance are never taken for 6."""

_SHARE_TO_OPEN: Final = 60
"""Failures among them that open the breaker."""

_HICCUP_S: Final = 16.0
"""A server that is back within this had a hiccup: its canaries did nothing wrong."""

_LEAST_CANARIES: Final = 10
"""After a hiccup's time; with the failures that open the breaker enough to use up the attempts of a few bad items."""

_LEAST_SUBJECTS: Final = 5
"""Of so many items one each has to be among them: where fewer are left, they may be the matter, not the server."""


class Breaker:
    """Closed, or open until a moment from which one canary may try (half-open); who it is, the caller decides.

    Failures are connection errors, timeouts and overloads. It opens at 5 in a row, or where most of the last answers
    were failures. A canary goes exactly when `give_up_s` are over, and when that one fails too `verdict` says so;
    where failures are slow to come, a few canaries more have to fail. A server that never answered is given up after
    `give_up_new_s`: an address that is wrong stays wrong.
    """

    __slots__ = (
        "_answered",
        "_give_up_new_s",
        "_give_up_s",
        "_in_a_row",
        "_late",
        "_late_subjects",
        "_opened",
        "_recent",
        "_rule",
        "_tries",
        "message",
        "until",
        "verdict",
    )

    def __init__(self, *, give_up_s: float = 60.0, give_up_new_s: float = 10.0) -> None:
        self._give_up_s = give_up_s
        self._give_up_new_s = give_up_new_s
        self._in_a_row = 0
        self._recent = 0  # a bit for each of the last answers, 1 for a failure
        self._tries = 0
        self._rule = ""
        self._answered = False
        self._opened = math.inf
        self._late = 0
        self._late_subjects = set[int]()
        self.until = -math.inf
        """Nothing may be sent before."""
        self.message = ""
        """The last failure's."""
        self.verdict = ""
        """Why the server is given up, or empty."""

    @property
    def closed(self) -> bool:
        """Whether requests may pass freely."""
        return not self._rule

    @property
    def calm(self) -> bool:
        """Whether another answer would change nothing."""
        return self._answered and not (self._recent or self._rule)

    def answered(self) -> None:
        """Count an answer, which closes the breaker."""
        self._answered = True
        self._in_a_row = 0
        self._recent = self._recent << 1 & (1 << _WINDOW) - 1
        if self._rule:
            self._rule = self.verdict = ""
            self._recent = 0
            self.until = -math.inf

    def failed(self, now: float, message: str, subject: int) -> None:
        """Count a failure of a request for item `subject`; while open, only the canary's may be counted."""
        self.message = message
        if self.closed:
            self._count(now)
        else:
            self._tries += 1
        if self.closed:
            return
        if self.lasts(now):
            self._late += 1
            self._late_subjects.add(subject)
        deadline = self._opened + self._patience_s
        if now >= deadline and self._hopeless:
            tried_s = max(self._patience_s, int(now - self._opened))
            self.verdict = f"no request has gone well for {tried_s:g} s; last error: {message}"
        self.until = now + self._backoff_s if now >= deadline else min(now + self._backoff_s, deadline)

    def lasts(self, now: float) -> bool:
        """Return whether the breaker, which is open, has been so for longer than a hiccup of the server."""
        return now - self._opened >= _HICCUP_S

    def describe(self, now: float) -> str:
        """Return which rule opened it, how the last request failed, and when the next one goes."""
        wait_s = self.until - now
        following = f"next try in {spell(math.ceil(wait_s))}" if wait_s > 0 else "one request tries it now"
        return f"{self._rule}; the last: {self.message}; {following}"

    def _count(self, now: float) -> None:
        self._in_a_row += 1
        self._recent = (self._recent << 1 | 1) & (1 << _WINDOW) - 1
        share = self._recent.bit_count()
        if self._in_a_row >= FAILURES_TO_OPEN:
            self._rule = f"{FAILURES_TO_OPEN} failures in a row"
        elif share >= _SHARE_TO_OPEN:
            self._rule = f"{share} of the last {_WINDOW} requests failed"
        if self._rule:
            self._opened, self._tries, self._late = now, 0, 0
            self._late_subjects.clear()

    @property
    def _hopeless(self) -> bool:
        """Whether enough was tried: of a server that was well before, some canaries for several items."""
        enough = self._late >= _LEAST_CANARIES and len(self._late_subjects) >= _LEAST_SUBJECTS
        return enough or not self._answered

    @property
    def _patience_s(self) -> float:
        return self._give_up_s if self._answered else self._give_up_new_s

    @property
    def _backoff_s(self) -> float:
        return min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(self._tries, 9))
