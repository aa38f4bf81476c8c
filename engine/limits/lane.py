"""A lane: everything that is sent to one provider with one model and one key goes through here, in order."""

import asyncio
import math
from collections.abc import Mapping
from typing import Final

from ..answer import Usage
from ..clock import Clock
from ..hold import Hold
from ..outcome import Outcome
from ..snapshot import LaneState
from ..text import redact
from .adapting import adapt
from .burst import Sent
from .errors import LaneClosed, LaneRefused, RequestTooLarge
from .estimate import Estimate
from .headers import RateHeaders, read_rate_headers
from .limits import Limits
from .line import Grant, Line
from .quota import Quota
from .saved import Parts, restore, save
from .standing import Standing

_LEARN_EVERY_S: Final = 1.0
"""How often the headers of good answers are read; those of a 429 or an overload always are."""

_LEFT_EVERY_S: Final = 0.2
"""How often what is left is worked out."""

_LONE: Final = 20
"""A 429 is a lone one when so many requests went since the last one that was refused."""

_MAY_WAIT = frozenset({Outcome.RATE_LIMITED, Outcome.OVERLOADED})
_MAYBE_BILLED = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.TIMEOUT, Outcome.CANCELLED})

NO_TOKENS: Final = Usage()

_NO_HEADERS: Final[Mapping[str, str]] = {}


