"""What the tests of the workspace and of the engine share: inputs, jobs, and a look at the tables."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from batchtop.engine.answer import Answer
from batchtop.engine.item import Item
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.outcome import Outcome
from batchtop.engine.settings import Layer
from batchtop.engine.settle import Settled
from batchtop.engine.store import record
from batchtop.engine.store.writer import Writer
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec, TaskSpec

NOWHERE = "http://127.0.0.1:9/v1"


def chat(base_url: str = NOWHERE, **more: Any) -> ChatSpec:
    return ChatSpec(**{"model": "gpt-4o-mini", "prompt": "Judge: {text}", "base_url": base_url} | more)


def embeddings(base_url: str = NOWHERE, **more: Any) -> EmbeddingsSpec:
    return EmbeddingsSpec(**{"model": "text-embedding-3-small", "text": "{text}", "base_url": base_url} | more)


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def numbered(count: int) -> list[dict[str, object]]:
    return [{"id": number, "text": f"text {number}"} for number in range(count)]


def job_of(
    path: Path, task: TaskSpec | None = None, *, name: str = "job", output: OutputSpec | None = None, **settings: float
) -> JobSpec:
    """A job over the rows of `path`, with settings as a job file has them."""
    return JobSpec(
        name=name,
        input=InputSpec(str(path), "id"),
        task=task or chat(),
        output=output or OutputSpec(),
        layers=(Layer("job file", settings),),
    )


async def registered(writer: Writer, spec: JobSpec) -> int:
    row, _ = await writer.run(lambda db: record.register(db, spec, 0.0, ()))
    return row.id


def settled(
    row: int, outcome: Outcome = Outcome.OK, *, output: bytes = b'"yes"', attempts: int = 1, digest: bytes = b""
) -> Settled:
    ok = outcome is Outcome.OK
    answer = Answer(outcome, output if ok else b"", "" if ok else f"it was {outcome}")
    return Settled(Item(row, str(row), {}, digest), answer, attempts, 12.5, 1_760_000_000.0)


def finish(writer: Writer, job: int, *results: Settled) -> None:
    """Store results and count them, as the books of a job do."""
    for result in results:
        writer.put(job, result)
        writer.tally(job).item(result.answer)


def rows_of(workspace: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(workspace)) as db:
        return db.execute(query, values).fetchall()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def until(happened: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Wait for something that sends no event: a file, a table, a log."""
    async with asyncio.timeout(within_s):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
