"""From samples to what charts and numbers show: values over time, recent rates, latencies, errors. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..engine.course import Counted
from ..engine.histogram import Histogram
from ..engine.slottime import IN_FLIGHT, shares
from ..engine.snapshot import ACTIVE, JobState, Sample, Snapshot
from .ranges import WINDOWS_S

Points: TypeAlias = tuple[float | None, ...]

RECENT_S: Final = 10.0
ETA_S: Final = 60.0
BRIDGED_S: Final = 15.0
"""A line is drawn across a gap this long, as a slow server answers only now and then."""
STALE_S: Final = 2.0
LATELY_S: Final = 60.0
SILENT_S: Final = 45.0
"""So long without an answer is worth a word."""
TRIAL: Final = "trial"
"""What slots spend their time on while one request tests a server first."""
_SENDING: Final = frozenset({JobState.RUNNING, JobState.DRAINING})
_MOVING: Final = frozenset({JobState.LOADING, JobState.RUNNING, JobState.DRAINING})


def end_of(snapshot: Snapshot) -> float:
    """Return the moment at the right edge of the charts: now while an engine moves the job, else its last sample."""
    moves = snapshot.job.state in _MOVING and snapshot.engine is not None
    if moves or not snapshot.samples:
        return snapshot.taken_at
    return snapshot.samples[-1].at


@dataclass(frozen=True, slots=True)
class Frame:
    """The span of time a chart shows, cut in bins that stay where they are while time passes."""

    start: float
    step_s: float
    bins: int
    seconds: float

    def bin_of(self, at: float) -> int:
        """Return the bin a moment falls in; it may lie outside of the frame."""
        return math.floor((at - self.start) / self.step_s)


def frame(snapshot: Snapshot, bins: int) -> Frame:
    """Return the frame that ends at the snapshot's last moment."""
    end = snapshot.course.run_s if snapshot.course else end_of(snapshot)
    first = snapshot.samples[0].at - snapshot.samples[0].span_s if snapshot.samples else end
    span_s = min(end if snapshot.course else end - first, snapshot.window_s)
    seconds = next((each for each in WINDOWS_S if each >= span_s), WINDOWS_S[-1])
    step = seconds / max(1, bins)
    return Frame((math.ceil(end / step) - bins) * step, step, bins, seconds)


def shown(snapshot: Snapshot) -> Sequence[Counted]:
    """Return what the charts are drawn from: the samples of the range shown, or the points of the whole course."""
    return snapshot.course.points if snapshot.course else recent(snapshot, snapshot.window_s)


def rates(samples: Sequence[Counted], within: Frame, pick: Callable[[Counted], float]) -> Points:
    """Return what `pick` counts, a second, in each bin; a sample is spread over the bins it spans."""
    sums, covered = [0.0] * within.bins, [0.0] * within.bins
    for sample in samples:
        amount, begin = pick(sample), sample.at - sample.span_s
        for i in _bins(sample, within):
            left = within.start + i * within.step_s
            shared = min(sample.at, left + within.step_s) - max(begin, left)
            covered[i] += shared
            sums[i] += amount * shared / sample.span_s
    # A sliver of a sample at the edge of a bin says nothing about the whole bin.
    least = min(0.2, within.step_s / 4)
    return bridged(tuple(s / c if c > least else None for s, c in zip(sums, covered, strict=True)), within)


def quantiles(samples: Sequence[Counted], within: Frame, fractions: Sequence[float]) -> tuple[Points, ...]:
    """Return the latency in ms at each fraction, for each bin."""
    parts: list[list[Histogram]] = [[] for _ in range(within.bins)]
    for sample in samples:
        if sample.latency.total:
            for i in _bins(sample, within):
                parts[i].append(sample.latency)
    merged = [Histogram.merged(part) if part else None for part in parts]
    return tuple(
        bridged(tuple(each.quantile(fraction) if each else None for each in merged), within) for fraction in fractions
    )


def _bins(sample: Counted, within: Frame) -> range:
    first = max(0, within.bin_of(sample.at - sample.span_s))
    return range(first, min(within.bins - 1, within.bin_of(sample.at)) + 1) if sample.span_s > 0 else range(0)


def bridged(points: Points, within: Frame) -> Points:
    """Return the points with short gaps between two of them filled by a straight line."""
    filled = list(points)
    before: int | None = None
    for i, value in enumerate(points):
        if value is None:
            continue
        if before is not None and 1 < i - before <= BRIDGED_S / within.step_s + 1:
            start = points[before] or 0.0
            for j in range(before + 1, i):
                filled[j] = start + (value - start) * (j - before) / (i - before)
        before = i
    return tuple(filled)


def changes(snapshot: Snapshot, within: Frame) -> tuple[int, ...]:
    """Return the bins in which a setting changed."""
    course = snapshot.course
    found = {within.bin_of(course.run_at(each.at) if course else each.at) for each in snapshot.changes}
    return tuple(sorted(i for i in found if 0 <= i < within.bins))


