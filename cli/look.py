"""Shows the jobs of a workspace in a terminal or as JSON: ps, status."""

import json
import time
from argparse import Namespace
from collections.abc import Iterable

from rich.text import Text

from ..engine.histogram import Histogram
from ..engine.settings import DIALS, show
from ..engine.snapshot import ACTIVE, JobRow, Sample, Snapshot
from ..engine.store.lock import owner
from ..engine.store.reader import Reader
from ..tui.format import count, duration, latency, money, percent, rate
from .table import new_table, show_table

RECENT_S = 10.0


def ps(options: Namespace) -> int:
    """List the jobs."""
    with Reader(options.db) as reader:
        jobs = reader.jobs()
        recent = {job.name: _recent(reader, job.name) for job in jobs if job.state in ACTIVE}
    alive = owner(options.db) is not None
    if options.json:
        for job in jobs:
            print(json.dumps(_job_facts(job, alive=alive)))
        return 0
    if not jobs:
        print("no jobs yet: `batchtop run JOB.toml`")
        return 0
    table = new_table("JOB", "STATE", "DONE", "FAILED", "LEFT", "ITEMS/S", "ETA", "COST")
    for job in jobs:
        speed = items_per_second(recent.get(job.name, ()))
        cells = (
            job.name,
            state_word(job, alive=alive),
            f"{count(job.done)} ({percent(job.done, job.total)})",
            count(job.failed),
            count(job.left),
            rate(speed),
            duration(job.left / speed if speed else None),
            money(job.cost),
        )
        table.add_row(*map(Text, cells))
    show_table(table)
    return 0


def status(options: Namespace) -> int:
    """Show one job."""
    with Reader(options.db) as reader:
        snapshot = reader.snapshot(reader.known_job(options.job).name, RECENT_S)
    assert snapshot is not None, "a known job has a snapshot"  # noqa: S101
    alive = owner(options.db) is not None
    if options.json:
        print(json.dumps(facts(snapshot, alive=alive)))
    else:
        for line in _lines(snapshot, alive=alive):
            print(line)
    return 0


def state_word(job: JobRow, *, alive: bool) -> str:
    """Return the job's state; one that an engine left behind is no longer what its row says."""
    return job.state.value if alive or job.state not in ACTIVE else f"{job.state} (no engine)"


def items_per_second(samples: Iterable[Sample]) -> float | None:
    """Return the mean rate over some samples, None where there are none."""
    samples = tuple(samples)
    span = sum(sample.span_s for sample in samples)
    return sum(sample.items + sample.failed for sample in samples) / span if span else None


def _recent(reader: Reader, name: str) -> tuple[Sample, ...]:
    snapshot = reader.snapshot(name, RECENT_S)
    return snapshot.samples if snapshot else ()


def _job_facts(job: JobRow, *, alive: bool) -> dict[str, object]:
    return {
        "job": job.name,
        "state": job.state.value,
        "engine": alive,
        "reason": job.reason,
        "exit_code": job.exit_code,
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "left": job.left,
        "requests": job.requests,
        "errors": dict(job.errors),
        "tokens_in": job.tokens_in,
        "tokens_out": job.tokens_out,
        "cost_usd": job.cost,
        "active_s": round(job.active_s, 3),
    }


def facts(snapshot: Snapshot, *, alive: bool) -> dict[str, object]:
    """Return what a machine may want to know of one job, every number with its unit in its name."""
    histogram = Histogram.merged(sample.latency for sample in snapshot.samples)
    speed = items_per_second(snapshot.samples) if snapshot.job.state in ACTIVE else None
    return {
        **_job_facts(snapshot.job, alive=alive),
        "time": round(time.time(), 3),
        "items_per_s": speed and round(speed, 3),
        "eta_s": speed and round(snapshot.job.left / speed, 1),
        "latency_ms": {
            name: _rounded(histogram.quantile(q)) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "in_flight": snapshot.samples[-1].in_flight if snapshot.samples else 0,
        "settings": {key: getattr(snapshot.dials.settings, key) for key in DIALS},
        "origins": dict(snapshot.dials.origins),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _lines(snapshot: Snapshot, *, alive: bool) -> Iterable[str]:
    job = snapshot.job
    histogram = Histogram.merged(sample.latency for sample in snapshot.samples)
    speed = items_per_second(snapshot.samples)
    yield f"{job.name}: {state_word(job, alive=alive)}{': ' if job.reason else ''}{job.reason}"
    done = f"{count(job.done)} of {count(job.total)} done ({percent(job.done, job.total)})"
    yield f"  items      {done}, {count(job.failed)} failed, {count(job.left)} left"
    median, high = latency(histogram.quantile(0.5)), latency(histogram.quantile(0.95))
    yield f"  speed      {rate(speed)} items/s, p50 {median}, p95 {high} (last {RECENT_S:g} s of the run)"
    yield f"  requests   {count(job.requests)}, {count(sum(job.errors.values()))} of them failed"
    yield f"  tokens     {count(job.tokens_in)} in, {count(job.tokens_out)} out, {money(job.cost)}"
    yield f"  time       {duration(job.active_s)} running"
    for key, origin in snapshot.dials.origins.items():
        yield f"  {key:<14} {show(key, getattr(snapshot.dials.settings, key)):<12} {origin}"
