"""Inputs of any size, and a workspace whose job is nearly done, for the bench of what they cost."""

import random
import sqlite3
from pathlib import Path

import msgspec
import uvloop
from batchtop.engine.histogram import Histogram
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.settings import Layer
from batchtop.engine.snapshot import JobState, Sample
from batchtop.engine.store import answers, record
from batchtop.engine.store.group import last_seq
from batchtop.engine.store.results import Results
from batchtop.engine.store.writer import Writer
from batchtop.engine.taskspec import EmbeddingsSpec

STARTED_AT = 1_760_000_000.0
DAY_S = 86_400
ANSWERS = 200_000
"""Answers that are put into the workspace at a time."""
VECTOR = msgspec.json.encode([0.125] * 8)


def write_input(path: Path, rows: int, *, shuffled: bool) -> Path:
    draw = random.Random(7)
    with path.open("w") as file:
        for number in range(rows):
            key = draw.getrandbits(62) if shuffled else number
            file.write(f'{{"id": {key}, "text": "item {number}: it does what it says, and then it stops working"}}\n')
    return path


def job_of(folder: Path, source: Path, port: int = 9) -> JobSpec:
    return JobSpec(
        name="job",
        input=InputSpec(str(source), id="id"),
        task=EmbeddingsSpec(model="text-embedding-3-small", text="{text}", base_url=f"http://127.0.0.1:{port}/v1"),
        output=OutputSpec(str(folder / "out.jsonl")),
        layers=(Layer("job file", {"batch_size": 100, "concurrency": 8}),),
    )


def make_nearly_done(folder: Path, source: Path, port: int, rows: int) -> None:
    spec = job_of(folder, source, port)

    async def work() -> None:
        async with Writer(folder / "batchtop.db") as writer:
            job, _ = await writer.run(lambda db: record.register(db, spec, STARTED_AT, ()))
            for first in range(1, rows + 1, ANSWERS):
                await writer.run(lambda db, first=first: answer(db, first, min(first + ANSWERS - 1, rows)))
            await writer.run(lambda db: write_output(db, job.id, Path(spec.output.path or "")))
            await write_history(writer, record.Log(writer, job.id))

    uvloop.run(work())


def answer(db: sqlite3.Connection, first: int, last: int) -> None:
    before = last_seq(db)
    db.execute(
        """INSERT INTO results (job, item, digest, outcome, output, attempts, latency_ms, at)
        SELECT job, row, digest, 'ok', ?, 1, 250.0, ? FROM items WHERE row BETWEEN ? AND ?""",
        (VECTOR, STARTED_AT, first, last),
    )
    answers.take(db, before)
    answers.gather_all(db)
    db.execute("UPDATE items SET status = 'done' WHERE row BETWEEN ? AND ?", (first, last))
    db.execute("UPDATE jobs SET done = done + ?", (last - first + 1,))


def write_output(db: sqlite3.Connection, job: int, path: Path) -> None:
    seq = 0
    with path.open("wb") as file:
        for seq, line in Results(db).lines(job):  # noqa: B007 (the last one is wanted)
            file.write(line)
    db.execute(
        "UPDATE jobs SET output_path = ?, output_seq = ?, output_bytes = ?",
        (str(path.resolve()), seq, path.stat().st_size),
    )


async def write_history(writer: Writer, log: record.Log) -> None:
    """Write what a day leaves: a sample a second, and more events and changes than anybody looks at."""
    latency = Histogram(dict.fromkeys(range(250, 300), 3))
    for second in range(DAY_S):
        at = STARTED_AT + second
        log.sample(
            Sample(at, 1.0, 100, 0, 1, {"timeout": 1}, latency, 8, 8, 2_000, 0, 0.0, 10, 60.0, 0.5, {"sent": 8.0})
        )
        if second % 10 == 0:
            log.event(at, "info", f"something happened in second {second}")
            log.change(at, "bench", "concurrency", 8, 9)
            await writer.run(lambda _: None)
    log.state(JobState.DRAINED, "drained by bench", 130)
    log.ended(STARTED_AT + DAY_S)
