"""A job to run in a test: its input, its workspace, and a provider in memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from batchtop.engine import Engine
from batchtop.engine.ending import End
from batchtop.engine.job import JobSpec, OutputSpec
from batchtop.engine.redo import PASSING, Redo
from batchtop.engine.snapshot import Snapshot
from batchtop.engine.store.commands import Answered, answer, send
from batchtop.engine.store.reader import Reader
from batchtop.engine.testing import Asked, FakeTransport, answered, refused
from batchtop.engine.transports import Response

from .workshop import chat, job_of, lines_of, numbered, rows_of, write_rows


class Desk:
    """A workspace, an input of some rows, and a provider in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "batchtop.db"
        self.input = folder / "rows.jsonl"
        self.output = folder / "out.jsonl"
        self.failures = folder / "failed.jsonl"
        self.provider = FakeTransport()
        self.rows(100)

    def rows(self, count: int) -> None:
        write_rows(self.input, numbered(count))

    def job(self, **more: object) -> JobSpec:
        how = {"task": chat(prompt="{text}"), "output": OutputSpec(str(self.output), str(self.failures))}
        return job_of(self.input, **{**how, "batch_size": 5, **more})

    @asynccontextmanager
    async def engine(self, environment: Mapping[str, str] | None = None) -> AsyncGenerator[Engine]:
        async with Engine(self.workspace, environment=environment or {}, transport=lambda: self.provider) as engine:
            yield engine

    async def run(
        self, spec: JobSpec | None = None, environment: Mapping[str, str] | None = None, redo: Redo = PASSING
    ) -> End:
        async with self.engine(environment) as engine:
            return await engine.run(spec or self.job(), redo)

    def snapshot(self, name: str = "job") -> Snapshot:
        with Reader(self.workspace) as reader:
            shot = reader.snapshot(name)
        assert shot is not None
        return shot

    def told(self) -> list[str]:
        return [event.message for event in self.snapshot().events]

    @property
    def sent(self) -> Counter[str]:
        return Counter(text for asked in self.provider.asked for text in asked.texts)

    def check(self, count: int, *failed: int) -> None:
        """See that output, failures, results and totals agree on these items, each there once."""
        good = sorted(set(range(count)) - set(failed))
        assert sorted(line["id"] for line in lines_of(self.output)) == good
        assert sorted(line["id"] for line in lines_of(self.failures)) == sorted(failed)
        held = "FROM results JOIN items ON row = item AND items.digest = results.digest WHERE status <> 'removed'"
        assert rows_of(self.workspace, f"SELECT count(*), count(DISTINCT item) {held}") == [(count, count)]
        job = self.snapshot().job
        assert (job.total, job.done, job.failed, job.left) == (count, len(good), len(failed), 0)


async def asked_for(desk: Desk, verb: str, job: str = "job", **args: object) -> Answered:
    """Ask the engine for something as any other process does, and wait for its answer."""
    return await answer_to(desk, await asyncio.to_thread(send, desk.workspace, job, verb, args, "ann"))


async def answer_to(desk: Desk, number: int) -> Answered:
    async with asyncio.timeout(5):
        while (found := await asyncio.to_thread(answer, desk.workspace, number)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


def failing(*texts: str, status: int = 400) -> Callable[[Asked], Response]:
    return lambda asked: refused(status) if set(asked.texts) & set(texts) else answered(asked)
