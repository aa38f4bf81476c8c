"""From a snapshot to the numbers of the screens: recent rates, latencies, errors, and whether they still hold. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from ...engine.course import Counted
from ...engine.histogram import Histogram
from ...engine.slottime import IN_FLIGHT, shares
from ...engine.snapshot import ACTIVE, JobRow, JobState, Sample, Snapshot

RECENT_S: Final = 10.0
ETA_S: Final = 60.0
STALE_S: Final = 2.0
GAP_S: Final = 0.1
"""A run's samples follow each other at once; before it, an engine has to start, or a job to be loaded."""
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


def shown(snapshot: Snapshot) -> Sequence[Counted]:
    """Return what the charts are drawn from: the samples of the range shown, or the points of the whole course."""
    return snapshot.course.points if snapshot.course else recent(snapshot, snapshot.window_s)


def recent(snapshot: Snapshot, seconds: float) -> tuple[Sample, ...]:
    """Return the samples of the last `seconds`."""
    return snapshot.samples[bisect_right(snapshot.samples, end_of(snapshot) - seconds, key=_ended_at) :]


def _ended_at(sample: Sample) -> float:
    return sample.at


def recent_rate(snapshot: Snapshot, pick: Callable[[Sample], float], seconds: float = RECENT_S) -> float | None:
    """Return what `pick` counts, a second, lately; time without samples counts as time, None is for no samples."""
    if not snapshot.samples:
        return None
    begin, end = snapshot.samples[0].at - snapshot.samples[0].span_s, _told_until(snapshot)
    shown = snapshot.samples[bisect_right(snapshot.samples, end - seconds, key=_ended_at) :]
    since = min(shown[0].at - shown[0].span_s, end - seconds) if shown else end - seconds
    passed = end - max(since, begin)
    return sum(map(pick, shown)) / passed if passed > 0 else None


def _told_until(snapshot: Snapshot) -> float:
    """Return until when the samples tell what happened: the last one's end, unless the next one is late."""
    last, end = snapshot.samples[-1].at, end_of(snapshot)
    return last if end - last <= STALE_S else end


def shown_rate(snapshot: Snapshot, pick: Callable[[Counted], float]) -> float | None:
    """Return what `pick` counts, a second, in all that the charts show."""
    if snapshot.course is None:
        return recent_rate(snapshot, pick, snapshot.window_s)
    run_s = snapshot.course.run_s
    return sum(map(pick, snapshot.course.points)) / run_s if run_s > 0 else None


def settled(sample: Counted) -> int:
    """Return how many items ended in a sample, well or badly."""
    return sample.items + sample.failed


def mean_rate(job: JobRow) -> float | None:
    """Return the items that were asked and ended in a second, over all the time the job ran; copies take none."""
    return job.asked / job.active_s if job.active_s > 0 else None


def eta_s(snapshot: Snapshot) -> float | None:
    """Return the seconds until no item is left at the recent rate, or None while that can't be told.

    Time in which the job was paused, or tried a new server first, says nothing of its rate; nor does a stalled engine,
    or an earlier run, which may have had other items and settings.
    """
    if snapshot.job.state is not JobState.RUNNING or snapshot.job.open or stale(snapshot):
        return None
    running = [sample for sample in _of_this_run(recent(snapshot, ETA_S)) if sample.target]
    span = sum(sample.span_s * (1 - dict(shares(sample.spent)).get(TRIAL, 0.0)) for sample in running)
    speed = sum(map(settled, running)) / span if span > 0 else None
    return snapshot.job.left / speed if speed else None


def _of_this_run(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Return the last of the samples, which follow each other without a gap."""
    gaps = (number for number in range(len(samples) - 1, 0, -1) if _gap_s(*samples[number - 1 : number + 1]) > GAP_S)
    return samples[next(gaps, 0) :]


def _gap_s(earlier: Sample, later: Sample) -> float:
    return later.at - later.span_s - earlier.at


def latency_quantiles(snapshot: Snapshot, seconds: float) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in ms over the last `seconds`."""
    return three(merged(recent(snapshot, seconds)))


def shown_quantiles(snapshot: Snapshot) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in ms over all that the charts show."""
    return three(merged(shown(snapshot)))


def first_quantiles(samples: Sequence[Counted]) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in ms of when answers began; None where none was streamed."""
    return three(Histogram.merged(sample.first for sample in samples))


def merged(samples: Sequence[Counted]) -> Histogram:
    """Return the latencies of the samples together."""
    return samples[0].latency if len(samples) == 1 else Histogram.merged(sample.latency for sample in samples)


def three(latency: Histogram) -> tuple[float | None, float | None, float | None]:
    """Return p50, p95 and p99 in ms."""
    return latency.quantile(0.5), latency.quantile(0.95), latency.quantile(0.99)


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


def flying(snapshot: Snapshot) -> int | None:
    """Return how many batches are in flight, None where nobody counts them at the moment."""
    return None if stale(snapshot) or not snapshot.samples else in_flight(snapshot)


def stale(snapshot: Snapshot) -> str:
    """Return `no engine` or `stalled 7 s` for an active job that nobody moves, else an empty text."""
    if snapshot.job.state not in ACTIVE:
        return ""
    if snapshot.engine is None:
        return "no engine"
    age = snapshot.taken_at - snapshot.engine.heartbeat_at
    return f"stalled {int(age)} s" if age > STALE_S else ""
