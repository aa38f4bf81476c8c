"""What a job looks like at one moment: frozen, read from the database, shown by every screen and command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .course import Course
from .histogram import Histogram
from .settings import Resolved, Value

WINDOW_S: Final = 300.0
"""The time of which a snapshot holds every sample, unless more is asked for."""


class JobState(StrEnum):
    """Where a job stands; `ACTIVE` states belong to a live engine, the others are resumable or finished."""

    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    FINISHED = "finished"
    DRAINED = "drained"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


ACTIVE = frozenset({JobState.QUEUED, JobState.LOADING, JobState.RUNNING, JobState.PAUSED, JobState.DRAINING})


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job's totals; times are seconds since the epoch, `cost` is USD or None where no price is known."""

    id: int
    name: str
    state: JobState
    reason: str
    """Why it is in this state, for people; empty when there is nothing to say."""
    exit_code: int | None
    total: int
    done: int
    failed: int
    requests: int
    errors: Mapping[str, int]
    """Attempts that ended badly, by outcome."""
    cut: int
    """Answers that were kept though the token limit cut them short."""
    spent: Mapping[str, float]
    """Where the time went: slot-seconds by what they were spent on (see `slottime`)."""
    tokens_in: int
    tokens_out: int
    cost: float | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    active_s: float
    """Seconds spent running, over all its runs."""
    task: str
    model: str
    url: str
    input: str
    output: str
    failures: str = ""
    cached: int = 0
    """Items that were not asked: they have the answer that an equal item was given before."""
    unsure: int = 0
    """Items that may have been billed though no answer is kept: dropped, or sent by an engine that died."""
    asked: int = 0
    """Items that ended by being asked, over all runs, also where the answer counts no more."""
    open: bool = False
    """Whether the input has not come to its end: `total` is what has come so far."""

    @property
    def whole(self) -> int:
        """All items that there will be, 0 while nobody knows how many."""
        return 0 if self.open else self.total

    @property
    def left(self) -> int:
        """Items neither done nor failed."""
        return self.total - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened in one span of time, about a second long."""

    at: float
    """When the span ended, seconds since the epoch."""
    span_s: float
    items: int
    failed: int
    requests: int
    errors: Mapping[str, int]
    latency: Histogram
    in_flight: int
    """Batches in flight at the end of the span."""
    target: int
    """The concurrency wanted, 0 while the job was paused."""
    tokens_in: int
    tokens_out: int
    cost: float
    backlog: int
    """Results waiting for their commit."""
    rss_mb: float
    cpu: float
    """Share of one core the engine used, 0 to 1 and more."""
    spent: Mapping[str, float] = field(default_factory=dict[str, float])
    """Slot-seconds by what they were spent on (see `slottime`)."""
    lag_ms: float = 0.0
    """The longest that the engine's loop was late in the span."""
    connections: int = 0
    """Connections to servers that were open at the end of the span, of all jobs together."""
    rpm_limit: int = 0
    """Requests a minute that the lanes in use allowed together at the end of the span, 0 where one is unknown."""
    first: Histogram = field(default_factory=Histogram)
    """When answers began, after their request was sent; only of those that were streamed."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """One provider + model + key: what it allows, what was used of it, and whether it may be used now."""

    name: str
    state: str = "open"
    """`open`, `cooling` (after a 429), `paused` (for longer than max_cooldown), `broken` (breaker open), or `refused`
    (the key is no good)."""
    reason: str = ""
    rpm_limit: int = 0
    """Requests a minute, 0 where unknown."""
    rpm_used: int = 0
    """Requests sent in the last 60 s."""
    tpm_limit: int = 0
    tpm_used: int = 0
    tpm_in_limit: int = 0
    tpm_in_used: int = 0
    tpm_out_limit: int = 0
    tpm_out_used: int = 0
    rpd_limit: int = 0
    rpd_used: int = 0
    limit_source: str = ""
    """Where the limits come from: `job`, `server`, `learned` from refusals, or nothing."""
    hits_429: int = 0
    reset_at: float | None = None
    """When a cooldown ends or the server's window resets, seconds since the epoch."""
    enabled: bool = True
    """False while a person keeps the job from using it."""
    requests: int = 0
    """Requests of this job that went through it, over all its runs; so are the tokens and the cost."""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    """USD, None where no price is known."""
    items: int = 0
    """Items of this job whose last word it had, over all its runs."""
    escalated: int = 0
    """Items that went on from it to another model, as a rule did not like its answer."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log."""

    id: int
    at: float
    level: str
    """`info`, `warn` or `error`."""
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """One setting changed while the job ran."""

    at: float
    who: str
    key: str
    old: Value
    new: Value


@dataclass(frozen=True, slots=True)
class EngineRow:
    """The engine that owns the workspace, if one does; `heartbeat_at` is younger than a second while it is well."""

    pid: int
    started_at: float
    heartbeat_at: float


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One job and all that a screen shows of it, read at `taken_at` in one transaction."""

    taken_at: float
    job: JobRow
    dials: Resolved
    """The settings in force and where each value comes from."""
    samples: tuple[Sample, ...] = ()
    """Oldest first, at most the window asked for; those of `WINDOW_S` where that is endless."""
    lanes: tuple[LaneState, ...] = ()
    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    engine: EngineRow | None = None
    window_s: float = WINDOW_S
    """How much time the charts show at most."""
    course: Course | None = None
    """The whole course of the job, where the window asked for has no end."""
    moment: float | None = None
    """The moment of the past that this tells of, seconds since the epoch; None for now."""

    def tells_as(self, other: "Snapshot") -> bool:
        """Return whether another one of a job that has ended tells the same, whenever it was taken."""
        ended = self.job.state not in ACTIVE and other.job.state not in ACTIVE
        same = self.samples is other.samples and self.course is other.course and self.window_s == other.window_s
        return ended and same and _told(self) == _told(other)


def _told(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.job, snapshot.dials, snapshot.lanes, snapshot.events, snapshot.changes, snapshot.moment
