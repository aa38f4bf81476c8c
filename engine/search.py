"""Finds the item that spoils a call for the others, by few calls. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .item import Item

Part: TypeAlias = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Trial:
    """One half is on its way; what comes of it decides which half to look into."""

    other: Part
    """The other half; empty where the last suspect is tried by itself."""
    aside: Part
    """Items that need not be looked into: they go together when the search is over."""
    fits: int
    """The largest part that went well in this search."""


class Search:
    """Searches that are open, each by the first item of the part that it tries.

    Of a part that was spoiled one half is tried. When that is spoiled too, the other half is set aside; when it goes
    well, the other half must hold the spoiler and is halved unseen. So one bad item among n fails alone after
    log2(n) + 2 calls at most, where sending both halves each time takes 2 log2(n). When no item is found to be bad, the
    part was too large for the server, and what is left goes in parts of a size that went well.
    """

    def __init__(self) -> None:
        self._open: dict[int, _Trial] = {}

    def spoiled(self, part: Part) -> list[Part]:
        """Return what to send now that a part was spoiled; a single item has failed by itself and is not among it."""
        trial = self._open.pop(part[0].row, None)
        aside = trial.other + trial.aside if trial else ()
        if len(part) == 1:
            return _if_any(aside)
        return self._halve(part, aside, trial.fits if trial else 0)

    def answered(self, part: Part) -> list[Part]:
        """Return what to send now that a part went well; nothing unless it was part of a search."""
        trial = self._open.pop(part[0].row, None) if self._open else None
        if trial is None:
            return []
        fits = max(trial.fits, len(part))
        match trial.other:
            case ():
                return list(_pieces(trial.aside, fits))
            case (last,):
                self._open[last.row] = _Trial((), trial.aside, fits)
                return [(last,)]
            case other:
                return self._halve(other, trial.aside, fits)

    def dropped(self, part: Part) -> list[Part]:
        """Return what to send now that a part ended in a way that says nothing of its items: the search is off."""
        trial = self._open.pop(part[0].row, None) if self._open else None
        return [*_if_any(trial.other), *_if_any(trial.aside)] if trial else []

    def _halve(self, part: Part, aside: Part, fits: int) -> list[Part]:
        tried, other = halves(part)
        self._open[tried[0].row] = _Trial(other, aside, fits)
        return [tried]


def halves(part: Part) -> tuple[Part, Part]:
    """Return both halves of two items or more."""
    middle = len(part) // 2
    return part[:middle], part[middle:]


def _if_any(part: Part) -> list[Part]:
    return [part] if part else []


def _pieces(part: Sequence[Item], size: int) -> Iterator[Part]:
    return (tuple(part[start : start + size]) for start in range(0, len(part), size))
