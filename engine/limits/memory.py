"""The memory breaker: an engine that grows too large sends less, and then nothing. Pure."""

from typing import Final

from ..hold import Hold

SOFT: Final = 0.8
"""Share of the limit from which fewer slots are used and no new items are read."""

_GROWN: Final = 1.002

PATIENCE_S: Final = 60.0
"""So long the engine may stay over its limit with nothing in flight; then waiting is of no use."""


class Memory:
    """Watches what the engine uses (MB) against a limit (0: none), told once a second.

    Over 80 % of the limit the slots are halved each time that it has grown, as freed memory seldom goes back to the
    system, and doubled again below; at the limit nothing is sent until the engine is back under 80 %.
    """

    def __init__(self) -> None:
        self._share = 1.0
        self._holds = False
        self._last_mb = 0.0
        self._idle_since: float | None = None
        self.verdict = ""
        """Why waiting is of no use, or empty."""

    def judge(self, now: float, rss_mb: float, limit_mb: int, *, at_rest: bool) -> None:
        """Take note of what the engine uses now; `at_rest`: the job would send, and has nothing in flight."""
        over_soft = limit_mb > 0 and rss_mb >= SOFT * limit_mb
        self._holds = over_soft and (self._holds or rss_mb >= limit_mb)
        if not over_soft:
            self._share = min(1.0, self._share * 2)
        elif not self.tight or rss_mb > _GROWN * self._last_mb:
            self._share = max(self._share / 2, 1 / 4096)
        self._last_mb = rss_mb
        if not (self._holds and at_rest):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since >= PATIENCE_S:
            self.verdict = (
                f"the engine uses {rss_mb:,.0f} MB while this job has nothing in flight; its limit is memory ="
                f" {limit_mb:,} MB: raise it, or lower batch_size and concurrency"
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
