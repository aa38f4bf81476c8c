"""Every message of the dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from textual.message import Message

from ..engine.snapshot import Snapshot
from ..engine.store.rates import Rates
from ..engine.text import clean
from .figures.good import History
from .reads.courier import Delivery
from .reads.source import Jobs
from .words.line import Tone

TURNS_REST_S: Final = 5.0
"""Turns are read again so seldom while no setting is changed: the minute after a turn fills slowly."""


@dataclass
class SnapshotRead(Message):
    """A job was read; None when the workspace has none of that name."""

    snapshot: Snapshot | None
    then: Snapshot | None = None
    """The moment of the past that is looked at."""

    def can_replace(self, message: Message) -> bool:
        """Return whether an older one that still waits may be dropped."""
        return isinstance(message, SnapshotRead)


@dataclass
class JobsRead(Message):
    """The jobs were read."""

    jobs: Jobs
    at: float
    rates: Mapping[int, Rates] = field(default_factory=dict[int, Rates])
    """How fast those went that were in sight, by id."""

    def can_replace(self, message: Message) -> bool:
        """Return whether an older one that still waits may be dropped."""
        return isinstance(message, JobsRead)


@dataclass
class HistoryRead(Message):
    """A job and the turns of its settings were read; None when the workspace has none of that name."""

    snapshot: Snapshot | None
    history: History
    at: float
    """When the turns were read."""

    def is_fresh(self, now: Snapshot, at: float) -> bool:
        """Return whether the turns need not be read again: no setting was changed, and it is not long ago."""
        same = self.snapshot is not None and self.snapshot.changes == now.changes
        return same and 0 <= at - self.at < TURNS_REST_S


@dataclass
class ReadFailed(Message):
    """The workspace can't be read at the moment."""

    reason: str


@dataclass
class Asked(Message):
    """Something is asked of the engine."""

    verb: str
    args: Mapping[str, object]


@dataclass
class Delivered(Message):
    """A command to a job was answered, or was not in time."""

    job: str
    delivery: Delivery

    @property
    def text(self) -> str:
        """What to say of it where another job, or none, is shown."""
        return clean(f"{self.job}, {self.delivery.verb}: {self.delivery.message}")

    @property
    def tone(self) -> Tone:
        """How to say it."""
        return "ok" if self.delivery.applied else "error"


@dataclass
class DialPicked(Message):
    """A dial was clicked."""

    key: str


@dataclass
class RowPicked(Message):
    """A row of a list was clicked."""

    row: int
