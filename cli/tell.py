"""How a run is told of on standard error: a progress bar, lines of text, or lines of JSON."""

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ..engine.snapshot import Event, JobState, Snapshot
from ..engine.text import clean
from ..tui.format import clock, count, duration, latency, money, percent, plural, rate
from ..tui.limiting import shares_text, standing
from ..tui.series import RECENT_S, eta_s, latency_quantiles, recent_rate, settled
from .draining import flying
from .facts import facts, mean_rate
from .say import LogFormat, say

LINE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a run, and where its results go."""

    log_format: LogFormat = "text"
    results: bool = False
    """Whether results go to standard output."""
    since: float = field(default_factory=time.time)
    """What happened before, seconds since the epoch, is no news."""


class Teller(Protocol):
    """Shows each snapshot of a job; entered while the job is followed."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def __call__(self, snapshot: Snapshot, *, ended: bool) -> None:
        """Show one snapshot; `ended` says that it is the last."""
        ...


def teller(report: Report) -> Teller:
    """Return JSON lines where they are wanted, a bar for a terminal, and lines of text elsewhere."""
    if report.log_format == "json":
        return JsonLines(report.since)
    return Bar(report.since) if sys.stderr.isatty() else TextLines(report.since)


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

    def __call__(self, snapshot: Snapshot, *, ended: bool) -> None:
        """Print what is new."""
        for event in self._news.of(snapshot, ended=ended):
            self.print(event_line(snapshot, event))
        if ended:
            say_summary(snapshot)
        elif time.monotonic() >= self._next:
            self._next += LINE_S
            self.print(f"{clock(snapshot.taken_at)} {snapshot.job.name}: {progress(snapshot)}")

    def print(self, line: str) -> None:
        """Write one line."""
        print(line, file=sys.stderr, flush=True)


class JsonLines(TextLines):
    """One JSON object an event, and one every few seconds."""

    def __call__(self, snapshot: Snapshot, *, ended: bool) -> None:
        """Print what is new."""
        for event in self._news.of(snapshot, ended=ended):
            said = {"time": event.at, "job": snapshot.job.name, "level": event.level, "message": event.message}
            self.print(json.dumps({"type": "event", **said}))
        if ended or time.monotonic() >= self._next:
            self._next += LINE_S
            self.print(json.dumps({"type": "end" if ended else "progress", **facts(snapshot)}))


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

    def __call__(self, snapshot: Snapshot, *, ended: bool) -> None:
        """Move the bar, and print events above it."""
        job = snapshot.job
        if self._task is None:
            self._task = self._progress.add_task(job.name, told="")
        for event in self._news.of(snapshot, ended=ended):
            self._progress.console.print(event_line(snapshot, event), markup=False, highlight=False)
        self._progress.update(
            self._task, total=max(1, job.total), completed=job.done + job.failed, told=progress(snapshot)
        )
        if ended:
            self._progress.stop()
            say_summary(snapshot)


def event_line(snapshot: Snapshot, event: Event) -> str:
    """Return an event as a line of text."""
    level = "" if event.level == "info" else f"{event.level}: "
    return f"{clock(event.at)} {snapshot.job.name}: {level}{clean(event.message)}"


def progress(snapshot: Snapshot) -> str:
    """Return in one line how a job is getting on."""
    job = snapshot.job
    done = job.done + job.failed
    if job.state is JobState.LOADING:
        return job.reason or "looking at the input"
    if job.state is JobState.DRAINING:
        return f"{count(done)}/{count(job.total)}, {count(job.failed)} failed, draining {flying([snapshot])}"
    median, _, _ = latency_quantiles(snapshot, RECENT_S)
    speed = rate(recent_rate(snapshot, settled))
    why = standing(snapshot, briefly=True)
    return (
        f"{count(done)}/{count(job.total)} ({percent(done, job.total)}), {speed} items/s,"
        f" {count(job.failed)} failed, p50 {latency(median)}, ETA {duration(eta_s(snapshot))}{why and f', {why}'}"
    )


def say_summary(snapshot: Snapshot) -> None:
    """Tell where a run's time went, and how it ended."""
    if went := shares_text(snapshot.job.spent):
        say(f"time went: {went}")
    say(summary(snapshot))


def summary(snapshot: Snapshot) -> str:
    """Return in one line how a run ended."""
    job = snapshot.job
    cost = "" if job.cost is None else f", {money(job.cost)}"
    why = f": {clean(job.reason).rstrip('.')}" if job.reason else ""
    where = f" → {job.output}" if job.output else ""
    marks = [f"{count(job.cached)} by an equal one's answer"] if job.cached else []
    marks += [f"{count(job.cut)} cut short by the token limit"] if job.cut else []
    how = f" ({', '.join(marks)})" if marks else ""
    return (
        f"{job.name} {job.state}{why}. {plural(job.done, 'item')} done{how},"
        f" {count(job.failed)} failed, {count(job.left)} left; {plural(job.requests, 'request')} in"
        f" {duration(job.active_s)} ({rate(mean_rate(job))} items/s){cost}{where}"
    )
