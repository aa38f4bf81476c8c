"""The breaker: a server that keeps failing is left alone, tried once in a while, and given up in the end."""

import math
from typing import Final

FAILURES_TO_OPEN: Final = 5
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 5.0

_HICCUP_S: Final = 16.0
"""A server that is back within this had a hiccup: its canaries did nothing wrong."""

_LEAST_CANARIES: Final = 10
"""After a hiccup's time; with the failures that open the breaker enough to use up the attempts of a few bad items."""


class Breaker:
    """Closed, or open until a moment from which one canary may try (half-open); who it is, the caller decides.

    Failures are connection errors, timeouts and overloads. A canary goes exactly when `give_up_s` are over, and when
    that one fails too `verdict` says so; where failures are slow to come, a few canaries more have to fail. A server
    that never answered is given up after `give_up_new_s`: an address that is wrong stays wrong.
    """

    __slots__ = (
        "_answered",
        "_failures",
        "_give_up_new_s",
        "_give_up_s",
        "_late",
        "_opened",
        "message",
        "until",
        "verdict",
    )

    def __init__(self, *, give_up_s: float = 60.0, give_up_new_s: float = 10.0) -> None:
        self._give_up_s = give_up_s
        self._give_up_new_s = give_up_new_s
        self._failures = 0
        self._answered = False
        self._opened = math.inf
        self._late = 0
        self.until = -math.inf
        """Nothing may be sent before."""
        self.message = ""
        """The last failure's."""
        self.verdict = ""
        """Why the server is given up, or empty."""

    @property
    def closed(self) -> bool:
        """Whether requests may pass freely."""
        return self._failures < FAILURES_TO_OPEN

    def answered(self) -> None:
        """Count an answer, which closes the breaker."""
        self._answered = True
        self._failures = 0
        self.until = -math.inf

    def failed(self, now: float, message: str) -> None:
        """Count a failure; while the breaker is open, only the canary's may be counted."""
        self._failures += 1
        self.message = message
        if self._failures == FAILURES_TO_OPEN:
            self._opened, self._late = now, 0
        if self.closed:
            return
        self._late += self.lasts(now)
        deadline = self._opened + self._patience_s
        if now >= deadline and self._late >= self._least_canaries:
            tried_s = max(self._patience_s, int(now - self._opened))
            self.verdict = f"no request has gone well for {tried_s:g} s; last error: {message}"
        self.until = now + self._backoff_s if now >= deadline else min(now + self._backoff_s, deadline)

    def lasts(self, now: float) -> bool:
        """Return whether the breaker, which is open, has been so for longer than a hiccup of the server."""
        return now - self._opened >= _HICCUP_S

    @property
    def _patience_s(self) -> float:
        return self._give_up_s if self._answered else self._give_up_new_s

    @property
    def _least_canaries(self) -> int:
        return _LEAST_CANARIES if self._answered else 0

    @property
    def _backoff_s(self) -> float:
        return min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(self._failures - FAILURES_TO_OPEN, 9))