class Lane:
    """Lets requests out in the order they came, as fast as the server allows and no faster.

    One timer serves all that wait. `secret` is the key, which is kept out of every message.
    """

    def __init__(self, name: str, clock: Clock, *, secret: str = "") -> None:
        self.name = name
        self._clock = clock
        self._secret = secret
        self._quota = Quota()
        self._estimate = Estimate()
        self._standing = Standing()
        self._line = Line(clock, self._hold, self._grant)
        self._learn_at = -math.inf
        self._left = 1.0
        self._left_until = -math.inf
        self._hits_429 = 0
        self._refused = 0

    def configure(self, limits: Limits, *, owner: str = "") -> None:
        """Set the limits of one job, its `owner`, which act at once.

        Of all owners' limits the strictest is kept; where nobody sets one (0 is none), what the server states.
        """
        self._quota.configure(self._clock.now(), owner, limits)
        self._obey()

    def forget(self, owner: str) -> None:
        """Drop the limits of a job that has ended, which acts at once."""
        self._quota.forget(self._clock.now(), owner)
        self._obey()

    async def admit(self, most: Usage = NO_TOKENS, owner: object = None) -> Grant:
        """Wait until a request that may come to `most` can go; of several owners that wait each has its turn.

        Raises LaneClosed when the lane is or gets closed, RequestTooLarge when the request can never go. Cancelling
        the wait costs the others nothing.
        """
        return self.enter(most) or await self._wait(most, owner)

    def enter(self, most: Usage) -> Grant | None:
        """Return leave to send at once, or None where a request has to wait; raises what `admit` does."""
        self._check(most)
        now = self._clock.now()
        return None if self._line or self._hold(now) is not None else self._grant(now, most)

    def settle(
        self,
        grant: Grant,
        outcome: Outcome,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        used: Usage | None = None,
        message: str = "",
        subject: int | None = None,
    ) -> bool:
        """Note how a request ended; returns whether a failure uses up one of its items' attempts.

        `subject` is the row of its item, or of its first one: one bad item left over is not a bad key or server.
        Only the first call for a grant counts, so a `finally` may settle it as cancelled.
        """
        if grant.settled:
            return False
        grant.settled = True
        now = self._clock.now()
        self._standing.throttle.places.leave()
        self._reconcile(grant, outcome, used)
        said = self._read(now, grant, outcome, headers) if headers else None
        if outcome is Outcome.OK:
            counts = self._standing.end(now, grant.round, outcome)
        else:
            counts = self._settle_failure(now, grant, outcome, said, message=message, subject=subject)
        if outcome is Outcome.RATE_LIMITED or self._standing.throttle.active:
            sent = Sent(grant.mark.counts[0], grant.at, grant.beside)
            adapt(self._quota, self._standing.throttle, now, sent=sent, outcome=outcome, said=said)
        if self._line:
            self._line.pump()
        return counts

    def give_back(self, grant: Grant) -> None:
        """Return a grant whose request was never sent, as if it had not been admitted."""
        if not grant.settled:
            grant.settled = True
            self._standing.throttle.places.leave()
            self._quota.give_back(grant.at, grant.reserved)
            self._standing.end(self._clock.now(), grant.round, Outcome.CANCELLED)
            self._line.pump()

    @property
    def well(self) -> bool:
        """Whether it is of use: not closed, its server not failing, and in no pause longer than `max_cooldown`."""
        return self._standing.well(self._clock.now())

    @property
    def waiting(self) -> int:
        """How many requests wait to be let out."""
        return len(self._line)

    @property
    def rpm_limit(self) -> int:
        """Requests a minute that it allows, 0 where unknown."""
        return self._quota.rpm_limit

    def hold(self) -> Hold | None:
        """Return why a request could not go now, and until when, or None when it could."""
        return self._hold(self._clock.now())

    def left(self) -> float:
        """Return the smallest share, 0 to 1, that is left of anything limited; it may be 0.2 s old."""
        now = self._clock.now()
        if now >= self._left_until:
            self._left, self._left_until = self._quota.left(now), now + _LEFT_EVERY_S
        return self._left

    def close(self, reason: str) -> None:
        """Send nothing more; all that wait are told `reason`."""
        self._standing.close(redact(reason, (self._secret,)))
        self._release()

    def reopen(self) -> None:
        """Try a closed lane's server again, as if nothing had been sent yet; a pause that it asked for stays."""
        before = self._standing
        self._standing = Standing(before.trial.round + 1, before.throttle)
        self._standing.cooldown = before.cooldown
        self._obey()

    def try_again(self) -> None:
        """Try a server again that was given up some time ago, by one request; of no effect on any other lane."""
        self._standing.try_again(self._clock.now())

    def saved(self, wall_now: float) -> bytes:
        """Return as JSON what was used and learned, for `restore`."""
        now = self._clock.now()
        return save(self._parts(), now, wall_now - now)

    def restore(self, state: bytes, wall_now: float) -> None:
        """Go on where an earlier lane of this key stopped; what can't be read is left alone."""
        now = self._clock.now()
        restore(state, self._parts(), now, wall_now - now)

    def state(self, wall_now: float) -> LaneState:
        """Return what the dashboard shows of the lane."""
        now = self._clock.now()
        name, reason = self._standing.describe(now)
        hold = self._standing.hold(now)
        until = hold.until if hold and hold.until else self._quota.resets_at
        return LaneState(
            name=self.name,
            state=name,
            reason=reason,
            limit_source=self._quota.source,
            hits_429=self._hits_429,
            reset_at=round(wall_now + until - now, 1) if until > now else None,
            enabled=True,
            **self._quota.numbers(now),
        )

    def _parts(self) -> Parts:
        return Parts(self._quota, self._standing, self._estimate)

    def _check(self, most: Usage) -> None:
        """Raise what keeps a request of that many tokens from ever going."""
        closed = self._standing.closed
        if closed is not None:
            error = LaneRefused if closed.refused else LaneClosed
            raise error(f"{self.name}: {closed.reason}")
        misfit = self._quota.misfit(most)
        if misfit:
            raise RequestTooLarge(f"{self.name}: {misfit.why}")

    def _hold(self, now: float) -> Hold | None:
        return self._standing.hold(now) or self._quota.hold(now)

    def _grant(self, now: float, most: Usage) -> Grant:
        reserved = self._estimate.expect(most)
        mark, standing = self._quota.take(now, reserved), self._standing
        return Grant(most, reserved, mark, standing.trial.enter(), standing.throttle.places.enter())

    async def _wait(self, most: Usage, owner: object) -> Grant:
        place = self._line.join(most, owner)
        try:
            grant = await place
        except asyncio.CancelledError:
            if not place.cancelled() and (unsent := place.result()):
                self.give_back(unsent)
            raise
        return grant or await self.admit(most, owner)

    def _obey(self) -> None:
        """Have everybody keep to the limits as they are now."""
        self._standing.max_cooldown_s = self._quota.max_cooldown
        self._line.send_away(self._quota.misfit)
        self._line.pump()

    def _release(self) -> None:
        """Wake all that wait, as the lane has closed; `admit` tells them why."""
        self._line.send_away(lambda _: True)

    def _reconcile(self, grant: Grant, outcome: Outcome, used: Usage | None) -> None:
        """Put what was used in the place of what was reserved; a server that did no work bills nothing."""
        if used is not None:
            self._estimate.learn(grant.most, used)
        else:
            used = grant.reserved if outcome in _MAYBE_BILLED else NO_TOKENS
        if used != grant.reserved:
            self._quota.correct(grant.at, reserved=grant.reserved, used=used)

    def _read(self, now: float, grant: Grant, outcome: Outcome, headers: Mapping[str, str]) -> RateHeaders | None:
        if now < self._learn_at and outcome not in _MAY_WAIT:
            return None
        self._learn_at = now + _LEARN_EVERY_S
        said = read_rate_headers(headers, self._clock.wall())
        if said is not None and self._quota.learn(now, said, None if outcome in _MAY_WAIT else grant.mark):
            self._line.send_away(self._quota.misfit)
        return said

    def _settle_failure(
        self,
        now: float,
        grant: Grant,
        outcome: Outcome,
        said: RateHeaders | None,
        *,
        message: str,
        subject: int | None,
    ) -> bool:
        wait_s, lone = None, False
        if outcome is Outcome.RATE_LIMITED:
            self._hits_429 += 1
            lone = grant.mark.counts[0] - self._refused >= _LONE
            self._refused = max(self._refused, grant.mark.counts[0])
            wait_s = said.wait_s if said else None
            of_requests = said is not None and said.requests.remaining == 0
            remaining = None if said is None or of_requests else said.tokens.remaining
            self._estimate.refused(grant.most, grant.reserved, remaining)
        elif outcome is Outcome.OVERLOADED:
            wait_s = said.retry_after_s if said else None
        text = redact(message, (self._secret,)) or outcome.value.replace("_", " ")
        counts = self._standing.end(now, grant.round, outcome, wait_s=wait_s, message=text, subject=subject, lone=lone)
        if self._standing.closed:
            self._release()
        return counts
