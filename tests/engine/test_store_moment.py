"""A moment of the past is told as it was then: the totals, the settings, the events, the lanes."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from batchtop.engine.redo import Redo
from batchtop.engine.settings import Layer, resolve
from batchtop.engine.snapshot import Change, JobRow, JobState, Sample, Snapshot
from batchtop.engine.store import record
from batchtop.engine.store.moment import dials_at
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.record import Log
from batchtop.engine.store.writer import Writer

from .desk import Desk, failing
from .test_store_course import sample
from .workshop import job_of, registered

BEGIN = 1_000.0


def at_second(second: int) -> Sample:
    """Return a second of a job that fails now and then, and is paused from 40 to 50."""
    target = 0 if 40 <= second < 50 else 4
    failed = 1 if target and second % 7 == 0 else 0
    spent = {"in_flight": 2.5, "rpm": 0.5} if target else {"paused": 4.0}
    return replace(sample(BEGIN + second, target), failed=failed, cost=0.001, spent=spent)


async def write(writer: Writer, job: int, each: Sample) -> None:
    """Write a second as the engine does: the sample, and the totals it adds to."""
    Log(writer, job).sample(each)
    tally = writer.tally(job)
    tally.items += each.items
    tally.failed += each.failed
    tally.requests += each.requests
    tally.errors.update(each.errors)
    tally.tokens_in += each.tokens_in
    tally.tokens_out += each.tokens_out
    tally.cost += each.cost
    tally.spend(each.spent)
    await writer.flush()


def now(reader: Reader) -> Snapshot:
    shot = reader.snapshot("job")
    assert shot is not None
    return shot


def counts(row: JobRow) -> tuple[int, ...]:
    return row.total, row.done, row.failed, row.cut, row.requests, row.tokens_in, row.tokens_out, row.asked


def totals(row: JobRow) -> tuple[object, ...]:
    spent = {what: round(seconds, 6) for what, seconds in row.spent.items() if seconds}
    return (*counts(row), round(row.cost or 0, 6), round(row.active_s, 6), dict(row.errors), spent)


def forget_totals(workspace: Path) -> None:
    """Leave the samples as an older version wrote them."""
    with closing(sqlite3.connect(workspace)) as db, db:
        db.execute("UPDATE samples SET job_total = NULL, job_done = NULL, job_failed = NULL")


@pytest.mark.parametrize("old", [False, True])
async def test_a_moment_has_the_totals_that_were_told_then(writer: Writer, workspace: Path, *, old: bool) -> None:
    job = await registered(writer, job_of(workspace))
    told: dict[int, Snapshot] = {}
    with Reader(workspace) as reader:
        for second in range(90):
            await write(writer, job, at_second(second))
            if second % 11 == 0:
                told[second] = now(reader)
        if old:
            forget_totals(workspace)
        for second, before in told.items():
            then = reader.moment("job", BEGIN + second + 0.4)
            assert then is not None
            assert then.moment == then.taken_at == BEGIN + second
            assert totals(then.job) == totals(before.job), second
            assert [each.at for each in then.samples] == [each.at for each in before.samples]
            assert then.job.state is (JobState.PAUSED if 40 <= second < 50 else JobState.RUNNING)


@pytest.mark.parametrize("redo", [Redo.kinds([]), Redo(fresh=True)], ids=["a retry", "afresh"])
async def test_what_is_done_again_leaves_the_moments_before_it_as_they_were(tmp_path: Path, redo: Redo) -> None:
    desk = Desk(tmp_path)
    desk.provider.answer = failing("text 1", "text 3")
    await desk.run()
    before = desk.snapshot()
    desk.provider.answer = failing("text 1")
    await desk.run(redo=redo)
    after = desk.snapshot()
    assert (before.job.done, before.job.failed, after.job.done, after.job.failed) == (98, 2, 99, 1)
    with Reader(desk.workspace) as reader:
        then, last = (reader.moment("job", shot.samples[-1].at) for shot in (before, after))
    assert then is not None
    assert last is not None
    assert counts(then.job) == counts(before.job)
    assert counts(last.job) == counts(after.job)


async def test_a_moment_before_the_input_grew_has_the_items_of_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.run()
    at = desk.snapshot().samples[-1].at
    desk.rows(130)
    await desk.run()
    with Reader(desk.workspace) as reader:
        then = reader.moment("job", at)
    assert then is not None
    assert (then.job.total, then.job.done, then.job.left) == (100, 100, 0)


async def test_a_moment_before_the_first_sample_is_that_sample_and_a_job_without_any_is_as_it_is(
    writer: Writer, workspace: Path
) -> None:
    job = await registered(writer, job_of(workspace))
    with Reader(workspace) as reader:
        bare = reader.moment("job", BEGIN)
        assert bare is not None
        assert (bare.moment, bare.job.state) == (None, JobState.QUEUED)
        assert reader.moment("nobody", BEGIN) is None
        await write(writer, job, at_second(0))
        await write(writer, job, at_second(1))
        then = reader.moment("job", 5.0)
    assert then is not None
    assert then.moment == BEGIN


async def test_settings_events_and_changes_are_those_of_the_moment(writer: Writer, workspace: Path) -> None:
    spec = job_of(workspace)
    job = await registered(writer, spec)
    record.save_dials(writer, job, resolve(spec.layers), ())
    log = Log(writer, job)
    for second in range(10):
        log.event(BEGIN + second, "info", f"event {second}")
        log.sample(at_second(second))
    log.change(BEGIN + 4.5, "you", "concurrency", 4, 9)
    log.change(BEGIN + 6.5, "tuner", "concurrency", 9, 12)
    await writer.flush()
    with Reader(workspace) as reader:
        then = reader.moment("job", BEGIN + 5)
    assert then is not None
    assert [event.message for event in then.events] == [f"event {second}" for second in range(6)]
    assert [change.new for change in then.changes] == [9]
    assert (then.dials.settings.concurrency, then.dials.origins["concurrency"]) == (9, "live: you")


def test_settings_go_back_change_by_change() -> None:
    current = resolve((Layer("job file", {"concurrency": 12, "delay": 1.0}),))
    changes = (
        Change(1.0, "you", "concurrency", 4, 9),
        Change(2.0, "you", "delay", 0.5, 1.0),
        Change(3.0, "you", "concurrency", 9, 12),
        Change(3.0, "you", "a setting of another version", 1, 2),
    )

    def seen(at: float) -> tuple[int, float]:
        settings = dials_at(current, changes, at).settings
        return settings.concurrency, settings.delay

    assert [seen(at) for at in (0.5, 1.0, 2.0, 2.9, 3.0)] == [(4, 0.5), (9, 0.5), (9, 1.0), (9, 1.0), (12, 1.0)]
