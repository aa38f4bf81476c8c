"""What limits a job, in words for people, and what would help. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...engine.slottime import IN_FLIGHT, limiting, shares
from ...engine.snapshot import JobState, Snapshot
from ..figures.series import RECENT_S, in_flight, is_live, silent_s, spent_lately, stale
from . import format as say
from .lane import countdown, in_use

IDLE_S: Final = 5.0
"""So long with nothing at the server is worth a word."""
_FULL: Final = 0.95
"""Share of a quota from which it counts as used up."""
_LEAST: Final = 0.01
"""A smaller share of the slots' time limits nothing."""


@dataclass(frozen=True, slots=True)
class Words:
    """How one thing that slots spend their time on is told."""

    name: str
    """In the table of where the time went."""
    short: str
    """In a list of shares, and as what limits the job."""
    why: str
    help: str


_QUOTA: Final = ("the quota is used", "more keys or a higher limit would help")
_WORDS: Final[dict[str, Words]] = {
    IN_FLIGHT: Words("in flight", "in flight", "slots are in flight", "raise it"),
    "concurrency": Words("no free slot", "concurrency", "all slots are taken", "raise concurrency"),
    "rpm": Words("waiting for RPM", "RPM", *_QUOTA),
    "tpm": Words("waiting for TPM", "TPM", *_QUOTA),
    "tpm_in": Words("waiting: TPM in", "TPM in", *_QUOTA),
    "tpm_out": Words("waiting: TPM out", "TPM out", *_QUOTA),
    "rpd": Words("waiting for RPD", "requests a day", *_QUOTA),
    "parallel": Words("parallel limit", "parallel requests", "the server refuses more at once", "more keys would help"),
    "delay": Words("delay", "delay", "slots rest between batches", "lower delay"),
    "chunk": Words("chunk pause", "chunk pause", "slots rest between chunks", "lower chunk pause or raise chunk"),
    "cooldown": Words(
        "cooldown", "cooldown", "the server asks for pauses", "a lower rpm or concurrency may avoid them"
    ),
    "breaker": Words("breaker open", "breaker", "the server keeps failing", "see the errors and events"),
    "trial": Words("trial request", "trial requests", "one request tests the server first", "it passes by itself"),
    "source": Words("no items (source)", "source", "no items are ready", "a partial batch may wait for max wait"),
    "retry": Words("retries resting", "retries", "failed items rest before another try", "see the errors"),
    "sink": Words("commits (sink)", "commits", "results wait to be written", "a faster disk would help"),
    "memory": Words("memory", "memory", "the engine is near its limit", "raise memory or lower batch size"),
    "budget": Words("budget", "budget", "what is in flight may use it up", "raise the cost limit"),
    "queue": Words("queue", "a queue", "earlier ones wait for their turn", "more keys would help"),
    "paused": Words("paused", "a pause", "nothing is sent", "resume the job"),
}
_RATES: Final = frozenset({"rpm", "tpm", "tpm_in", "tpm_out", "rpd"})
_AT_ONCE: Final = frozenset({"breaker", "cooldown", "memory", "budget"})
"""What limits as soon as it has the most of the last seconds: while it lasts, no other advice helps."""
_WORKERS: Final[Mapping[str, str]] = {"python": "worker", "command": "program", "transformers": "worker"}
"""What does the work of a task that asks no server."""
_LAST: Final = frozenset({IN_FLIGHT, "source"})
"""All that slots spend their time on once nothing is left to send."""
_WAITING: Final[Mapping[str, str]] = {"cooling": "cooling", "paused": "set aside", "broken": "breaker open"}


def words_of(what: str) -> Words:
    """Return the words for one thing; an unknown one is told by its own name."""
    name = say.words(what)
    return _WORDS.get(what) or Words(name, name, "", "")


def percent(share: float) -> str:
    """Return a share in whole percent: `14 %`, `<1 %`."""
    return "<1 %" if 0 < share < 0.01 else f"{round(100 * share)} %"


def shares_text(spent: Mapping[str, float], most: int = 5) -> str:
    """Return the largest shares in one line: `in flight 81 %, RPM 14 %, delay 5 %`."""
    shown = [(what, share) for what, share in shares(spent) if share >= 0.005][:most]
    return ", ".join(f"{words_of(what).short} {percent(share)}" for what, share in shown)


def limiting_lately(snapshot: Snapshot) -> str:
    """Return what limited the job most in the last minute, or nothing.

    A trouble counts as soon as it leads the last seconds, and nothing does that they saw nothing of. Where slots were
    in flight for the most part, but waited for a quota that is used up, more slots would not help: the quota limits.
    """
    if not _runs(snapshot) or last_ones(snapshot):
        return ""
    spent, now = spent_lately(snapshot), spent_lately(snapshot, RECENT_S)
    if now and (limiting(now) in _AT_ONCE or limiting(spent) not in now):
        spent = now
    if limiting(spent) != IN_FLIGHT:
        return limiting(spent)
    full = (what for what, share in shares(spent) if what in _RATES and share >= _LEAST and _used_up(snapshot, what))
    return next(full, IN_FLIGHT)


