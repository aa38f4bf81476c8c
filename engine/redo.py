"""What of an earlier run is to be done again."""

from collections.abc import Iterable
from typing import Final

import msgspec

from .outcome import RETRIED_BY_RERUN, Outcome

FAILURES: Final = frozenset(Outcome) - {Outcome.OK, Outcome.CANCELLED}
"""The ways in which an item can have failed."""


class Redo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run does again besides what is new: nothing that was answered, and what failed for a passing cause."""

    failed: frozenset[Outcome] = RETRIED_BY_RERUN
    """Items that failed in one of these ways are tried again."""
    fresh: bool = False
    """Whether all is asked again, as if nothing had ever been answered."""

    @classmethod
    def kinds(cls, kinds: Iterable[Outcome]) -> "Redo":
        """Return the wish to try again what failed in these ways, or in any where none is named."""
        return cls(failed=frozenset(kinds) or FAILURES)


PASSING: Final = Redo()
"""What every run does again."""
