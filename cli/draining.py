"""What jobs still have in flight, in words: how much, and for about how long."""

import math
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..engine.errors import BatchtopError
from ..engine.snapshot import JobState, Snapshot
from ..tui.figures.series import ETA_S, in_flight, latency_quantiles
from ..tui.words.format import count, duration
from .opened import opened

AFAR: Final = "openai_batch"
"""The type of jobs whose batches go on at the provider."""


def draining(snapshots: Collection[Snapshot]) -> str:
    """Return `draining 12 batches in flight, about 3 s`, or what is left at the provider instead; pure."""
    afar = [snapshot for snapshot in snapshots if _is_afar(snapshot)]
    here = [snapshot for snapshot in snapshots if not _is_afar(snapshot)]
    left = f"leaving {_batches(afar, 'at the provider')} for the next run to collect" if afar else ""
    return ", ".join(filter(None, (f"draining {flying(here)}" if here or not afar else "", left)))


def _is_afar(snapshot: Snapshot) -> bool:
    """Tell whether what a job has in flight goes on without an engine, so that a drain need not wait for it."""
    return snapshot.job.task == AFAR and snapshot.job.state is not JobState.LOADING


def _batches(snapshots: Collection[Snapshot], where: str) -> str:
    number = sum(map(in_flight, snapshots))
    return f"{count(number)} {'batch' if number == 1 else 'batches'} {where}" if number else f"what is {where}"


def flying(snapshots: Collection[Snapshot], *, timed: bool = True) -> str:
    """Return `12 batches in flight, about 3 s`, or what else is at work where nobody has counted any; pure."""
    if snapshots and all(snapshot.job.state is JobState.LOADING for snapshot in snapshots):
        return "the reading of the input"
    told = _batches(snapshots, "in flight")
    lasts = max(map(_lasts, snapshots), default=("", 0.0), key=lambda each: each[1]) if timed else ("", 0.0)
    return f"{told}, {lasts[0]} {duration(lasts[1])}" if lasts[1] else told


def _lasts(snapshot: Snapshot) -> tuple[str, float]:
    """Return for how long answers may be waited for, whole seconds, and whether that is known or only bounded.

    Most answers take the p95 of the last minute at most; behind it, and where none has come, the timeout ends the wait.
    """
    passed = snapshot.taken_at - _begun_at(snapshot)
    _, usual_ms, _ = latency_quantiles(snapshot, ETA_S)
    most_s = snapshot.dials.settings.timeout
    usual_s = min(most_s, (usual_ms or 0.0) / 1000) - passed
    return ("about", math.ceil(usual_s)) if usual_s > 0 else ("up to", max(0, math.ceil(most_s - passed)))


def _begun_at(snapshot: Snapshot) -> float:
    """Return when the drain began, now where it is about to."""
    if snapshot.job.state is not JobState.DRAINING:
        return snapshot.taken_at
    told = (event.at for event in reversed(snapshot.events) if event.message.startswith(JobState.DRAINING))
    return next(told, snapshot.taken_at)


def seen_in(path: Path, names: Collection[str]) -> list[Snapshot]:
    """Return some jobs of a workspace; one that can't be read is no reason not to go on."""
    found: list[Snapshot | None] = []
    with suppress(BatchtopError, OSError), opened(path) as reader:
        found = [reader.snapshot(name, ETA_S) for name in names]
    return [snapshot for snapshot in found if snapshot]
