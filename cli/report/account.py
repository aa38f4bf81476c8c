"""What a report says of a job, in words: the same rows for text and for a page. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

from ...engine.settings import DIALS, show
from ...engine.snapshot import Change, JobRow, LaneState, Snapshot
from ...engine.store.results import Failures
from ...engine.text import clean
from ...tui.figures.series import is_live, mean_rate, stale
from ...tui.figures.turns import Pace, Turn
from ...tui.words.format import count, duration, latency, moment, money, percent, plural, rate, took, words
from ...tui.words.lane import items_of, shares
from ...tui.words.limiting import percent as share_of
from ...tui.words.limiting import shares_text
from .timeline import Timeline

FRACTIONS: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
MESSAGES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Failed:
    """The items that have failed."""

    kinds: Mapping[str, int]
    """How many, by kind."""
    messages: tuple[Failures, ...]
    """The most frequent messages, the most frequent first."""


def failed(groups: Iterable[Failures]) -> Failed:
    """Return the kinds and the most frequent messages of failures; only so many messages are kept at a time."""
    kinds: dict[str, int] = {}

    def counted() -> Iterator[Failures]:
        for group in groups:
            kinds[group.kind] = kinds.get(group.kind, 0) + group.items
            yield group

    return Failed(kinds, tuple(nlargest(MESSAGES_SHOWN, counted(), key=lambda group: group.items)))


@dataclass(frozen=True, slots=True)
class Account:
    """Everything a report is made of."""

    snapshot: Snapshot
    timeline: Timeline
    failed: Failed
    files: tuple[str, ...]
    """What the job itself reads and writes."""

    @property
    def job(self) -> JobRow:
        """The job's totals."""
        return self.snapshot.job

    @property
    def began_at(self) -> float | None:
        """When the job ran first, seconds since the epoch."""
        return self.job.started_at

    @property
    def ended_at(self) -> float | None:
        """When it ran last: now while it runs; what its engine left behind ended with the last sample."""
        return self.snapshot.taken_at if is_live(self.snapshot) else self.job.ended_at or self.timeline.last_at

    @property
    def wall_s(self) -> float | None:
        """Time from start to end, with all breaks."""
        began, ended = self.began_at, self.ended_at
        return None if began is None or ended is None else max(0.0, ended - began)

    @property
    def cost_per_1000(self) -> float | None:
        """USD for 1,000 items that are done."""
        return None if self.job.cost is None or not self.job.done else 1000 * self.job.cost / self.job.done


def state(account: Account) -> str:
    """Return where the job stands, and why."""
    job = account.job
    lost = stale(account.snapshot)
    why = clean(job.reason)
    return job.state.value + (f", but {lost}" if lost else "") + (f": {why}" if why else "")


