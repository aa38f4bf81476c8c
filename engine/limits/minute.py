"""What was sent in the last 60 s, counted by the second."""

from typing import Final

_SECONDS: Final = 60


class Minute:
    """Requests and tokens of the last 60 s in a ring with one place a second: adding costs the same at any rate."""

    __slots__ = ("_requests", "_second", "_tokens")

    def __init__(self) -> None:
        self._second = [-_SECONDS] * _SECONDS
        self._requests = [0] * _SECONDS
        self._tokens = [0] * _SECONDS

    def add(self, at: float, requests: int, tokens: int) -> None:
        """Count what was sent at `at`, a moment that may lie in the past; negative numbers take back."""
        second = int(at)
        place = second % _SECONDS
        if self._second[place] != second:
            if self._second[place] > second:
                return
            self._second[place] = second
            self._requests[place] = self._tokens[place] = 0
        self._requests[place] += requests
        self._tokens[place] += tokens

    def used(self, now: float) -> tuple[int, int]:
        """Return the requests and tokens of the last 60 s, the second now running counted as one of them."""
        oldest = int(now) - _SECONDS
        young = [place for place in range(_SECONDS) if self._second[place] > oldest]
        return sum(self._requests[place] for place in young), sum(self._tokens[place] for place in young)
