"""What was sent in the last 60 s, counted by the second."""

from typing import Final, TypeAlias

from ..answer import Usage

Second: TypeAlias = tuple[int, int, Usage]
"""One second of the clock, and the requests and tokens that were sent in it."""

_SECONDS: Final = 60


class Minute:
    """Requests and tokens of the last 60 s in a ring with one place a second: adding costs the same at any rate."""

    __slots__ = ("_ring",)

    def __init__(self) -> None:
        self._ring: list[list[int]] = [[-_SECONDS, 0, 0, 0] for _ in range(_SECONDS)]

    def add(self, at: float, requests: int, used: Usage) -> None:
        """Count what was sent at `at`, a moment that may lie in the past."""
        self._add(at, requests, used.tokens_in, used.tokens_out)

    def amend(self, at: float, reserved: Usage, used: Usage) -> None:
        """Count what was used in the place of what was reserved."""
        self._add(at, 0, used.tokens_in - reserved.tokens_in, used.tokens_out - reserved.tokens_out)

    def take_back(self, at: float, requests: int, used: Usage) -> None:
        """Count less for a moment."""
        self._add(at, -requests, -used.tokens_in, -used.tokens_out)

    def _add(self, at: float, requests: int, tokens_in: int, tokens_out: int) -> None:
        second = int(at)
        place = self._ring[second % _SECONDS]
        if place[0] != second:
            if place[0] > second:
                return
            place[:] = second, 0, 0, 0
        place[1] += requests
        place[2] += tokens_in
        place[3] += tokens_out

    def used(self, now: float) -> tuple[int, Usage]:
        """Return the requests and tokens of the last 60 s, the second now running counted as one of them."""
        oldest = int(now) - _SECONDS
        requests = tokens_in = tokens_out = 0
        for place in self._ring:
            if place[0] > oldest:
                requests += place[1]
                tokens_in += place[2]
                tokens_out += place[3]
        return requests, Usage(tokens_in, tokens_out)

    def seconds(self, now: float) -> list[Second]:
        """Return those of the last 60 s in which something was sent, oldest first."""
        oldest = int(now) - _SECONDS
        young = sorted(place for place in self._ring if place[0] > oldest and place[1])
        return [(second, requests, Usage(tokens_in, tokens_out)) for second, requests, tokens_in, tokens_out in young]