def rows(account: Account) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of the whole job, each with its name."""
    job, timeline = account.job, account.timeline
    ended = job.done + job.failed
    yield "state", state(account)
    yield (
        "items",
        f"{count(job.done)} done, {count(job.failed)} failed, {count(job.left)} left of {count(job.total)}"
        + (" so far" if job.open else f" ({percent(ended, job.total)} ended)" if job.total else ""),
    )
    if job.cached:
        yield "not asked", f"{plural(job.cached, 'item')} with the answer of an equal one"
    if job.unsure:
        yield "unsure", f"{plural(job.unsure, 'item')} may have been billed though no answer is kept"
    yield "time", _times(account)
    if timeline.breaks:
        stopped = sum(each.lasted_s for each in timeline.breaks)
        yield "breaks", f"{plural(len(timeline.breaks), 'break')}, stopped or paused for {duration(stopped)}"
    yield "speed", _speed(account)
    yield "latency", ", ".join(f"{name} {latency(value)}" for name, value in latencies(account).items())
    if first := beginnings(account):
        yield "first", ", ".join(f"{name} {latency(value)}" for name, value in first.items())
    yield "requests", f"{count(job.requests)}, of which badly ended: {_kinds(job.errors)}"
    yield "failures", _kinds(account.failed.kinds)
    if job.cut:
        yield "cut short", f"{plural(job.cut, 'answer')}, by the token limit"
    yield "tokens", f"{count(job.tokens_in)} in, {count(job.tokens_out)} out"
    yield (
        "cost",
        money(job.cost)
        + ("" if account.cost_per_1000 is None else f", {money(account.cost_per_1000)} for 1,000 items"),
    )
    if len(account.snapshot.lanes) > 1:
        yield "lanes", "; ".join(_lanes(account.snapshot.lanes))
    if job.spent:
        yield "time went", shares_text(job.spent)
    yield "asked", " at ".join(clean(each) for each in (job.model, job.url) if each)
    yield "input", clean(job.input)
    yield "output", clean(job.output) or "in the workspace: `batchtop export`"


def latencies(account: Account) -> dict[str, float | None]:
    """Return the latency in ms of the whole job at each fraction, by its name."""
    return {name: account.timeline.latency.quantile(fraction) for name, fraction in FRACTIONS.items()}


def beginnings(account: Account) -> dict[str, float | None]:
    """Return when answers began, in ms, at each fraction by its name; nothing where none was streamed."""
    first = account.timeline.first
    return {name: first.quantile(fraction) for name, fraction in FRACTIONS.items()} if first.total else {}


def settings(account: Account) -> list[tuple[str, str, str]]:
    """Return each setting in force with its value and where that comes from."""
    dials = account.snapshot.dials
    return [(words(key), show(key, getattr(dials.settings, key)), clean(dials.origins[key])) for key in DIALS]


def failure_cells(account: Account, most_chars: int = 500) -> list[tuple[str, str, str]]:
    """Return how many items failed with each of the most frequent messages, and of what kind."""
    return [(count(each.items), words(each.kind), clean(each.message, most_chars)) for each in account.failed.messages]


def change_text(change: Change) -> str:
    """Return one change as `concurrency 4 → 10`."""
    if change.key not in DIALS:
        return f"{words(change.key)} {change.old:g} → {change.new:g}"
    return f"{words(change.key)} {show(change.key, change.old)} → {show(change.key, change.new)}"


def turn_cells(turn: Turn) -> tuple[str, str, str, str, str]:
    """Return when, who, what, and items a second and the share of errors before and after."""
    who = ", ".join(dict.fromkeys(clean(change.who) for change in turn.changes))
    return (
        duration(turn.at_s),
        who,
        "\n".join(map(change_text, turn.changes)),
        f"{rate(turn.before.items_per_s)} → {rate(turn.after.items_per_s)}",
        f"{_share(turn.before)} → {_share(turn.after)}",
    )


def _share(pace: Pace) -> str:
    return "-" if pace.error_share is None else share_of(pace.error_share)


def _lanes(lanes: Sequence[LaneState]) -> Iterator[str]:
    """Yield what each lane did for the job."""
    for lane in lanes:
        tokens = f"{count(lane.tokens_in)} tokens in, {count(lane.tokens_out)} out"
        told = (plural(lane.requests, "request"), *shares(lane, items_of(lanes)), tokens, money(lane.cost))
        yield f"{clean(lane.name)}: {', '.join(told)}"


def _times(account: Account) -> str:
    began, ended = account.began_at, account.ended_at
    running = f"{took(account.job.active_s)} running"
    if began is None or ended is None:
        return running
    until = "now" if is_live(account.snapshot) else moment(ended)
    return f"{running} of {took(account.wall_s)}, {moment(began)} to {until}"


def _speed(account: Account) -> str:
    best = account.timeline.best_minute_per_s
    return f"{rate(mean_rate(account.job))} items/s" + (
        f", {rate(best)} in the best minute" if best is not None else ""
    )


def _kinds(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{count(number)} {words(kind)}" for kind, number in ranked) or "none"