def recent(snapshot: Snapshot, seconds: float) -> tuple[Sample, ...]:
    """Return the samples of the last `seconds`."""
    since = end_of(snapshot) - seconds
    return tuple(sample for sample in snapshot.samples if sample.at > since)


def recent_rate(snapshot: Snapshot, pick: Callable[[Sample], float], seconds: float = RECENT_S) -> float | None:
    """Return what `pick` counts, a second, lately; time without samples counts as time, None is for no samples."""
    if not snapshot.samples:
        return None
    begin = snapshot.samples[0].at - snapshot.samples[0].span_s
    shown = recent(snapshot, seconds)
    since = min(shown[0].at - shown[0].span_s, end_of(snapshot) - seconds) if shown else end_of(snapshot) - seconds
    passed = end_of(snapshot) - max(since, begin)
    return sum(map(pick, shown)) / passed if passed > 0 else None


def shown_rate(snapshot: Snapshot, pick: Callable[[Counted], float]) -> float | None:
    """Return what `pick` counts, a second, in all that the charts show."""
    if snapshot.course is None:
        return recent_rate(snapshot, pick, snapshot.window_s)
    run_s = snapshot.course.run_s
    return sum(map(pick, snapshot.course.points)) / run_s if run_s > 0 else None


def settled(sample: Counted) -> int:
    """Return how many items ended in a sample, well or badly."""
    return sample.items + sample.failed


def eta_s(snapshot: Snapshot) -> float | None:
    """Return the seconds until no item is left at the recent rate, or None while that can't be told.

    Time in which the job was paused, had no engine, or tried a new server first, says nothing of its rate.
    """
    if snapshot.job.state is not JobState.RUNNING or snapshot.engine is None:
        return None
    running = [sample for sample in recent(snapshot, ETA_S) if sample.target]
    span = sum(sample.span_s * (1 - dict(shares(sample.spent)).get(TRIAL, 0.0)) for sample in running)
    speed = sum(map(settled, running)) / span if span > 0 else None
    return snapshot.job.left / speed if speed else None


def latency_quantiles(snapshot: Snapshot, seconds: float) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in ms over the last `seconds`."""
    return _three(recent(snapshot, seconds))


def shown_quantiles(snapshot: Snapshot) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in ms over all that the charts show."""
    return _three(shown(snapshot))


def _three(samples: Sequence[Counted]) -> tuple[float | None, float | None, float | None]:
    merged = Histogram.merged(sample.latency for sample in samples)
    return merged.quantile(0.5), merged.quantile(0.95), merged.quantile(0.99)


def span_shown(snapshot: Snapshot) -> str:
    """Return how much time the charts show, as in `last 5 min`."""
    if snapshot.course:
        return "whole run"
    seconds = frame(snapshot, 1).seconds
    return f"last {seconds / 60:g} min" if seconds > 60 else "last 60 s"


def errors_in(samples: Sequence[Counted]) -> dict[str, int]:
    """Return how often each kind of error stands in the samples."""
    counts: dict[str, int] = {}
    for sample in samples:
        for kind, number in sample.errors.items():
            counts[kind] = counts.get(kind, 0) + number
    return counts


def spent_lately(snapshot: Snapshot, seconds: float = LATELY_S) -> dict[str, float]:
    """Return the slot-seconds of the last `seconds`, by what they were spent on."""
    sums: dict[str, float] = {}
    for sample in recent(snapshot, seconds):
        for what, spent in sample.spent.items():
            sums[what] = sums.get(what, 0.0) + spent
    return sums


def silent_s(snapshot: Snapshot) -> float:
    """Return for how long the server has answered nothing, 0 while that is short, or nothing waits for an answer."""
    if not is_live(snapshot) or snapshot.job.state not in _SENDING or stale(snapshot) or not snapshot.samples:
        return 0.0
    since = snapshot.samples[-1].at
    for sample in reversed(snapshot.samples):
        if sample.requests or not sample.spent.get(IN_FLIGHT):
            break
        since = sample.at - sample.span_s
    passed = snapshot.samples[-1].at - since
    return snapshot.taken_at - since if passed >= SILENT_S else 0.0


def is_live(snapshot: Snapshot) -> bool:
    """Return whether an engine has the job in hand, so that its dials do something."""
    return snapshot.job.state in ACTIVE and snapshot.engine is not None


def in_flight(snapshot: Snapshot) -> int:
    """Return how many batches were in flight when last counted."""
    return snapshot.samples[-1].in_flight if snapshot.samples else 0


def stale(snapshot: Snapshot) -> str:
    """Return `no engine` or `stalled 7 s` for an active job that nobody moves, else an empty text."""
    if snapshot.job.state not in ACTIVE:
        return ""
    if snapshot.engine is None:
        return "no engine"
    age = snapshot.taken_at - snapshot.engine.heartbeat_at
    return f"stalled {int(age)} s" if age > STALE_S else ""
