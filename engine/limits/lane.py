"""A lane: everything that is sent to one provider with one model and one key goes through here, in order."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..clock import Clock
from ..hold import Hold
from ..outcome import Outcome, Usage
from ..snapshot import LaneState
from ..text import redact
from .errors import LaneClosed, LaneRefused, RequestTooLarge
from .headers import RateHeaders, read_rate_headers
from .quota import Quota
from .standing import Standing

TIMER_S: Final = 0.005
"""The shortest timer: shorter ones are rounded by event loops, and cost more than the sends they part."""

_LEARN_EVERY_S: Final = 1.0
"""How often the headers of good answers are read; those of a 429 or an overload always are."""

_MAY_WAIT = frozenset({Outcome.RATE_LIMITED, Outcome.OVERLOADED})
_MAYBE_BILLED = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.TIMEOUT, Outcome.CANCELLED})

NO_TOKENS: Final = Usage()

_NO_HEADERS: Final[Mapping[str, str]] = {}


@dataclass(slots=True, eq=False)
class Grant:
    """Leave to send one request, to be settled once, however it ends, or given back."""

    most: Usage
    """Reserved for it."""
    at: float
    round: int
    settled: bool = False


class Lane:
    """Lets requests out in the order they came, as fast as the server allows and no faster.

    One timer serves all that wait. `secret` is the key, which is kept out of every message.
    """

    def __init__(self, name: str, clock: Clock, *, secret: str = "") -> None:
        self.name = name
        self._clock = clock
        self._secret = secret
        self._quota = Quota()
        self._standing = Standing()
        self._queue: deque[tuple[Usage, asyncio.Future[Grant | None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._learn_at = -1.0
        self._hits_429 = 0

    def configure(self, *, rpm: int = 0, tpm: int = 0, owner: str = "") -> None:
        """Set the limits of one job, its `owner`, which act at once.

        Of all owners' limits the strictest is kept; where nobody sets one (0 is none), what the server states.
        """
        self._quota.configure(self._clock.now(), owner, rpm=rpm, tpm=tpm)
        self._release(oversized_only=True)
        self._pump()

    def forget(self, owner: str) -> None:
        """Drop the limits of a job that has ended, which acts at once."""
        self._quota.forget(self._clock.now(), owner)
        self._release(oversized_only=True)
        self._pump()

    async def admit(self, most: Usage = NO_TOKENS) -> Grant:
        """Wait until a request that may come to `most` can go.

        Raises LaneClosed when the lane is or gets closed, RequestTooLarge when the request can never go. Cancelling
        the wait costs the others nothing.
        """
        self._check(most)
        now = self._clock.now()
        if self._queue or self._hold(now) is not None:
            return await self._wait(most)
        return self._grant(now, most)

    def settle(
        self,
        grant: Grant,
        outcome: Outcome,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        used: Usage | None = None,
        message: str = "",
    ) -> bool:
        """Note how a request ended; returns whether a failure uses up one of its items' attempts.

        Only the first call for a grant counts, so a `finally` may settle it as cancelled.
        """
        if grant.settled:
            return False
        grant.settled = True
        now = self._clock.now()
        self._reconcile(grant, outcome, used)
        said = self._read(now, outcome, headers) if headers else None
        if outcome is Outcome.OK:
            counts = self._standing.end(now, grant.round, outcome)
        else:
            counts = self._settle_failure(now, grant, outcome, said, message)
        if self._queue:
            self._pump()
        return counts

    def give_back(self, grant: Grant) -> None:
        """Return a grant whose request was never sent, as if it had not been admitted."""
        if not grant.settled:
            grant.settled = True
            self._quota.give_back(grant.at, grant.most.total)
            self._standing.end(self._clock.now(), grant.round, Outcome.CANCELLED)
            self._pump()

    @property
    def waiting(self) -> int:
        """How many requests wait to be let out."""
        return len(self._queue)

    def hold(self) -> Hold | None:
        """Return why a request could not go now, and until when, or None when it could."""
        return self._hold(self._clock.now())

    def close(self, reason: str) -> None:
        """Send nothing more; all that wait are told `reason`."""
        self._standing.close(redact(reason, (self._secret,)))
        self._release()

    def reopen(self) -> None:
        """Try the server again after the lane was closed, as if nothing had been sent yet."""
        self._standing = Standing(self._standing.trial.round + 1)
        self._pump()

    def state(self, wall_now: float) -> LaneState:
        """Return what the dashboard shows of the lane."""
        now = self._clock.now()
        requests, tokens = self._quota.sent.used(now)
        name, reason = self._standing.describe(now)
        hold = self._standing.hold(now)
        until = hold.until if hold and hold.until else self._quota.resets_at
        return LaneState(
            name=self.name,
            state=name,
            reason=reason,
            rpm_limit=self._quota.rpm,
            rpm_used=requests,
            tpm_limit=self._quota.tpm,
            tpm_used=tokens,
            limit_source=self._quota.source,
            hits_429=self._hits_429,
            reset_at=round(wall_now + until - now, 1) if until > now else None,
        )

    def _check(self, most: Usage) -> None:
        """Raise what keeps a request of that many tokens from ever going."""
        closed = self._standing.closed
        if closed is not None:
            error = LaneRefused if closed.refused else LaneClosed
            raise error(f"{self.name}: {closed.reason}")
        if not self._quota.fits(most.total):
            raise RequestTooLarge(
                f"{self.name}: a request that may cost {most.total:,} tokens never fits {self._quota.tpm:,} tokens a"
                f" minute (limit of the {self._quota.source}); send fewer or shorter items in a request, or raise tpm"
            )

    def _hold(self, now: float) -> Hold | None:
        return self._standing.hold(now) or self._quota.hold(now)

    def _grant(self, now: float, most: Usage) -> Grant:
        self._quota.take(now, most.total)
        return Grant(most, now, self._standing.trial.enter())

    async def _wait(self, most: Usage) -> Grant:
        place: asyncio.Future[Grant | None] = asyncio.get_running_loop().create_future()
        self._queue.append((most, place))
        if len(self._queue) == 1:
            self._pump()
        try:
            grant = await place
        except asyncio.CancelledError:
            if not place.cancelled() and (unsent := place.result()):
                self.give_back(unsent)
            raise
        return grant or await self.admit(most)

    def _pump(self) -> None:
        """Let out those who may go; set the timer for the next one, unless an answer is what it waits for."""
        now = self._clock.now()
        while self._queue:
            most, place = self._queue[0]
            if not place.done():
                hold = self._hold(now)
                if hold is not None:
                    self._wake(now, hold.until)
                    return
                place.set_result(self._grant(now, most))
            self._queue.popleft()

    def _wake(self, now: float, until: float | None) -> None:
        """Have the timer fire at `until` or, as it may already be set, before."""
        if until is None:
            return
        at = max(until, now + TIMER_S)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(at - now, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _release(self, *, oversized_only: bool = False) -> None:
        """Wake those who can never go now, with no grant; `admit` tells them why."""
        for most, place in self._queue:
            if not place.done() and not (oversized_only and self._quota.fits(most.total)):
                place.set_result(None)

    def _reconcile(self, grant: Grant, outcome: Outcome, used: Usage | None) -> None:
        """Put what was used in the place of what was reserved; a server that did no work bills nothing."""
        if used is None:
            used = grant.most if outcome in _MAYBE_BILLED else NO_TOKENS
        if used != grant.most:
            self._quota.correct(grant.at, reserved=grant.most.total, used=used.total)

    def _read(self, now: float, outcome: Outcome, headers: Mapping[str, str]) -> RateHeaders | None:
        if now < self._learn_at and outcome not in _MAY_WAIT:
            return None
        self._learn_at = now + _LEARN_EVERY_S
        said = read_rate_headers(headers, self._clock.wall())
        if said is not None and self._quota.learn(now, said):
            self._release(oversized_only=True)
        return said

    def _settle_failure(
        self, now: float, grant: Grant, outcome: Outcome, said: RateHeaders | None, message: str
    ) -> bool:
        wait_s = None
        if outcome is Outcome.RATE_LIMITED:
            self._hits_429 += 1
            wait_s = said.wait_s if said else None
        elif outcome is Outcome.OVERLOADED:
            wait_s = said.retry_after_s if said else None
        text = redact(message, (self._secret,)) or outcome.value.replace("_", " ")
        counts = self._standing.end(now, grant.round, outcome, wait_s=wait_s, message=text)
        if self._standing.closed:
            self._release()
        return counts
