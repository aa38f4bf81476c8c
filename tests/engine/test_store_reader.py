"""What screens see: one moment of the workspace, capped, and read-only."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from batchtop.engine.errors import UsageError, WorkspaceError
from batchtop.engine.histogram import Histogram
from batchtop.engine.outcome import Outcome
from batchtop.engine.settings import Layer, Settings, resolve
from batchtop.engine.snapshot import EngineRow, JobState, LaneState, Sample
from batchtop.engine.store import record
from batchtop.engine.store.lock import WorkspaceLock
from batchtop.engine.store.migrations import STEPS
from batchtop.engine.store.reader import CHANGES_SHOWN, EVENTS_SHOWN, Reader
from batchtop.engine.store.record import Log
from batchtop.engine.store.writer import Writer

from .workshop import chat, finish, job_of, registered, settled


def sample(at: float, **more: Any) -> Sample:
    latency = Histogram()
    latency.record(40.0)
    facts = {"span_s": 1.0, "items": 7, "failed": 1, "requests": 9, "errors": {"timeout": 2}, "in_flight": 3}
    rest = {"target": 4, "tokens_in": 10, "tokens_out": 5, "cost": 0.25, "backlog": 0, "rss_mb": 50.0, "cpu": 0.5}
    return Sample(at=at, latency=latency, **{**facts, **rest, **more})


async def test_a_snapshot_is_what_was_written(writer: Writer, workspace: Path):
    spec = job_of(Path("in.jsonl"), chat(price_in=1.0, price_out=2.0))
    job = await registered(writer, spec)
    log, lane = Log(writer, job), LaneState("gpt @ host", "cooling", "429", rpm_limit=60, reset_at=5.0)
    dials = resolve([Layer("preset a", {"rpm": 9}), Layer("live: ann", {"delay": 0.5})])
    record.save_dials(writer, job, dials, {"delay"})
    log.state(JobState.RUNNING, "why not")
    log.started(100.0)
    for _ in range(2):
        log.lane(lane)
    log.event(101.0, "warn", "slow")
    log.change(102.0, "ann", "delay", 0.0, 0.5)
    log.change(103.0, "ann", "rpm", 0, 9)
    log.sample(sample(104.0, spent={"rpm": 0.5}, lag_ms=12.5, connections=7, rpm_limit=600))
    writer.do("INSERT OR REPLACE INTO engine VALUES (1, ?, ?, ?)", (77, 1.0, 2.0))
    await writer.flush()

    with Reader(workspace) as reader, WorkspaceLock(workspace):
        shot = reader.snapshot("job")
    assert shot is not None
    row = shot.job
    assert (row.state, row.reason, row.started_at, row.active_s, row.cost) == ("running", "why not", 100.0, 1.0, 0.0)
    assert (row.task, row.model, row.input, row.output) == ("chat", "gpt-4o-mini", "in.jsonl", "")
    assert shot.dials == dials
    assert type(shot.dials.settings.rpm) is int
    assert shot.lanes == (lane,)
    assert [(event.level, event.message) for event in shot.events] == [("warn", "slow")]
    assert [(change.key, change.old, change.new) for change in shot.changes] == [("delay", 0.0, 0.5), ("rpm", 0, 9)]
    (seen,) = shot.samples
    assert (seen.errors, seen.latency.counts, seen.cost) == ({"timeout": 2}, sample(0).latency.counts, 0.25)
    assert (seen.spent, seen.lag_ms, seen.connections, seen.rpm_limit) == ({"rpm": 0.5}, 12.5, 7, 600)
    assert shot.engine == EngineRow(77, 1.0, 2.0)
    with Reader(workspace) as reader:
        assert reader.engine() is None, "what it says of itself counts while it holds the workspace"


async def test_a_snapshot_holds_only_the_latest(writer: Writer, workspace: Path):
    job = await registered(writer, job_of(workspace))
    log = Log(writer, job)
    for number in range(EVENTS_SHOWN + 5):
        log.event(number, "info", str(number))
    for number in range(CHANGES_SHOWN + 5):
        log.change(number, "ann", "rpm", number, number + 1)
    for at in range(100):
        log.sample(sample(1000.0 + at))
    await writer.flush()
    with Reader(workspace) as reader:
        shot = reader.snapshot("job", window_s=10)
        assert [change.old for change in reader.changes(job)] == list(range(CHANGES_SHOWN + 5))
    assert shot is not None
    assert [event.message for event in shot.events] == [str(5 + number) for number in range(EVENTS_SHOWN)]
    assert [change.old for change in shot.changes] == [5 + number for number in range(CHANGES_SHOWN)]
    assert [each.at for each in shot.samples] == [1090.0 + number for number in range(10)]


async def test_a_snapshot_is_of_one_moment(writer: Writer, workspace: Path, monkeypatch: pytest.MonkeyPatch):
    job = await registered(writer, job_of(workspace))
    with Reader(workspace) as reader:
        lanes = Reader._lanes

        def meanwhile(self: Reader, number: int) -> tuple[LaneState, ...]:
            with sqlite3.connect(workspace) as db:
                db.execute("INSERT INTO events (job, at, level, message) VALUES (?, 1, 'info', 'later')", (job,))
            return lanes(self, number)

        monkeypatch.setattr(Reader, "_lanes", meanwhile)
        shot = reader.snapshot("job")
        assert shot is not None
        assert shot.events == ()
        again = reader.snapshot("job")
        assert again is not None
        assert len(again.events) == 1


async def test_jobs_come_newest_first_and_an_unknown_one_is_told_with_those_there_are(writer: Writer, workspace: Path):
    with Reader(workspace) as reader:
        with pytest.raises(UsageError, match=r"there is no job named 'x'; there are: none"):
            reader.known_job("x")
        for name in ("b", "a"):
            job = await registered(writer, job_of(workspace, name=name))
            Log(writer, job).started({"a": 5.0, "b": 9.0}[name])
        await writer.flush()
        assert [job.name for job in reader.jobs()] == ["b", "a"]
        assert reader.known_job("a").name == "a"
        with pytest.raises(UsageError, match=r"there is no job named 'x'; there are: a, b"):
            reader.known_job("x")
        assert reader.snapshot("x") is None


async def test_lines_of_the_output_and_of_the_failures(writer: Writer, workspace: Path):
    job = await registered(writer, job_of(workspace))
    await writer.run(
        lambda db: (
            db.executemany(
                "INSERT INTO items (job, key, line, digest, load) VALUES (?, ?, 1, x'', 1)",
                [(job, '"ä"'), (job, "7"), *((job, str(100 + number)) for number in range(1500))],
            )
            and None
        )
    )
    finish(writer, job, settled(1), settled(2, Outcome.TIMEOUT, attempts=5), *map(settled, range(3, 1503)))
    await writer.flush()
    with Reader(workspace) as reader:
        lines = dict(reader.results.lines(job))
        assert lines[1] == '{"id":"ä","status":"ok","output":"yes"}\n'.encode()
        assert sorted(lines) == [1, *range(3, 1503)], "more than one page"
        assert list(dict(reader.results.lines(job, after=1500))) == [1501, 1502]
        assert list(reader.results.lines(job, failed=True)) == [
            (
                2,
                b'{"id":7,"status":"failed","error":{"kind":"timeout","message":"it was timeout"},"attempts":5}\n',
            )
        ]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._db.execute("DELETE FROM results")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "there is no workspace here; `batchtop run JOB.toml` makes one"),
        (lambda path: path.write_text("dear diary\n" * 500), "cannot be read as a workspace"),
        (Path.touch, "is no workspace of this version"),
        (lambda path: sqlite3.connect(path).execute(f"PRAGMA user_version = {len(STEPS) + 1}"), "of this version"),
    ],
)
def test_what_cannot_be_read_is_told(workspace: Path, make, told: str):
    make(workspace)
    with pytest.raises(WorkspaceError, match=told) as caught:
        Reader(workspace)
    assert str(workspace) in str(caught.value)


async def test_a_second_run_of_a_job_keeps_its_numbers_and_its_live_changes(writer: Writer, workspace: Path):
    job = await registered(writer, job_of(workspace, rpm=5))
    record.save_dials(writer, job, resolve([Layer("live: ann", {"rpm": 9, "delay": 0.5})]), {"rpm", "delay"})
    Log(writer, job).state(JobState.STOPPED, "the breaker", 3)
    Log(writer, job).sample(sample(1.0))
    await writer.flush()
    row, live = await writer.run(lambda db: record.register(db, job_of(workspace, rpm=7), 50.0, ["rpm"]))
    assert (row.id, row.state, row.reason, row.exit_code, row.active_s) == (job, JobState.QUEUED, "", None, 1.0)
    assert live == (Layer("live: ann", {"delay": 0.5}),), "what the person asks for anew is not overruled"
    assert resolve(live).settings == Settings(delay=0.5)


async def test_an_engine_that_died_left_its_jobs_in_the_middle(writer: Writer, workspace: Path):
    for state in JobState:
        job = await registered(writer, job_of(workspace, name=state))
        Log(writer, job).state(state)
    await writer.flush()
    left = await writer.run(record.interrupted)
    assert {spec.name for spec in left} == {"queued", "loading", "running", "paused", "draining"}
    with Reader(workspace) as reader:
        assert {job.state for job in reader.jobs()} == {"finished", "drained", "cancelled", "stopped"}
        assert reader.known_job("running").reason == "its engine died; run the job again to continue"
