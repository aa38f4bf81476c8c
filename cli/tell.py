"""How a run is told of on standard error: a progress bar, lines of text, or lines of JSON."""

import json
import math
import sys
import time
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ..engine.snapshot import Event, JobState, Snapshot
from ..engine.text import clean, with_reason
from ..tui.figures.series import RECENT_S, eta_s, latency_quantiles, mean_rate, recent_rate, settled
from ..tui.words.format import clock, count, duration, latency, money, percent, plural, rate, took
from ..tui.words.limiting import shares_text, standing
from .draining import draining
from .facts import facts
from .say import LogFormat, say

LINE_S: Final = 5.0
_BAR_CELLS: Final = 10
"""What a bar, and the spaces around it, have at least."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a run, and where its results go."""

    log_format: LogFormat = "text"
    results: bool = False
    """Whether results go to standard output."""
    since: float = field(default_factory=time.time)
    """What happened before, seconds since the epoch, is no news."""
    several: bool = False
    """Whether other jobs are told of at the same time."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run asked of the server, of all that its job ever did."""

    requests: int
    cost: float


class Teller(Protocol):
    """Shows each snapshot of a job; entered while the job is followed."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def __call__(self, snapshot: Snapshot, *, sent: Sent | None = None) -> None:
        """Show one snapshot; `sent` comes with the last, when it is known."""
        ...


def teller(report: Report) -> Teller:
    """Return JSON lines where they are wanted, a bar for a terminal, and lines of text elsewhere."""
    if report.log_format == "json":
        return JsonLines(report.since)
    return Bar(report.since) if sys.stderr.isatty() and not report.several else TextLines(report.since)


class _News:
    """The events of this run that have not been told."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._last = 0

    def of(self, snapshot: Snapshot, *, ended: bool) -> list[Event]:
        """Return the new ones, oldest first; that the job has ended is told by its summary."""
        news = [event for event in snapshot.events if event.id > self._last and event.at >= self._since]
        if news:
            self._last = news[-1].id
        return [event for event in news if not (ended and event.message.startswith(snapshot.job.state))]


class TextLines:
    """One line an event, and one every few seconds."""

    def __init__(self, since: float) -> None:
        self._news = _News(since)
        self._next = time.monotonic() + LINE_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave nothing behind."""

    def __call__(self, snapshot: Snapshot, *, sent: Sent | None = None) -> None:
        """Print what is new."""
        for event in self._news.of(snapshot, ended=sent is not None):
            self.print(event_line(snapshot, event))
        if sent:
            say_summary(snapshot, sent)
        elif time.monotonic() >= self._next:
            self._next += LINE_S
            self.print(f"{clock(snapshot.taken_at)} {snapshot.job.name}: {progress(snapshot)}")

    def print(self, line: str) -> None:
        """Write one line."""
        print(line, file=sys.stderr, flush=True)


class JsonLines(TextLines):
    """One JSON object an event, and one every few seconds."""

    def __call__(self, snapshot: Snapshot, *, sent: Sent | None = None) -> None:
        """Print what is new."""
        for event in self._news.of(snapshot, ended=sent is not None):
            said = {"time": event.at, "job": snapshot.job.name, "level": event.level, "message": event.message}
            self.print(json.dumps({"type": "event", **said}))
        if sent:
            cost = None if snapshot.job.cost is None else sent.cost
            asked = {"requests_this_run": sent.requests, "cost_usd_this_run": cost}
            self.print(json.dumps({"type": "end", **facts(snapshot), **asked}))
        elif time.monotonic() >= self._next:
            self._next += LINE_S
            self.print(json.dumps({"type": "progress", **facts(snapshot)}))


class Bar:
    """A progress bar at the foot of the terminal, with the events above it."""

    def __init__(self, since: float) -> None:
        self._news = _News(since)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            console=Console(stderr=True),
            refresh_per_second=4,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def __call__(self, snapshot: Snapshot, *, sent: Sent | None = None) -> None:
        """Move the bar, and print events above it."""
        job = snapshot.job
        if self._task is None:
            self._task = self._progress.add_task(job.name, told="")
        for event in self._news.of(snapshot, ended=sent is not None):
            self._progress.console.print(event_line(snapshot, event), markup=False, highlight=False)
        told = progress(snapshot, self._progress.console.width - len(job.name) - _BAR_CELLS)
        total = None if job.open else max(1, job.total)
        self._progress.update(self._task, total=total, completed=job.done + job.failed, told=told)
        if sent:
            self._progress.stop()
            say_summary(snapshot, sent)


def event_line(snapshot: Snapshot, event: Event) -> str:
    """Return an event as a line of text."""
    level = "" if event.level == "info" else f"{event.level}: "
    return f"{clock(event.at)} {snapshot.job.name}: {level}{clean(event.message)}"


def progress(snapshot: Snapshot, width: float = math.inf) -> str:
    """Return in one line how a job is getting on, with as much of it as fits into `width` cells."""
    job = snapshot.job
    done = job.done + job.failed
    if job.state is JobState.LOADING:
        return job.reason or "looking at the input"
    if job.state is JobState.DRAINING:
        return f"{count(done)}/{count(job.total)}, {count(job.failed)} failed, {draining([snapshot])}"
    median, _, _ = latency_quantiles(snapshot, RECENT_S)
    speed = rate(recent_rate(snapshot, settled))
    where, share = f"{count(done)}/{count(job.total)}", " so far" if job.open else f" ({percent(done, job.total)})"
    speeds, eta = f"{speed} items/s, {count(job.failed)} failed", f"ETA {duration(eta_s(snapshot))}"
    why = ", ".join(filter(None, (eta, standing(snapshot, briefly=True))))
    texts = (
        f"{where}{share}, {speeds}, p50 {latency(median)}, {why}",
        f"{where}{share}, {speeds}, {why}",
        f"{where}, {speeds}, {why}",
        f"{where}{share}, {speeds}, {eta}",
        f"{where}, {speeds}, {eta}",
    )
    return next((text for text in texts if len(text) <= width), texts[-1])


def say_summary(snapshot: Snapshot, sent: Sent | None = None) -> None:
    """Tell where a job's time went, and how its run ended."""
    if went := shares_text(snapshot.job.spent):
        say(f"time went: {went}")
    say(summary(snapshot, sent))


def summary(snapshot: Snapshot, sent: Sent | None = None) -> str:
    """Return in one line how a run ended; what it sent itself is told apart where earlier runs sent something too."""
    job = snapshot.job
    cost = "" if job.cost is None else f", {money(job.cost)}"
    now, runs = "", ""
    if sent and sent.requests != job.requests:
        paid = "" if job.cost is None else f", {money(sent.cost)}"
        now, runs = f"{plural(sent.requests, 'request')}{paid} this time; ", " over all its runs"
    where = f" → {clean(job.output)}" if job.output else ""
    marks = [f"{count(job.cached)} by an equal one's answer"] if job.cached else []
    marks += [f"{count(job.cut)} cut short by the token limit"] if job.cut else []
    how = f" ({', '.join(marks)})" if marks else ""
    return (
        f"{job.name} {with_reason(job.state, clean(job.reason).rstrip('.'))}. {plural(job.done, 'item')} done{how},"
        f" {count(job.failed)} failed, {count(job.left)} left; {now}{plural(job.requests, 'request')} in"
        f" {took(job.active_s)}{runs} ({rate(mean_rate(job))} items/s){cost}{where}"
    )