def _runs(snapshot: Snapshot) -> bool:
    return is_live(snapshot) and snapshot.job.state is JobState.RUNNING and not stale(snapshot)


def last_ones(snapshot: Snapshot) -> str:
    """Return `waiting for the last 12 items` where all that is left is at the server, so that nothing limits the job.

    Free slots found nothing left to send, or there are none, and what is left is no more than their batches hold.
    """
    job, settings = snapshot.job, snapshot.dials.settings
    if not _runs(snapshot) or job.open or not job.left or not snapshot.samples:
        return ""
    last = snapshot.samples[-1]
    held = last.in_flight if settings.batch_tokens else last.in_flight * settings.batch_size
    nothing_waits = last.in_flight >= last.target or "source" in last.spent
    if not last.in_flight or job.left > held or not nothing_waits or not last.spent.keys() <= _LAST:
        return ""
    return f"waiting for the last {say.plural(job.left, 'item')}"


def worker_of(task: str) -> str:
    """Return what does the work of a task, which a lane is one of: a key of a server, where it asks one."""
    return _WORKERS.get(task, "key")


def _used_up(snapshot: Snapshot, what: str) -> bool:
    """Return whether the lanes in use, together, use a limit (`rpm`, ...) up."""
    lanes = in_use(snapshot.lanes)
    limits = sum(getattr(lane, f"{what}_limit") for lane in lanes)
    return limits > 0 and sum(getattr(lane, f"{what}_used") for lane in lanes) >= _FULL * limits


def limit_texts(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what limits the job and what would help, the longest telling first; empty while nothing can be told."""
    if last := last_ones(snapshot):
        return (last,)
    what = limiting_lately(snapshot)
    if not what:
        return ()
    words = words_of(what)
    why, better = words.why, _help(snapshot, what)
    if what == IN_FLIGHT:
        share = dict(shares(spent_lately(snapshot)))[IN_FLIGHT]
        why = f"{why} {percent(share)} of the time"
    named = f"limited by {'concurrency' if what == IN_FLIGHT else words.short}"
    told = (f"{named}: {why}; {better}", f"{named}: {better}") if better else ()
    return *told, named


def _help(snapshot: Snapshot, what: str) -> str:
    sources = {lane.limit_source for lane in snapshot.lanes if what in _RATES and getattr(lane, f"{what}_limit")}
    if sources == {"job"}:
        return f"raise {what.replace('_', ' ')} if the provider allows it"
    return words_of(what).help.replace("keys", f"{worker_of(snapshot.job.task)}s")


def silence(snapshot: Snapshot) -> str:
    """Return `no answer for 52 s, batches in flight: 17` where some are at the server and none has ended for long."""
    passed = silent_s(snapshot)
    if not passed:
        return ""
    since = snapshot.taken_at - passed
    longer = (
        since <= snapshot.samples[0].at and since - (snapshot.job.started_at or since) > 2 * snapshot.samples[0].span_s
    )
    over = "over " if longer else ""  # all the samples read are silent, and there were others before
    return f"no answer for {over}{say.duration(passed)}, batches in flight: {in_flight(snapshot)}"


def idle(snapshot: Snapshot) -> str:
    """Return why nothing goes out at the moment, with a countdown where one is known, or nothing while something does.

    Lanes that all wait tell it at once; any other reason once nothing has been at the server for some seconds.
    """
    if not _runs(snapshot):
        return ""
    lanes = [lane for lane in snapshot.lanes if lane.enabled]
    if lanes and all(lane.state != "open" for lane in lanes):
        return f"nothing goes out: {_next_try(snapshot)}"
    lately = spent_lately(snapshot, IDLE_S)
    if not lately or lately.get(IN_FLIGHT):
        return ""
    return f"nothing goes out: {words_of(limiting(lately)).name}"


def _next_try(snapshot: Snapshot) -> str:
    """Return what the lane waits for that is tried next."""
    waiting = [lane for lane in snapshot.lanes if lane.enabled and lane.state != "refused"]
    if not waiting:
        return f"every {worker_of(snapshot.job.task)} is refused"
    lane = min(waiting, key=lambda each: (each.reset_at is None, each.reset_at or 0.0))
    wait = countdown(lane, snapshot.taken_at) or "a try is under way"
    return f"{_WAITING.get(lane.state, say.words(lane.state))}, {wait}"


def standing(snapshot: Snapshot, *, briefly: bool) -> str:
    """Return what stands in the job's way, silence, a wait, or what limits it; the last without advice if `briefly`."""
    texts = limit_texts(snapshot)
    limit = texts[-1 if briefly else 0] if texts else ""
    return silence(snapshot) or idle(snapshot) or limit
