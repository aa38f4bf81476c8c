"""The course of a job is every sample added up, a page at a time, and then only what is new."""

from math import inf
from pathlib import Path

from batchtop.engine.histogram import Histogram
from batchtop.engine.snapshot import Sample, Snapshot
from batchtop.engine.store import history
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.record import Log
from batchtop.engine.store.writer import Writer

from .workshop import job_of, registered


def sample(at: float, target: int = 4, rpm_limit: int = 0) -> Sample:
    latency = Histogram()
    latency.record(40.0 + at % 10)
    busy = 7 if target else 0
    return Sample(
        at=at, span_s=1.0, items=busy, failed=0, requests=busy, errors={"timeout": 1} if busy and at % 2 else {},
        latency=latency if busy else Histogram(), in_flight=3, target=target, tokens_in=1, tokens_out=1, cost=0.0,
        backlog=0, rss_mb=1.0, cpu=0.1, rpm_limit=rpm_limit,
    )  # fmt: skip


async def written(writer: Writer, job: int, *ats: float, target: int = 4) -> None:
    log = Log(writer, job)
    for at in ats:
        log.sample(sample(at, target))
    await writer.flush()


def read(reader: Reader) -> Snapshot:
    shot = reader.snapshot("job", inf)
    assert shot is not None
    return shot


async def test_every_sample_counts_once_however_it_is_read(writer: Writer, workspace: Path) -> None:
    job = await registered(writer, job_of(workspace))
    await written(writer, job, *(1_000.0 + i for i in range(700)))
    await written(writer, job, *(90_000.0 + i for i in range(800)))
    with Reader(workspace) as reader:
        reads = 1
        while (course := read(reader).course) is not None and not course.whole:
            reads += 1
        assert course is not None
        assert reads > 1, "a long job is read in pages"
        assert len(course.points) <= history.POINTS
        assert (course.run_s, course.began_at) == (1_500.0, 999.0)
        assert [(each.at_s, each.lasted_s) for each in course.breaks] == [(700.0, 90_000 - 1.0 - 1_699)]
        assert sum(point.items for point in course.points) == 7 * 1_500
        assert sum(point.latency.total for point in course.points) == 1_500
        assert sum(point.errors.get("timeout", 0) for point in course.points) == 750
        assert read(reader).course is course, "nothing new is nothing read"
        assert len(read(reader).samples) == 300, "numbers of the last minutes have every sample"

        await written(writer, job, 90_800.0)
        more = read(reader).course
        assert more is not None
        assert sum(point.items for point in more.points) == 7 * 1_501
        assert sum(point.items for point in course.points) == 7 * 1_500, "what was told before stays"


async def test_a_point_has_the_highest_limit_of_its_stretch(writer: Writer, workspace: Path) -> None:
    job = await registered(writer, job_of(workspace))
    log = Log(writer, job)
    for second in range(2 * history.POINTS):
        log.sample(sample(1_000.0 + second, rpm_limit=0 if second < 10 else 500 - second % 2))
    await writer.flush()
    with Reader(workspace) as reader:
        while (course := read(reader).course) is not None and not course.whole:
            pass
    assert course is not None
    assert len(course.points) <= history.POINTS
    assert {point.rpm_limit for point in course.points if point.begin_s < 10} == {0}
    assert {point.rpm_limit for point in course.points if point.begin_s >= 12} == {500}


async def test_time_paused_is_a_break(writer: Writer, workspace: Path) -> None:
    job = await registered(writer, job_of(workspace))
    await written(writer, job, *(1_000.0 + i for i in range(10)))
    await written(writer, job, *(1_010.0 + i for i in range(60)), target=0)
    await written(writer, job, *(1_070.0 + i for i in range(10)))
    with Reader(workspace) as reader:
        course = read(reader).course
    assert course is not None
    assert (course.run_s, [each.lasted_s for each in course.breaks]) == (20.0, [60.0])
    assert course.run_at(1_030.0) == 10.0


async def test_a_job_that_took_the_number_of_a_removed_one_has_its_own_course(writer: Writer, workspace: Path) -> None:
    job = await registered(writer, job_of(workspace))
    with Reader(workspace) as reader:
        assert read(reader).course is None
        await written(writer, job, 1_000.0, 1_001.0)
        read(reader)
        writer.do("DELETE FROM samples WHERE job = ?", (job,))
        await written(writer, job, 5_000.0)
        course = read(reader).course
    assert course is not None
    assert (course.run_s, course.began_at) == (1.0, 4_999.0)
