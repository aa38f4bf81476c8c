"""What a request will likely cost, learned from what the ones before it did cost. Pure."""

import math
from typing import Final

import msgspec

from ..answer import Usage

LEAST_SEEN: Final = 20
"""Answers before the average is believed."""

_MEMORY: Final = 200
"""Answers that weigh in the average, about."""

_DEVIATIONS: Final = 0.1
"""Reserved above the average: that answers are longer than expected costs a 429, that they are shorter nothing."""


class Average(msgspec.Struct):
    """Mean and variance of a stream of numbers, of all at first and then mostly of the last ones."""

    seen: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def add(self, number: float) -> None:
        """Count one more."""
        self.seen = min(self.seen + 1, _MEMORY)
        weight = 1 / self.seen
        away = number - self.mean
        self.mean += weight * away
        self.variance = (1 - weight) * (self.variance + weight * away * away)


class Estimate:
    """How real prompts and answers compare to what requests may come to.

    Prompts are estimated by their bytes, which is off where the script is not Latin. Answers are reserved at their
    longest, and are mostly shorter.
    """

    __slots__ = ("answers", "prompts", "worst")

    def __init__(self, prompts: Average | None = None, answers: Average | None = None) -> None:
        self.prompts = prompts or Average()
        """Real tokens of prompts, as a share of what was estimated."""
        self.answers = answers or Average()
        """Real tokens of answers, as a share of the longest."""
        self.worst = False
        """The server counts the longest answer when it admits a request, so nothing less may be reserved."""

    def expect(self, most: Usage) -> Usage:
        """Return what to reserve for a request that may come to `most`."""
        return Usage(self._prompt(most.tokens_in), self._answer(most.tokens_out))

    def _prompt(self, most: int) -> int:
        if self.prompts.seen < LEAST_SEEN:
            return most
        return math.ceil(most * max(self.prompts.mean, float(self.worst)))

    def _answer(self, most: int) -> int:
        if self.worst or self.answers.seen < LEAST_SEEN:
            return most
        share = self.answers.mean + _DEVIATIONS * math.sqrt(self.answers.variance)
        return min(most, max(1, math.ceil(most * share)))

    def learn(self, most: Usage, used: Usage) -> None:
        """Compare what a request was billed for to what it might have come to."""
        if most.tokens_in:
            self.prompts.add(used.tokens_in / most.tokens_in)
        if most.tokens_out:
            self.answers.add(min(1.0, used.tokens_out / most.tokens_out))

    def refused(self, most: Usage, reserved: Usage, remaining: int | None) -> None:
        """Take note of a 429: did what was reserved fit into what was left, and only the worst case not?"""
        if remaining is not None and reserved.total <= remaining < most.total:
            self.worst = True
