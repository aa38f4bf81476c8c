"""Jobs that prepare their rows: what is asked, what is asked again, and where what was dropped goes."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.loading import input_stamp, load
from batchtop.engine.preparespec import ChunkSpec, DuplicatesSpec, FilterSpec, PrioritySpec, SampleSpec, StepSpec
from batchtop.engine.rows import told_apart
from batchtop.engine.source import Record
from batchtop.engine.store.writer import Writer
from batchtop.engine.testing import FakeTransport

from .desk import Desk
from .workshop import lines_of, numbered, registered, rows_of, write_rows

BY_PARAGRAPH = ChunkSpec("text", 200, by="paragraph")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def prepared(desk: Desk, *steps: StepSpec, **more: Any) -> JobSpec:
    return msgspec.structs.replace(desk.job(**more), prepare=steps)


async def asked(desk: Desk, job: JobSpec) -> Counter[str]:
    """Run a job, and return what was asked in this run."""
    desk.provider = FakeTransport()
    end = await desk.run(job)
    assert end.exit_code == 0, end.reason
    return desk.sent


def documents(desk: Desk, *texts: str) -> None:
    write_rows(desk.input, [{"id": f"d{number}", "text": text} for number, text in enumerate(texts)])


async def test_of_a_changed_document_only_what_changed_is_asked_again(desk: Desk):
    job = prepared(desk, BY_PARAGRAPH)
    documents(desk, "Alpha.\n\nBeta.\n\nGamma.", "Delta.\n\nEpsilon.")
    assert await asked(desk, job) == Counter(["Alpha.", "Beta.", "Gamma.", "Delta.", "Epsilon."])
    documents(desk, "Alpha.\n\nBeta, mended.\n\nGamma.", "Delta.\n\nEpsilon.")
    assert await asked(desk, job) == Counter(["Beta, mended."])
    documents(desk, "New first.\n\nAlpha.\n\nBeta, mended.\n\nGamma.")
    assert await asked(desk, job) == Counter(["New first."]), (
        "the others have other numbers now, and the answers they had"
    )
    wanted = {"d0#1": "NEW FIRST.", "d0#2": "ALPHA.", "d0#3": "BETA, MENDED.", "d0#4": "GAMMA."}
    assert {line["id"]: line["output"] for line in lines_of(desk.output)} == wanted


async def test_the_same_preparation_of_the_same_file_loads_nothing_and_another_does(desk: Desk):
    some, others = (prepared(desk, SampleSpec(share=0.5, seed=seed)) for seed in (0, 1))
    assert input_stamp(some) == input_stamp(prepared(desk, SampleSpec(share=0.5)))
    assert input_stamp(some) != input_stamp(others) != input_stamp(desk.job())
    for job, anew in ((some, True), (some, False), (others, True)):
        assert bool(await asked(desk, job)) is anew
    assert len({line["id"] for line in lines_of(desk.output)}) == desk.snapshot().job.total


async def test_what_has_priority_is_sent_first_and_the_output_is_in_the_order_of_the_input(desk: Desk):
    output = OutputSpec(str(desk.output), order="input")
    await desk.run(prepared(desk, PrioritySpec("id"), output=output))
    keys = [int(key) for (key,) in rows_of(desk.workspace, "SELECT key FROM items ORDER BY row")]
    assert keys == list(range(99, -1, -1))
    assert [line["id"] for line in lines_of(desk.output)] == list(range(100))


async def test_a_job_tells_what_each_step_left_and_keeps_what_it_dropped(desk: Desk):
    short, twins = desk.folder / "short.jsonl", desk.folder / "twins.jsonl"
    steps = (FilterSpec("text", min_length=3, dropped=str(short)), DuplicatesSpec(("text",), dropped=str(twins)))
    write_rows(desk.input, [{"id": 1, "text": "one"}, {"id": "b", "text": "x"}, {"id": 3, "text": "ONE"}])
    for _ in range(2):
        assert await asked(desk, prepared(desk, *steps)) in ({"one": 1}, {})
        assert lines_of(short) == [{"id": "b", "dropped_by": "filter", "line": 2, "row": {"id": "b", "text": "x"}}]
        (twin,) = lines_of(twins)
        assert (twin["id"], twin["same_as"]) == (3, 1)
        write_rows(desk.input, [*lines_of(desk.input)])
    assert "prepared: 3 rows, 2 after filter: text, min_length 3, 1 after duplicates: text" in desk.told()


async def test_what_a_dead_engine_left_of_the_dropped_rows_is_written_anew(desk: Desk):
    short = desk.folder / "short.jsonl"
    short.write_text('{"id":1,"dropped_by":"filter","line":1,"row":{"id":1,"te')
    await asked(desk, prepared(desk, FilterSpec("id", min_length=2, dropped=str(short))))
    assert [line["id"] for line in lines_of(short)] == list(range(10))


async def test_a_file_that_holds_something_else_is_never_taken_for_dropped_rows(desk: Desk):
    theirs = desk.folder / "theirs.jsonl"
    theirs.write_text('{"id": 1}\n')
    end = await desk.run(prepared(desk, FilterSpec("text", min_length=3, dropped=str(theirs))))
    assert (end.exit_code, end.reason.startswith(f"{theirs}: is no file of dropped rows")) == (2, True)
    assert theirs.read_text() == '{"id": 1}\n'


async def test_nothing_is_sent_where_no_row_is_left(desk: Desk):
    end = await desk.run(prepared(desk, FilterSpec(where="id > 1000")))
    assert "none of its 100 rows is left after prepare[0]" in end.reason
    assert not desk.sent


async def test_an_input_that_takes_long_to_prepare_is_left_when_the_job_is_to_stop(desk: Desk, writer: Writer):
    write_rows(desk.input, numbered(30_000))
    job = prepared(desk, PrioritySpec("id"))
    looks: list[int] = []

    def unwanted() -> bool:
        looks.append(1)
        return len(looks) > 5

    assert await load(job, await registered(writer, job), writer, unwanted) is None
    assert rows_of(desk.workspace, "SELECT count(*) FROM items") == [(0,)]


def test_rows_that_come_while_a_job_runs_go_through_the_same_steps(desk: Desk):
    two = desk.folder / "two.jsonl"
    steps = (ChunkSpec("text", 5, by="paragraph"), FilterSpec("text", not_match="two", dropped=str(two)))
    job = msgspec.structs.replace(prepared(desk, *steps), input=InputSpec("-", "id"))
    record = Record(1, "7", {"id": 7, "text": "one\n\ntwo\n\nthree"}, b"")
    assert [row.key for row in told_apart(job, iter([record]))] == ['"7#1"', '"7#3"']
    assert [line["id"] for line in lines_of(two)] == ["7#2"]
