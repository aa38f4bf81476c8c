"""How a lane stands with its server: what the answers so far allow. Pure: time comes in as an argument."""

from dataclasses import dataclass
from typing import Final

from ..hold import Hold
from ..outcome import REFUSED, Outcome
from .breaker import FAILURES_TO_OPEN, Breaker
from .cooldown import Cooldown
from .trial import Trial

PROBATION: Final = 3
"""Requests a new lane has in flight at most, until the first is answered well."""

REFUSALS_TO_CLOSE: Final = 3
"""Refusals of the key, with no success between, that close a lane."""

_WELL = frozenset({Outcome.OK, Outcome.SHORT_REPLY, Outcome.BAD_ITEM})
_FAILED = frozenset({Outcome.CONNECTION, Outcome.TIMEOUT, Outcome.OVERLOADED})


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a lane is closed for good."""

    reason: str
    refused: bool
    """Whether the key or the account is the matter, not the server."""


class Standing:
    """Cooldown, breaker, trial and refusals of one lane, told of every end and asked before every send."""

    __slots__ = ("_calm", "_proven", "_refusals", "breaker", "closed", "cooldown", "trial")

    def __init__(self, first_round: int = 0) -> None:
        self.trial = Trial(PROBATION, first_round)
        self.cooldown = Cooldown()
        self.breaker = Breaker()
        self.closed: Closed | None = None
        self._refusals = 0
        self._proven = False
        """Something has gone well, so an item may be the matter where one request fails and others do not."""
        self._calm = False
        """Nothing is held, and another success would change nothing: the common case made short."""

    def close(self, reason: str, *, refused: bool = False) -> None:
        """Allow nothing more."""
        self.closed = Closed(reason, refused)
        self._calm = False

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
        return Hold("trial", None) if self.trial.places <= 0 else None

    def end(
        self,
        now: float,
        number: int,
        outcome: Outcome,
        *,
        wait_s: float | None = None,
        message: str = "",
    ) -> bool:
        """Note how a request of round `number` ended; returns whether a failure uses up one of its items' attempts."""
        if self._calm and outcome is Outcome.OK:
            return True
        self._calm = False
        if outcome in _WELL:
            self._well(number, outcome)
            return True
        if outcome in _FAILED:
            return self._failed(now, number, wait_s, message)
        if outcome is Outcome.RATE_LIMITED:
            return self._limited(now, number, wait_s, message)
        if outcome in REFUSED:
            return self._refused(number, outcome, message)
        self.trial.leave(number, passed=False)
        return False

    def _well(self, number: int, outcome: Outcome) -> None:
        self._answered(number)
        self.trial.leave(number, passed=True)
        if number == self.trial.round:
            self.cooldown.strikes = 0
        if outcome is not Outcome.BAD_ITEM:
            self._refusals = 0
            self._proven = True
        self._calm = self._proven and not (self.trial.running or self.cooldown.strikes or self._refusals or self.closed)

    def _answered(self, number: int) -> None:
        """Tell the breaker; once it is open, only its canary's answer closes it."""
        if number == self.trial.round or self.breaker.closed:
            self.breaker.answered()

    def _failed(self, now: float, number: int, wait_s: float | None, message: str) -> bool:
        """Count a failure; of a burst that opens the breaker, the rest says nothing new and costs no attempt.

        The canaries of a server that was well before do once they fail for long: only bad items may be left.
        """
        was_closed = self.breaker.closed
        canary = number == self.trial.round
        self.trial.leave(number, passed=False)
        if was_closed or canary:
            self._count_failure(now, message)
        if wait_s is not None and self.cooldown.reach(now, wait_s, message):
            self.trial.begin()
        return was_closed or (canary and self._proven and self.breaker.lasts(now))

    def _count_failure(self, now: float, message: str) -> None:
        self.breaker.failed(now, message)
        if self.breaker.verdict:
            self.close(self.breaker.verdict)
        elif not self.breaker.closed:
            self.trial.begin()

    def _limited(self, now: float, number: int, wait_s: float | None, message: str) -> bool:
        """React once to a burst: of requests sent before the cooldown began, only a longer Retry-After matters."""
        self._answered(number)
        counts = self._proven and number == self.trial.round and self.cooldown.fruitless(now)
        if number == self.trial.round:
            self.cooldown.begin(now, wait_s, message)
            self.trial.begin()
        elif wait_s is not None and self.cooldown.reach(now, wait_s, message):
            self.trial.begin()
        return counts

    def _refused(self, number: int, outcome: Outcome, message: str) -> bool:
        """Count a refusal; several in a row mean the key, one among good answers means its item."""
        self._answered(number)
        self.trial.leave(number, passed=False)
        self._refusals += 1
        if self._refusals >= REFUSALS_TO_CLOSE:
            what = "refused the request" if outcome is Outcome.AUTH else "said that the account's quota is used up,"
            text = f"the server {what} {self._refusals} times in a row"
            self.close(f"{text}: {message}" if message else text, refused=True)
        return self._proven and self.closed is None

    def describe(self, now: float) -> tuple[str, str]:
        """Return the lane's state and the reason for it, as the dashboard shows them."""
        if self.closed:
            return ("refused" if self.closed.refused else "broken"), self.closed.reason
        if not self.breaker.closed:
            return "broken", f"{FAILURES_TO_OPEN} failures in a row or more; the last: {self.breaker.message}"
        if now < self.cooldown.until:
            return "cooling", self.cooldown.reason
        return "open", "waiting for a first good answer" if self.trial.running else ""
