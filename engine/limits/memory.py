"""The memory breaker: an engine that grows too large sends less, and then nothing. Pure."""

from typing import Final

from ..hold import Hold

SOFT: Final = 0.8
"""Share of the limit from which fewer slots are used and no new items are read."""

PATIENCE_S: Final = 60.0
"""So long the engine may stay over its limit with nothing in flight; then waiting is of no use."""


class Memory:
    """Watches what the engine uses (MB) against a limit (0: none), told once a second.

    Over 80 % of the limit the slots are halved each time, and doubled again below; at the limit nothing is sent until
    the engine is back under 80 %.
    """

    def __init__(self) -> None:
        self._share = 1.0
        self._holds = False
        self._idle_since: float | None = None
        self.verdict = ""
        """Why waiting is of no use, or empty."""

    def judge(self, now: float, rss_mb: float, limit_mb: int, *, in_flight: int) -> None:
        """Take note of what the engine uses now."""
        over_soft = limit_mb > 0 and rss_mb >= SOFT * limit_mb
        self._holds = over_soft and (self._holds or rss_mb >= limit_mb)
        self._share = max(self._share / 2, 1 / 4096) if over_soft else min(1.0, self._share * 2)
        if not self._holds or in_flight:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since >= PATIENCE_S:
            self.verdict = (
                f"the engine uses {rss_mb:,.0f} MB with nothing in flight, and memory = {limit_mb:,} MB is its limit:"
                " raise it, or lower batch_size and concurrency"
            )

    @property
    def tight(self) -> bool:
        """Whether no more items should be read."""
        return self._share < 1

    def hold(self, busy: int, slots: int) -> Hold | None:
        """Return whether `busy` slots of `slots` are as many as there may be now."""
        if self._holds or (self.tight and busy >= max(1, slots * self._share)):
            return Hold("memory")
        return None
