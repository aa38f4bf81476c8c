"""Work in portions that memory has room for: one that is too large is halved, and what was learnt of it is kept."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class TooLargeError(Exception):
    """There is no memory for as much as this at once, nor for a single one where it was one."""


class Portions(Generic[T, R]):
    """Does a batch in as few portions as memory has room for; `alone` is what becomes of one that there is none for."""

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], alone: Callable[[TooLargeError], R]) -> None:
        self._work = work
        self._alone = alone
        self.most: int | None = None
        """So many at once at most, as was learnt; None while all went well."""

    def __call__(self, batch: Sequence[T]) -> list[R]:
        """Return what becomes of each; raises what `work` does otherwise."""
        results: list[R] = []
        before = self.most
        while len(results) < len(batch):
            portion = batch[len(results) :][: self.most]
            try:
                results += self._work(portion)
            except TooLargeError as error:
                if len(portion) > 1:
                    self.most = len(portion) // 2
                else:  # it was the matter, not their number
                    results.append(self._alone(error))
                    self.most = before
        return results
