"""What chance decides about a request: how long its answer takes, and what goes wrong with it."""

from enum import Enum, auto
from itertools import accumulate
from random import Random

from .behaviour import Behaviour


class Fault(Enum):
    """What goes wrong with a request that passed every check."""

    FAILED = auto()
    """A 500."""
    OVERLOADED = auto()
    """A 503."""
    LIMITED = auto()
    """A 429 though it was within the limits."""
    DROPPED = auto()
    """The connection breaks."""
    MALFORMED = auto()
    """The answer is torn."""
    SHORT = auto()
    """One answer is missing."""
    CUT = auto()
    """The answer stops in the middle."""


class Luck:
    """Draws in an order that the seed fixes."""

    __slots__ = ("_behaviour", "_draws", "_ladder", "_most")

    def __init__(self, behaviour: Behaviour) -> None:
        self._draws = Random(behaviour.seed)  # noqa: S311 (luck, not secrecy)
        self.follow(behaviour)

    def follow(self, behaviour: Behaviour) -> None:
        """Go on with other rates and latencies."""
        self._behaviour = behaviour
        shares = {
            Fault.FAILED: behaviour.error_rate / 2,
            Fault.OVERLOADED: behaviour.error_rate / 2,
            Fault.LIMITED: behaviour.limited_rate,
            Fault.DROPPED: behaviour.drop_rate,
            Fault.MALFORMED: behaviour.malformed_rate,
            Fault.SHORT: behaviour.short_rate,
            Fault.CUT: behaviour.cut_rate,
        }
        self._ladder = tuple(zip(accumulate(shares.values()), shares, strict=True))
        self._most = self._ladder[-1][0]

    def fault(self) -> Fault | None:
        """Draw what goes wrong with one request, if anything does."""
        drawn = self._draws.random()
        if drawn >= self._most:
            return None
        return next(fault for most, fault in self._ladder if drawn < most)

    def latency_s(self, weight: int) -> float:
        """Draw how long one answer takes; `weight` is the number of inputs that slow it down."""
        of = self._behaviour
        spread = self._draws.lognormvariate(0.0, of.latency_sigma) if of.latency_sigma else 1.0
        return (of.latency_ms * spread + of.item_ms * weight) / 1000
