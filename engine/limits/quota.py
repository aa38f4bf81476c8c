"""What a lane may send a minute, who says so, and what was sent. Pure: time comes in as an argument."""

import math
from collections.abc import Iterable

from ..hold import Hold
from .headers import RateHeaders
from .minute import Minute
from .pacer import Gcra


class Quota:
    """Requests and tokens a minute: the strictest number of the jobs that give one, else what the server states.

    Tokens are reserved when a request goes and corrected when it has ended. What a correction frees can be used at
    once; what it frees too late to be used is lost, not saved up, so no burst can follow.
    """

    __slots__ = ("_job", "_owners", "_requests", "_server", "_tokens", "resets_at", "sent")

    def __init__(self) -> None:
        self._requests = Gcra()
        self._tokens = Gcra()
        self._owners: dict[str, tuple[int, int]] = {}
        self._job = (0, 0)
        self._server = (0, 0)
        self.resets_at = -math.inf
        """When the server's windows are fresh again, as far as it said."""
        self.sent = Minute()

    @property
    def rpm(self) -> int:
        """Requests a minute, 0 where there is no limit."""
        return self._job[0] or self._server[0]

    @property
    def tpm(self) -> int:
        """Tokens a minute, 0 where there is no limit."""
        return self._job[1] or self._server[1]

    @property
    def source(self) -> str:
        """Where the limits come from: `job`, `server` or nothing."""
        if any(self._job):
            return "job"
        return "server" if any(self._server) else ""

    def configure(self, now: float, owner: str, *, rpm: int, tpm: int) -> None:
        """Set the numbers of one job; 0 leaves it to the other jobs and to the server."""
        self._owners[owner] = (rpm, tpm)
        self._agree(now)

    def forget(self, now: float, owner: str) -> None:
        """Drop the numbers of a job that has ended."""
        self._owners.pop(owner, None)
        self._agree(now)

    def learn(self, now: float, headers: RateHeaders) -> bool:
        """Take over what the server states; returns whether a limit in force changed."""
        resets = (headers.reset_requests_s, headers.reset_tokens_s)
        self.resets_at = now + max((reset for reset in resets if reset is not None), default=-math.inf)
        rpm, tpm = headers.limit_requests, headers.limit_tokens
        self._server = (self._server[0] if rpm is None else rpm, self._server[1] if tpm is None else tpm)
        return self._apply(now)

    def _agree(self, now: float) -> None:
        self._job = (
            _strictest(rpm for rpm, _ in self._owners.values()),
            _strictest(tpm for _, tpm in self._owners.values()),
        )
        self._apply(now)

    def _apply(self, now: float) -> bool:
        if (self._requests.rate, self._tokens.rate) == (self.rpm, self.tpm):
            return False
        self._requests.set_rate(now, self.rpm)
        self._tokens.set_rate(now, self.tpm)
        return True

    def fits(self, tokens: int) -> bool:
        """Return whether a minute ever holds that many."""
        return not tokens > self._tokens.rate > 0

    def hold(self, now: float) -> Hold | None:
        """Return which of the two limits forbids a send now: the one that does so longer."""
        requests_at, tokens_at = self._requests.free_at, self._tokens.free_at
        if requests_at <= now >= tokens_at:
            return None
        return Hold("rpm", requests_at) if requests_at >= tokens_at else Hold("tpm", tokens_at)

    def take(self, now: float, tokens: int) -> None:
        """Count a request and reserve its tokens."""
        if self._requests.rate:
            self._requests.take(now)
        if self._tokens.rate:
            self._tokens.take(now, tokens)
        self.sent.add(now, 1, tokens)

    def correct(self, at: float, *, reserved: int, used: int) -> None:
        """Count what a request sent at `at` really used, in the place of what was reserved."""
        self._tokens.give_back(reserved - used)
        self.sent.add(at, 0, used - reserved)

    def give_back(self, at: float, tokens: int) -> None:
        """Forget a request that was counted at `at` and never sent."""
        self._requests.give_back()
        self._tokens.give_back(tokens)
        self.sent.add(at, -1, -tokens)


def _strictest(limits: Iterable[int]) -> int:
    """Return the lowest that is one: 0 is no limit."""
    return min((limit for limit in limits if limit), default=0)
