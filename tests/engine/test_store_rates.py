"""How fast jobs go, for the small lines beside them: bounded reads, none of them twice."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from batchtop.engine.histogram import Histogram
from batchtop.engine.outline import Outline
from batchtop.engine.snapshot import JobRow, JobState, Sample
from batchtop.engine.store import rates
from batchtop.engine.store.rates import BIN_S, BINS, Rates
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.record import Log
from batchtop.engine.store.writer import Writer
from hypothesis import given
from hypothesis import strategies as st

from .workshop import job_of, registered

NOW = 10_000.0


@given(
    st.lists(st.tuples(st.floats(0.1, 3.0), st.integers(0, 1_000)), min_size=1, max_size=300),
    st.sampled_from([2, 4, 10]),
)
def test_an_outline_has_few_points_and_stays_within_what_happened(spans: list[tuple[float, int]], most: int) -> None:
    outline = Outline(most)
    for span_s, ended in spans:
        outline.add(span_s, ended)
    told = outline.rates()
    assert 1 <= len(told) <= most
    each = [ended / span_s for span_s, ended in spans]
    assert min(each) - 1e-6 <= min(told) <= max(told) <= max(each) + 1e-6


def test_an_outline_of_a_steady_run_is_flat_however_long() -> None:
    outline = Outline(10)
    assert outline.rates() == ()
    for _ in range(12_345):
        outline.add(1.0, 7)
    assert set(outline.rates()) == {7.0}


def sample(at: float, items: int, target: int) -> Sample:
    return Sample(
        at=at, span_s=1.0, items=items, failed=0, requests=items, errors={}, latency=Histogram(), in_flight=3,
        target=target, tokens_in=1, tokens_out=1, cost=0.0, backlog=0, rss_mb=1.0, cpu=0.1,
    )  # fmt: skip


async def written(writer: Writer, job: int, ats: Iterable[float], items: int = 7, target: int = 4) -> None:
    log = Log(writer, job)
    for at in ats:
        log.sample(sample(at, items, target))
    await writer.flush()


async def made(writer: Writer, path: Path, state: JobState, name: str = "job") -> JobRow:
    await registered(writer, job_of(path, name=name))
    with Reader(path) as reader:
        return replace(reader.known_job(name), state=state, ended_at=None if state is JobState.RUNNING else 1.0)


async def test_an_ended_run_is_told_whole_without_its_pauses_and_breaks(writer: Writer, workspace: Path) -> None:
    job = await made(writer, workspace, JobState.FINISHED)
    await written(writer, job.id, (100.0 + i for i in range(30)))
    await written(writer, job.id, (130.0 + i for i in range(500)), items=0, target=0)
    await written(writer, job.id, (9_000.0 + i for i in range(30)), items=14)
    with Reader(workspace) as reader:
        found = reader.rates([job], NOW, live=True)
        assert found == {job.id: Rates((7.0,) * 30 + (14.0,) * 30, lately=False)}
        assert reader.rates([job], NOW + 60, live=True)[job.id] is found[job.id], "what has ended is read once"
        assert reader.rates([], NOW, live=True) == {}

        await written(writer, job.id, (9_100.0 + i for i in range(60)), items=21)
        assert reader.rates([job], NOW, live=True)[job.id] is found[job.id]
        more = reader.rates([replace(job, ended_at=2.0)], NOW, live=True)[job.id]
        assert (more.each[0], more.each[-1]) == (7.0, 21.0), "it ran again"

        other = replace(job, created_at=job.created_at + 1)
        assert reader.rates([other], NOW, live=True)[job.id] is not more, "a job that took another one's number"


async def test_an_active_job_is_told_by_its_last_minutes(writer: Writer, workspace: Path) -> None:
    job = await made(writer, workspace, JobState.RUNNING)
    await written(writer, job.id, (NOW - 3_000 + i for i in range(2_900)), items=99)
    await written(writer, job.id, (NOW - 100 + i for i in range(100)))
    with Reader(workspace) as reader:
        told = reader.rates([job], NOW, live=True)[job.id]
        assert told.lately
        assert len(told.each) == BINS
        assert told.each[-11:] == (*[7.0] * 10, None)
        assert told.each[-13] == 99.0
        await written(writer, job.id, (NOW + i for i in range(1, 10)), items=3)
        assert reader.rates([job], NOW + 1, live=True)[job.id] == told, "not read again at once"
        later = reader.rates([job], NOW + 9, live=True)[job.id]
        assert later.each[:-1] == told.each[:-1], "what was drawn stays"
        assert later.each[-1] == 3.0
        assert reader.rates([job], NOW + 3_600, live=True)[job.id].each == (None,) * BINS
        assert not reader.rates([job], NOW + 3_600, live=False)[job.id].lately, "nobody has it in hand"
        ended = replace(job, state=JobState.DRAINED, ended_at=NOW)
        assert not reader.rates([ended], NOW + 3_601, live=True)[job.id].lately


async def test_a_clock_set_back_is_no_reason_to_stop(writer: Writer, workspace: Path) -> None:
    job = await made(writer, workspace, JobState.RUNNING)
    with Reader(workspace) as reader:
        reader.rates([job], NOW + 3_600, live=True)
        await written(writer, job.id, (NOW - 50 + i for i in range(50)))
        assert reader.rates([job], NOW, live=True)[job.id].each[-2] == 7.0


async def test_no_read_is_long_and_nothing_waits_behind_a_run_of_days(
    writer: Writer, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "ROWS", 50)
    long = await made(writer, workspace, JobState.FINISHED)
    short = await made(writer, workspace, JobState.FINISHED, "short")
    await written(writer, long.id, (1_000.0 + i for i in range(120)))
    await written(writer, short.id, (1_000.0 + i for i in range(10)))
    jobs = [replace(long, active_s=120.0), replace(short, active_s=10.0)]
    with Reader(workspace) as reader:
        seen = [set(reader.rates(jobs, NOW + i, live=True)) for i in range(4)]
    assert seen == [{short.id}, {short.id}, {short.id, long.id}, {short.id, long.id}]


def test_spans_are_so_long_that_a_narrow_line_tells_minutes() -> None:
    assert BIN_S * 10 >= 100
    assert BIN_S * BINS == 300
