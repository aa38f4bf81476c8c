"""How a lane stands with its server: what the answers so far allow. Pure: time comes in as an argument."""

import math
from dataclasses import dataclass
from typing import Final

from ..hold import Hold
from ..outcome import REFUSED, Outcome
from .breaker import Breaker
from .cooldown import Cooldown
from .sameness import Sameness
from .throttle import Throttle
from .trial import Trial

PROBATION: Final = 3
"""Requests a new lane has in flight at most, until the first is answered well."""

REFUSALS_TO_CLOSE: Final = 3
"""Refusals of the key, with no success between, that close a lane; of a proven one for two items at the least."""

GIVEN_UP_S: Final = 300.0
"""A server that was given up may be tried again after this, where others do its work meanwhile."""

WELL = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.BAD_ITEM})
"""Ends that show a server at work."""

_FAILED = frozenset({Outcome.CONNECTION, Outcome.TIMEOUT, Outcome.OVERLOADED})


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a lane is closed, and until when: for good, unless its server was given up."""

    reason: str
    refused: bool
    """Whether the key or the account is the matter, not the server."""
    until: float = math.inf


class Standing:
    """Cooldown, breaker, trial, throttle and refusals of one lane, told of every end and asked before every send.

    The throttle is told by the lane, which knows the numbers of its requests.
    """

    __slots__ = (
        "_calm",
        "_proven",
        "_refusals",
        "_refused_subjects",
        "_sameness",
        "breaker",
        "closed",
        "cooldown",
        "max_cooldown_s",
        "throttle",
        "trial",
    )

    def __init__(self, first_round: int = 0, throttle: Throttle | None = None) -> None:
        self.trial = Trial(PROBATION, first_round)
        self.throttle = throttle or Throttle()
        self.cooldown = Cooldown()
        self.max_cooldown_s = 120.0
        """A longer pause makes the lane `paused`, and others take over."""
        self.breaker = Breaker()
        self.closed: Closed | None = None
        self._sameness = Sameness()
        self._refusals = 0
        self._refused_subjects = set[int | None]()
        self._proven = False
        """Something has gone well, so an item may be the matter where one request fails and others do not."""
        self._calm = False
        """Nothing is held, and another success would change nothing: the common case made short."""

    def close(self, reason: str, *, refused: bool = False, until: float = math.inf) -> None:
        """Allow nothing more."""
        self.closed = Closed(reason, refused, until)
        self._calm = False

    def try_again(self, now: float) -> None:
        """Let one canary try a server that was given up long enough ago; when it fails too, that is all."""
        if self.closed and now >= self.closed.until:
            self.closed = None
            self.trial.begin()

    def hold(self, now: float) -> Hold | None:
        """Return what forbids a send now."""
        if self._calm:
            return None
        if self.closed:
            return Hold("closed", None)
        if now < self.breaker.until:
            return Hold("breaker", self.breaker.until)
        if now < self.cooldown.until:
            return Hold("cooldown", self.cooldown.until)
        if self.trial.places <= 0:
            return Hold("trial", None)
        return Hold("parallel", None) if self.throttle.places.taken else None

    def well(self, now: float) -> bool:
        """Return whether the lane is of use: not closed, not broken, in no pause longer than bearable."""
        return self._calm or (
            self.closed is None and self.breaker.closed and not self.cooldown.paused(now, self.max_cooldown_s)
        )

    def end(
        self,
        now: float,
        number: int,
        outcome: Outcome,
        *,
        wait_s: float | None = None,
        message: str = "",
        subject: int | None = None,
        lone: bool = False,
    ) -> bool:
        """Note how a request of round `number` ended; returns whether a failure uses up one of its items' attempts.

        `subject` stands for its item, so that one bad item left over is not taken for a bad key or server; of a 429
        `lone` says that many requests went since the last one.
        """
        if self._calm and outcome is Outcome.OK:
            return True
        self._calm = False
        if outcome in WELL:
            self._well(number, outcome, message)
            return True
        if outcome in _FAILED:
            return self._failed(now, number, wait_s, message, -number if subject is None else subject)
        if outcome is Outcome.RATE_LIMITED:
            return self._limited(now, number, wait_s, message, 0 if subject is None else subject, lone=lone)
        if outcome in REFUSED:
            return self._refused(number, outcome, message, subject)
        self.trial.leave(number, passed=False)
        return False

    def _well(self, number: int, outcome: Outcome, message: str) -> None:
        self._answered(number)
        self.trial.leave(number, passed=True)
        if number == self.trial.round:
            self.cooldown.well()
        if outcome is Outcome.BAD_ITEM:
            useless = self._sameness.hear(message, proven=self._proven)
            if useless and not self.closed:
                self.close(useless)
            return
        self._refusals = 0
        self._refused_subjects.clear()
        self._sameness.forget()
        self._proven = True
        troubled = self.trial.running or self.cooldown.strikes or self.throttle.active or self.closed
        self._calm = self.breaker.calm and not troubled

    def _answered(self, number: int) -> None:
        """Tell the breaker; once it is open, only its canary's answer closes it."""
        if number == self.trial.round or self.breaker.closed:
            self.breaker.answered()

    def _failed(self, now: float, number: int, wait_s: float | None, message: str, subject: int) -> bool:
        """Count a failure; of a burst that opens the breaker, the rest says nothing new and costs no attempt.

        The canaries of a server that was well before do once they fail for long: only bad items may be left.
        """
        was_closed = self.breaker.closed
        canary = number == self.trial.round
        self.trial.leave(number, passed=False)
        if was_closed or canary:
            self._count_failure(now, message, subject)
        if wait_s is not None and self.cooldown.reach(now, wait_s, message):
            self.trial.begin()
        return was_closed or (canary and self._proven and self.breaker.lasts(now))

    def _count_failure(self, now: float, message: str, subject: int) -> None:
        self.breaker.failed(now, message, subject)
        if self.breaker.verdict:
            self.close(self.breaker.verdict, until=now + GIVEN_UP_S)
        elif not self.breaker.closed:
            self.trial.begin()

    def _limited(
        self, now: float, number: int, wait_s: float | None, message: str, subject: int, *, lone: bool
    ) -> bool:
        """React once to a burst: of requests sent before the cooldown began, only a longer Retry-After matters."""
        self._answered(number)
        counts = self._proven and number == self.trial.round and self.cooldown.blames(now)
        if number == self.trial.round:
            self.cooldown.begin(now, wait_s, message, subject, lone=lone)
            self.trial.begin()
            counts = counts and not self.cooldown.resting
        elif wait_s is not None and self.cooldown.reach(now, wait_s, message):
            self.trial.begin()
        return counts

    def _refused(self, number: int, outcome: Outcome, message: str, subject: int | None) -> bool:
        """Count a refusal; several in a row mean the key, one among good answers means its item."""
        self._answered(number)
        self.trial.leave(number, passed=False)
        self._refusals += 1
        self._refused_subjects.add(subject)
        lone = self._proven and subject is not None and len(self._refused_subjects) == 1
        if self._refusals >= REFUSALS_TO_CLOSE and not lone and self.closed is None:
            what = "refused the request" if outcome is Outcome.AUTH else "said that the account's quota is used up,"
            text = f"the server {what} {self._refusals} times in a row"
            self.close(f"{text}: {message}" if message else text, refused=True)
        return self._proven and self.closed is None

    def describe(self, now: float) -> tuple[str, str]:
        """Return the lane's state and the reason for it, as the dashboard shows them; none before its first request."""
        if self.closed:
            return ("refused" if self.closed.refused else "broken"), self.closed.reason
        if not self.breaker.closed:
            return "broken", self.breaker.describe(now)
        if now < self.cooldown.until:
            return self.cooldown.describe(self.max_cooldown_s)
        return "open", "waiting for a first good answer" if self.trial.tried else self.throttle.reason
