"""Notices when every item fails with the same words: then it is what is asked, or of whom, and not the items."""

from typing import Final

_FROM_A_NEW_LANE: Final = 20
"""More than one item costs that spoils the first batch: halving 100,000 down to it takes 17 calls."""

_FROM_A_PROVEN_LANE: Final = 200


class Sameness:
    """Counts how often in a row the same was said, until something goes well."""

    __slots__ = ("_times", "_words")

    def __init__(self) -> None:
        self._words = ""
        self._times = 0

    def forget(self) -> None:
        """Start anew: something went well."""
        self._times = 0

    def hear(self, words: str, *, proven: bool) -> str:
        """Count what was said about an item; returns why the lane is of no use, or nothing."""
        self._times = self._times + 1 if self._times and words == self._words else 1
        self._words = words
        if self._times < (_FROM_A_PROVEN_LANE if proven else _FROM_A_NEW_LANE):
            return ""
        return f"every item fails with the same words, {self._times} times in a row: {words}"
