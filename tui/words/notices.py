"""What is worth calling a person for: a job that ended, and trouble, each told once. Pure.

The dashboard rings for it, and the hook of an engine is called for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ...engine.snapshot import ACTIVE, JobRow, JobState, Snapshot
from ...engine.text import clean, with_reason
from ..figures.series import silent_s
from .format import count, duration

Occasion: TypeAlias = Literal["finished", "failed", "stopped", "drained", "cancelled", "trouble"]
"""`failed` means finished with failed items."""

CALM_S: Final = 60.0
"""Trouble that comes back sooner is the same trouble."""
HICCUP_S: Final = 16.0
"""A server that is back within this is no trouble."""
TEXT_LETTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to call a person for."""

    job: str
    occasion: Occasion
    text: str
    """Without the job's name; one line, fit to be shown."""

    @property
    def good(self) -> bool:
        """Whether nothing went wrong: the job did its work, or somebody stopped it on purpose."""
        return self.occasion not in {"failed", "stopped", "trouble"}

    def __str__(self) -> str:
        return f"{self.job}: {self.text}"


@dataclass(frozen=True, slots=True)
class Spell:
    """A trouble that is there, or was a moment ago; times are seconds since the epoch."""

    began: float
    last: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a job from the last look; what happened before `since` is no news."""

    since: float
    last_event: int = 0
    alive: bool = False
    """Whether the job was in an engine's hands."""
    spells: Mapping[str, Spell] = field(default_factory=dict[str, Spell])


def look(seen: Seen, now: Snapshot) -> tuple[tuple[Notice, ...], Seen]:
    """Return what is due after another look at a job, and what is known then."""
    last = now.events[-1].id if now.events else seen.last_event
    if now.job.state not in ACTIVE:
        notice = ended(seen.since, now.job)
        return ((notice,), Seen(now.job.ended_at or seen.since, last)) if notice else ((), Seen(seen.since, last))
    troubles = _troubles(seen, now)
    spells = _spells(seen.spells, troubles, now.taken_at)
    due = [text for kind, text in troubles.items() if spells[kind].told and not _told(seen.spells, kind)]
    notices = tuple(Notice(now.job.name, "trouble", clean(text, TEXT_LETTERS)) for text in (*due, *_errors(seen, now)))
    return notices, Seen(seen.since, last, seen.alive or now.engine is not None, spells)


def ended(since: float, job: JobRow) -> Notice | None:
    """Return the notice of a job that ended after `since`, seconds since the epoch: for a list that knows no more."""
    fresh = job.state not in ACTIVE and job.ended_at is not None and job.ended_at > since
    return _end(job) if fresh else None


def _end(job: JobRow) -> Notice:
    occasion: Occasion = "failed" if job.state is JobState.FINISHED and job.failed else _OCCASIONS[job.state]
    took = f" in {duration(job.active_s)}" if job.active_s else ""
    counts = f"{count(job.done)} done, {count(job.failed)} failed{took}"
    why = "" if job.state is JobState.FINISHED else job.reason
    return Notice(job.name, occasion, clean(with_reason(job.state, why or counts), TEXT_LETTERS))


_OCCASIONS: Final[Mapping[JobState, Occasion]] = {
    JobState.FINISHED: "finished",
    JobState.DRAINED: "drained",
    JobState.CANCELLED: "cancelled",
    JobState.STOPPED: "stopped",
}


def _troubles(seen: Seen, now: Snapshot) -> dict[str, str]:
    """Return what is wrong with an active job now: a name for the kind -> the text for a person."""
    found = {
        f"{lane.name} {lane.state}": f"{lane.name} is {with_reason(lane.state, lane.reason)}"
        for lane in now.lanes
        if lane.enabled and lane.state in {"refused", "broken"}
    }
    if silent := silent_s(now):
        found["silence"] = f"no answer for {duration(silent)}"
    if seen.alive and now.engine is None:
        found["engine"] = "its engine has died; run the job again to continue"
    return found


def _spells(before: Mapping[str, Spell], troubles: Mapping[str, str], at: float) -> dict[str, Spell]:
    """Return the spells of trouble after another look; one is over when it was not seen for a while."""
    kept = {kind: spell for kind, spell in before.items() if at - spell.last <= CALM_S}
    for kind in troubles:
        spell = kept.get(kind, Spell(at, at))
        patience_s = HICCUP_S if kind.endswith(" broken") else 0.0
        kept[kind] = Spell(spell.began, at, spell.told or at - spell.began >= patience_s)
    return kept


def _told(spells: Mapping[str, Spell], kind: str) -> bool:
    return kind in spells and spells[kind].told


def _errors(seen: Seen, now: Snapshot) -> Iterator[str]:
    """Yield what the log tells as an error; that the job has stopped is told by its state."""
    for event in now.events:
        fresh = event.id > seen.last_event and event.at > seen.since
        if fresh and event.level == "error" and not event.message.startswith(JobState.STOPPED):
            yield event.message


BELL: Final = "\a"


def osc9(text: str, environment: Mapping[str, str]) -> str:
    """Return what makes a terminal show a desktop notice, or nothing for one that would print it instead.

    Within tmux it is wrapped for the terminal around it, which takes `set -g allow-passthrough on` in tmux.
    """
    if environment.get("TERM") in {"linux", "dumb"}:
        return ""
    notice = f"\x1b]9;batchtop: {clean(text, TEXT_LETTERS)}\a"
    return f"\x1bPtmux;{notice.replace(chr(27), chr(27) * 2)}\x1b\\" if environment.get("TMUX") else notice
