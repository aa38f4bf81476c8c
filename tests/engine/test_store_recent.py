"""Samples that were read once are kept, and nothing is missed for that."""

import sqlite3
from contextlib import closing
from pathlib import Path

from batchtop.engine.snapshot import Sample
from batchtop.engine.store.reader import Reader
from batchtop.engine.store.record import Log
from batchtop.engine.store.writer import Writer
from hypothesis import given
from hypothesis import strategies as st

from .test_store_course import sample
from .workshop import job_of, registered


def ats(samples: tuple[Sample, ...]) -> list[float]:
    return [each.at for each in samples]


async def test_only_what_is_new_is_read_and_the_old_goes(writer: Writer, workspace: Path) -> None:
    job = await registered(writer, job_of(workspace))
    log = Log(writer, job)
    with Reader(workspace) as reader:
        assert reader.recent(job, 5) == ()
        for second in range(20):
            log.sample(sample(1_000.0 + second))
            await writer.flush()
            found = reader.recent(job, 5)
            assert ats(found) == [1_000.0 + each for each in range(max(0, second - 4), second + 1)]
        assert reader.recent(job, 5) is found, "nothing new is nothing read"
        assert len(reader.recent(job, 100)) == 20
        log.sample(sample(1_017.5))  # by a clock that was set back
        await writer.flush()
        assert ats(reader.recent(job, 5)) == [1_015, 1_016, 1_017, 1_017.5, 1_018, 1_019]


async def test_a_job_that_took_the_number_of_a_removed_one_has_its_own(writer: Writer, workspace: Path) -> None:
    job = await registered(writer, job_of(workspace))
    Log(writer, job).sample(sample(1_000.0))
    await writer.flush()
    with Reader(workspace) as reader:
        assert ats(reader.recent(job, 5)) == [1_000]
        await writer.run(lambda db: db.execute("DELETE FROM samples") and None)
        assert reader.recent(job, 5) == ()
        Log(writer, job).sample(sample(2_000.0))
        await writer.flush()
        assert ats(reader.recent(job, 5)) == [2_000]


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([3.0, 10.0, 100.0])), min_size=1, max_size=30))
def test_it_is_what_a_fresh_look_finds(steps: list[tuple[int, float]]) -> None:
    from batchtop.engine.store.recent import RecentReader
    from batchtop.engine.store.steps import STEPS

    with closing(sqlite3.connect(":memory:")) as db:
        for step in STEPS:
            step(db)
        kept = RecentReader(db)
        for at, window_s in steps:
            db.execute(
                """INSERT OR REPLACE INTO samples (job, at, span_s, items, failed, requests, errors, latency, in_flight,
                target, tokens_in, tokens_out, cost, backlog, rss_mb, cpu, spent)
                VALUES (1, ?, 1, 0, 0, 0, '{}', x'80', 0, 0, 0, 0, 0, 0, 0, 0, '{}')""",
                (float(at),),
            )
            assert ats(kept.read(1, window_s)) == ats(RecentReader(db).read(1, window_s))
