"""Who may go first: a few requests alone, until one of them is answered well."""

import math


class Trial:
    """The places open to requests, unlimited except while a trial runs.

    A new lane starts in one (a wrong key costs a few calls, not one per slot), and each cooldown and each opening of
    the breaker begins another with a single place, its canary. Rounds number the trials: a request that was sent in an
    earlier round can say nothing of this one.
    """

    __slots__ = ("_entered", "places", "round")

    def __init__(self, places: int, first_round: int = 0) -> None:
        self.round = first_round
        self.places: float = places
        self._entered = False

    @property
    def running(self) -> bool:
        """Whether no request of this round has been answered well yet."""
        return self.places != math.inf

    @property
    def tried(self) -> bool:
        """Whether a trial runs, and some request has gone since the lane is there."""
        return self._entered and self.running

    def begin(self) -> None:
        """Start a round in which one canary goes first."""
        self.round += 1
        self.places = 1

    def enter(self) -> int:
        """Take a place and return the round it belongs to."""
        self.places -= 1
        self._entered = True
        return self.round

    def leave(self, number: int, *, passed: bool) -> None:
        """Give back a place of round `number`; `passed` ends the trial."""
        if number == self.round:
            self.places = math.inf if passed else self.places + 1
