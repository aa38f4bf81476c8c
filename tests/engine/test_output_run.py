"""The files of a running job: in the order of its input, on the disk, and while others meddle with them."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from batchtop.engine import Engine
from batchtop.engine.job import JobSpec, OutputSpec
from batchtop.engine.snapshot import JobState
from batchtop.engine.store.reader import Reader

from .desk import Desk, failing
from .other_program import locked
from .workshop import lines_of, numbered, rows_of, until, write_rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ordered(desk: Desk, **more: object) -> JobSpec:
    return desk.job(output=OutputSpec(str(desk.output), str(desk.failures), order="input"), **more)


def ids(path: Path) -> list[int]:
    return [line["id"] for line in lines_of(path)]


def gone(path: Path) -> None:
    path.unlink()


def notes(path: Path) -> bool:
    return path.read_text() == "my notes\n"


def replace(path: Path) -> None:
    path.unlink()
    path.write_text("my notes\n")


@asynccontextmanager
async def half_way(desk: Desk, spec: JobSpec) -> AsyncGenerator[Engine]:
    """Have a job run whose provider stops answering after some requests, until its gate is opened."""

    def latency_s(_: object) -> float:
        if len(desk.provider.asked) == 30:
            desk.provider.gate.clear()
        return 0.0

    desk.provider.latency_s = latency_s
    async with desk.engine() as engine:
        await engine.submit(spec)
        await until(lambda: not desk.provider.gate.is_set() and desk.snapshot().job.done > 5)
        yield engine


class TestInTheOrderOfTheInput:
    async def test_the_file_is_there_when_all_is_done_and_again_after_an_edit(self, desk: Desk):
        desk.provider.answer = failing("text 3")
        desk.provider.latency_s = lambda asked: 0.02 if asked.texts[0].endswith(("1", "4")) else 0.0
        assert (await desk.run(ordered(desk))).exit_code == 1
        assert ids(desk.output) == [number for number in range(100) if number != 3]
        assert ids(desk.failures) == [3]
        rows = numbered(101)
        rows[7]["text"] = "other"
        write_rows(desk.input, rows[::-1])
        assert (await desk.run(ordered(desk))).exit_code == 1
        assert ids(desk.output) == [number for number in range(100, -1, -1) if number != 3]
        assert len(desk.provider.asked) == 102
        assert [path.name for path in desk.folder.glob("*.part")] == []

    async def test_a_job_that_is_drained_leaves_the_earlier_version_and_says_so(self, desk: Desk):
        desk.rows(10)
        assert (await desk.run(ordered(desk))).exit_code == 0
        desk.rows(100)
        async with half_way(desk, ordered(desk)) as engine:
            assert ids(desk.output) == list(range(10))
            engine.job("job").drain("enough")
            desk.provider.gate.set()
            end = await engine.wait("job")
        assert (end.state, end.exit_code) == (JobState.DRAINED, 130)
        told = f"{desk.output} is written when all is done, `batchtop export job` gives what there is"
        assert end.reason.endswith(f"items left; run the job again to continue; {told}")
        assert ids(desk.output) == list(range(10))
        desk.provider.latency_s = lambda _: 0.0
        assert (await desk.run(ordered(desk))).exit_code == 0
        assert ids(desk.output) == list(range(100))

    async def test_somebody_elses_file_is_refused_before_anything_is_sent(self, desk: Desk):
        part = desk.output.with_name("out.jsonl.part")
        part.write_text("my notes\n")
        end = await desk.run(ordered(desk))
        assert (end.exit_code, end.reason) == (
            2,
            f"{part}: holds something this job did not write; move it away, or choose another output",
        )
        assert desk.provider.asked == []

    async def test_a_full_disk_at_the_end_is_3_and_the_next_run_sends_nothing(self, desk: Desk):
        end = await desk.run(desk.job(output=OutputSpec("/dev/full", order="input")))
        assert (end.state, end.exit_code) == (JobState.STOPPED, 3)
        assert "No space left on device" in end.reason
        assert (await desk.run(ordered(desk))).exit_code == 0
        assert ids(desk.output) == list(range(100))
        assert len(desk.provider.asked) == 100


async def test_a_synced_job_commits_to_the_disk_before_it_asks(desk: Desk):
    levels: list[int] = []
    async with desk.engine() as engine:
        spec = desk.job()
        spec = msgspec.structs.replace(spec, output=msgspec.structs.replace(spec.output, sync=True))
        assert (await engine.run(spec)).exit_code == 0
        levels.append(await engine._writer.run(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]))
    assert levels == [2]
    desk.check(100)


class TestMeddledWith:
    @pytest.mark.parametrize("which", ["output", "failures"])
    async def test_a_file_that_is_removed_is_there_again_at_once(self, desk: Desk, which: str):
        path: Path = getattr(desk, which)
        desk.provider.answer = failing("text 3", "text 99")
        async with half_way(desk, desk.job(batch_size=1, concurrency=3)) as engine:
            gone(path)
            told = f"{path} was removed while the job ran; it is written again"
            await until(lambda: told in desk.told())
            desk.provider.gate.set()
            assert (await engine.wait("job")).exit_code == 1
        desk.check(100, 3, 99)

    @pytest.mark.parametrize("which", ["output", "failures"])
    async def test_what_takes_its_place_stops_the_job_and_is_left_alone(self, desk: Desk, which: str):
        path: Path = getattr(desk, which)
        async with half_way(desk, desk.job(batch_size=1, concurrency=3)) as engine:
            replace(path)
            await until(lambda: engine.job("job").finishing or engine._runners["job"]._loop.stop)
            desk.provider.gate.set()
            end = await engine.wait("job")
        assert (end.state, end.exit_code) == (JobState.STOPPED, 3)
        assert f"{path}: something else was put in its place while the job ran" in end.reason
        assert notes(path)
        gone(path)
        desk.provider.latency_s = lambda _: 0.0
        assert (await desk.run()).exit_code == 0
        desk.check(100)


async def test_two_jobs_never_share_a_failures_file(desk: Desk):
    async with desk.engine() as engine:
        assert (await engine.run(desk.job())).exit_code == 0
        end = await engine.run(desk.job(name="other", output=OutputSpec(None, str(desk.failures))))
        told = f"{desk.failures}: is the failures file of job job; choose another output"
        assert (end.exit_code, end.reason) == (2, told)
        assert (await engine.run(desk.job())).exit_code == 0, "the refused one has no claim"


async def test_a_job_outlives_somebody_elses_transaction(desk: Desk):
    async with half_way(desk, desk.job(batch_size=1, concurrency=3)) as engine:
        with locked(desk.workspace, "EXCLUSIVE") as release:
            desk.provider.gate.set()
            await until(lambda: len(desk.provider.asked) == 100)
            await asyncio.sleep(1.2)  # longer than one try of the writer
            assert desk.snapshot().job.done < 100
            release()
        assert (await engine.wait("job")).exit_code == 0
    desk.check(100)
    assert set(desk.sent.values()) == {1}


async def test_what_waits_for_a_lock_holds_sending(desk: Desk):
    desk.rows(6000)
    async with half_way(desk, desk.job(batch_size=1, concurrency=10)) as engine:
        with locked(desk.workspace) as release:
            desk.provider.gate.set()
            asked = 0
            while asked < len(desk.provider.asked):  # until nothing is sent any more
                asked = len(desk.provider.asked)
                await asyncio.sleep(0.3)
            assert asked < 5000
            assert engine._writer.backlog < 2100
            release()
        assert (await engine.wait("job")).exit_code == 0
    desk.check(6000)


async def test_an_ordered_job_keeps_its_order_in_the_workspace(desk: Desk):
    """`run -o -` reads it there, since standard output is not the engine's."""
    await desk.run(desk.job(output=OutputSpec(None, order="input")))
    with Reader(desk.workspace) as reader:
        assert reader.spec("job").output.order == "input"
    assert json.loads(rows_of(desk.workspace, "SELECT spec FROM jobs")[0][0])["output"]["order"] == "input"
