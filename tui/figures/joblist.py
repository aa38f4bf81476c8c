"""The list of jobs as a person wants it: which of them, in which order, and what they come to together. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ...engine.snapshot import ACTIVE, EngineRow, JobRow
from ...engine.store.rates import Rates
from ...engine.text import clean
from .pace import Pace
from .series import STALE_S, mean_rate

Value: TypeAlias = float | str | None
"""What an order goes by; None stands last in both directions."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One job of the list, and what is known of it beside its totals."""

    job: JobRow
    now: float
    pace: Pace | None = None
    rates: Rates | None = None
    trouble: str = ""
    """`no engine` or `stalled`, where the job should be in the hands of an engine."""

    @property
    def active(self) -> bool:
        """Whether an engine has it in hand, or should have."""
        return self.job.state in ACTIVE

    @property
    def live(self) -> bool:
        """Whether it may be told what to do: a stalled engine may come round."""
        return self.active and self.trouble != "no engine"

    @property
    def known_pace(self) -> Pace | None:
        """How fast it goes; None where nobody moves it, whatever its last seconds were like."""
        return self.pace if self.active and not self.trouble else None

    @property
    def speed(self) -> float | None:
        """Items a second: lately of an active job, over all the time that it ran of an ended one."""
        if self.active:
            return self.known_pace.speed if self.known_pace else None
        return mean_rate(self.job) or None

    @property
    def eta_s(self) -> float | None:
        """Seconds until no item is left, where that can be told."""
        return self.known_pace.eta_s if self.known_pace else None

    @property
    def standing(self) -> str:
        """How it stands, in a word or two."""
        return self.trouble or self.job.state

    @property
    def age_s(self) -> float:
        """Seconds since it was started last, or else made."""
        return self.now - (self.job.started_at or self.job.created_at)


@dataclass(frozen=True, slots=True)
class Order:
    """By what the list is ordered; without a column active jobs stand first, and then the newest."""

    column: str = ""
    falling: bool = False


def stall_s(engine: EngineRow | None, now: float) -> float:
    """Return for how many seconds an engine has given no sign of life, 0 while it is well or there is none."""
    age = now - engine.heartbeat_at if engine else 0.0
    return age if age > STALE_S else 0.0


def trouble_of(job: JobRow, engine: EngineRow | None, now: float) -> str:
    """Return what is wrong with an active job's engine, or nothing."""
    if job.state not in ACTIVE:
        return ""
    return "no engine" if engine is None else "stalled" if stall_s(engine, now) else ""


def matching(entries: Iterable[Entry], text: str) -> list[Entry]:
    """Return those whose name, state or model holds the text, in any case of letters."""
    wanted = text.casefold().strip()
    return [each for each in entries if any(wanted in part for part in _parts(each))] if wanted else list(entries)


def _parts(entry: Entry) -> tuple[str, ...]:
    told = clean(entry.job.name), entry.standing, clean(entry.job.model)
    return tuple(part.casefold() for part in told)


def ordered(entries: Sequence[Entry], value: Callable[[Entry], Value] | None, *, falling: bool = False) -> list[Entry]:
    """Return the entries by a value, those without one last; equal ones, or all for no value, in the usual order."""
    usual = sorted(entries, key=lambda each: (not each.active, each.age_s, -each.job.id))
    if falling and value is None:
        usual.reverse()
    if value is None:
        return usual
    known = [(value(each), each) for each in usual]
    some = [(told, each) for told, each in known if told is not None]
    some.sort(key=lambda pair: pair[0], reverse=falling)  # pyright: ignore[reportArgumentType] - all numbers, or all texts
    return [each for _, each in some] + [each for told, each in known if told is None]


@dataclass(frozen=True, slots=True)
class Totals:
    """All jobs of a workspace together."""

    jobs: int
    active: int
    speed: float | None
    """Items a second of those whose pace is known; None where that of none is."""
    cost: float | None
    """USD of all their runs, of those with a price; None where none has one."""
    unpriced: bool
    """Whether some made requests without a known price."""


def totals(entries: Sequence[Entry]) -> Totals:
    """Add the jobs up."""
    speeds = [each.known_pace.speed for each in entries if each.known_pace]
    costs = [each.job.cost for each in entries if each.job.cost is not None]
    return Totals(
        jobs=len(entries),
        active=sum(each.active for each in entries),
        speed=sum(speeds) if speeds else None,
        cost=sum(costs) if costs else None,
        unpriced=any(each.job.cost is None and each.job.requests for each in entries),
    )
