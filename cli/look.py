"""Shows the jobs of a workspace in a terminal or as JSON: ps, status."""

import json
from argparse import Namespace
from collections.abc import Iterator

from rich.text import Text

from ..engine.settings import show
from ..engine.snapshot import ACTIVE, JobRow, JobState, LaneState, Snapshot
from ..engine.store.lock import owner
from ..engine.text import clean, with_reason
from ..tui.figures.series import ETA_S, RECENT_S, eta_s, is_live, latency_quantiles, mean_rate, recent_rate, settled
from ..tui.words.format import count, duration, latency, money, percent, plural, rate, took, words
from ..tui.words.lane import countdown, items_of, quotas, shares, source_of
from ..tui.words.limiting import shares_text, standing
from .facts import facts, job_facts
from .opened import opened
from .table import new_table, show_table


def ps(options: Namespace) -> int:
    """List the jobs."""
    with opened(options.db) as reader:
        jobs = reader.jobs()
        live = {job.name: reader.snapshot(job.name, ETA_S) for job in jobs if job.state in ACTIVE}
    alive = owner(options.db) is not None
    if options.json:
        for job in jobs:
            print(json.dumps(job_facts(job, alive=alive)))
        return 0
    if not jobs:
        print("no jobs yet: `batchtop run JOB.toml` runs one")
        return 0
    table = new_table("JOB", "STATE", "DONE", "", "FAILED", "LEFT", "ITEMS/S", "ETA", "COST")
    for job in jobs:
        table.add_row(*map(Text, _cells(job, live.get(job.name), alive=alive)))
    show_table(table)
    return 0


def status(options: Namespace) -> int:
    """Show one job."""
    with opened(options.db) as reader:
        snapshot = reader.snapshot(reader.known_job(options.job).name)
    assert snapshot is not None, "a known job has a snapshot"  # noqa: S101
    if options.json:
        print(json.dumps(facts(snapshot)))
    else:
        print("\n".join(_lines(snapshot)))
    return 0


def _cells(job: JobRow, live: Snapshot | None, *, alive: bool) -> tuple[str, ...]:
    speed, eta = (recent_rate(live, settled), eta_s(live)) if live and is_live(live) else (None, None)
    return (
        job.name,
        _state(job, alive=alive),
        count(job.done),
        percent(job.done + job.failed, job.whole),
        count(job.failed),
        "-" if job.state is JobState.LOADING else count(job.left),
        rate(speed),
        duration(eta),
        money(job.cost),
    )


def _state(job: JobRow, *, alive: bool) -> str:
    """Return the job's state; what an engine left behind as active is in nobody's hands."""
    return job.state.value if alive or job.state not in ACTIVE else "no engine"


def _lines(snapshot: Snapshot) -> Iterator[str]:
    job = snapshot.job
    ended = job.done + job.failed
    items = f"{count(ended)} of {count(job.total)} ({'so far' if job.open else percent(ended, job.total)})"
    yield f"{job.name}: {with_reason(_state(job, alive=snapshot.engine is not None), clean(job.reason))}"
    yield f"  items      {items}, {count(job.failed)} failed, {count(job.left)} left"
    yield f"  speed      {_speed(snapshot)}"
    kinds = ", ".join(f"{count(number)} {words(kind)}" for kind, number in job.errors.items())
    yield f"  requests   {count(job.requests)}, of which badly ended: {kinds or 'none'}"
    yield f"  tokens     {count(job.tokens_in)} in, {count(job.tokens_out)} out, {money(job.cost)}"
    if job.cached:
        yield f"  not asked  {plural(job.cached, 'item')} with the answer of an equal one"
    if job.unsure:
        yield f"  unsure     {plural(job.unsure, 'item')} may have been billed though no answer is kept"
    if job.cut:
        yield f"  cut short  {plural(job.cut, 'answer')}, by the token limit"
    yield f"  time       {took(job.active_s)} running"
    if job.spent:
        yield f"  time went  {shares_text(job.spent)}"
    if why := standing(snapshot, briefly=False):
        yield f"  now        {why}"
    yield from (_lane(lane, snapshot) for lane in snapshot.lanes)
    yield f"  output     {clean(job.output) or 'in the workspace: `batchtop export`'}"
    for key, origin in snapshot.dials.origins.items():
        yield f"  {key:<17} {show(key, getattr(snapshot.dials.settings, key)):<12} {origin}"


def _speed(snapshot: Snapshot) -> str:
    """Return how fast the job is now, or how fast it was on the whole."""
    if not is_live(snapshot):
        return f"{rate(mean_rate(snapshot.job))} items/s over all its runs"
    median, high, _ = latency_quantiles(snapshot, RECENT_S)
    now = f"{rate(recent_rate(snapshot, settled))} items/s, p50 {latency(median)}, p95 {latency(high)}"
    return f"{now} (last {RECENT_S:g} s), ETA {duration(eta_s(snapshot))}"


def _lane(lane: LaneState, snapshot: Snapshot) -> str:
    used = [
        f"{name} {count(amount)}{f' of {count(limit)}' if limit else ''}" for name, _, amount, limit in quotas(lane)
    ]
    source = source_of(lane)
    wait = countdown(lane, snapshot.taken_at) if is_live(snapshot) else ""
    state = ", ".join(part for part in (clean(lane.state), wait) if part)
    why = f": {clean(lane.reason)}" if lane.reason else ""
    limits = f" ({source})" if source else ""
    did = "".join(f", {told}" for told in shares(lane, items_of(snapshot.lanes)))
    return (
        f"  lane       {clean(lane.name)}, {', '.join(used)}{limits}, {count(lane.hits_429)} × 429{did}, {state}{why}"
    )
