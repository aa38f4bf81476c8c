"""A pipeline: each answer of one job becomes an item of the next while both run, and what changes is done again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from batchtop.engine.ending import End
from batchtop.engine.engine import Engine
from batchtop.engine.errors import UsageError
from batchtop.engine.job import InputSpec, JobSpec, OutputSpec
from batchtop.engine.live.upstream import Upstream, fields_of
from batchtop.engine.redo import Redo
from batchtop.engine.snapshot import JobState
from batchtop.engine.store.upstream import AnswerRow, Answers
from batchtop.engine.testing import Asked, answered, refused

from .desk import Desk, failing
from .workshop import chat, lines_of, numbered, rows_of, until, write_rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def stage(desk: Desk, name: str, above: str | None = None, prompt: str = "", **more: object) -> JobSpec:
    """Return a job of a pipeline whose questions begin with its name."""
    prompt = prompt or (f"{name}: {{output}}" if above else f"{name}: {{text}}")
    spec = desk.job(task=chat(prompt=prompt), output=OutputSpec(str(out(desk, name))), **{"max_wait": 0.05} | more)
    source = InputSpec(job=above) if above else spec.input
    return msgspec.structs.replace(spec, name=name, input=source)


STAGES = (("a", None, "text"), ("b", "a", "output"), ("c", "b", "output"))


def out(desk: Desk, name: str) -> Path:
    return desk.folder / f"{name}.jsonl"


def three(desk: Desk, **more: object) -> list[JobSpec]:
    return [stage(desk, "a", **more), stage(desk, "b", "a", **more), stage(desk, "c", "b", **more)]


async def together(engine: Engine, jobs: Sequence[JobSpec]) -> list[End]:
    for spec in jobs:
        await engine.submit(spec)
    return [await engine.wait(spec.name) for spec in jobs]


async def run(desk: Desk, *jobs: JobSpec) -> list[End]:
    async with desk.engine() as engine:
        return await together(engine, jobs)


def outputs(desk: Desk, name: str) -> dict[object, object]:
    """Return a stage's outputs by id, each there once."""
    lines = lines_of(out(desk, name))
    assert len({line["id"] for line in lines}) == len(lines)
    return {line["id"]: line["output"] for line in lines}


async def test_three_stages_stream(desk: Desk):
    desk.rows(300)
    desk.provider.latency_s = lambda _: 0.02
    ends = await run(desk, *three(desk, concurrency=2, batch_size=10))
    assert [end.state for end in ends] == [JobState.FINISHED] * 3
    assert outputs(desk, "c") == {n: f"C: B: A: TEXT {n}" for n in range(300)}
    assert set(desk.sent.values()) == {1}
    first = next(asked.at for asked in desk.provider.asked if asked.texts[0].startswith("c:"))
    last = max(asked.at for asked in desk.provider.asked if asked.texts[0].startswith("a:"))
    assert first + 0.02 < last, "the third stage has answers before the first has asked all"
    assert rows_of(desk.workspace, "SELECT total, done, open FROM jobs ORDER BY id") == [(300, 300, 0)] * 3


async def test_what_is_unchanged_above_is_skipped_and_what_changed_is_done_again(desk: Desk):
    desk.rows(40)
    jobs = three(desk)
    await run(desk, *jobs)
    rows = numbered(42)
    rows[7]["text"] = "new 7"
    write_rows(desk.input, rows)
    ends = await run(desk, *jobs)
    assert [end.exit_code for end in ends] == [0, 0, 0]
    assert set(desk.sent.values()) == {1}
    assert sum(desk.sent.values()) == 3 * 43
    for name, heads in (("a", "A: "), ("b", "B: A: "), ("c", "C: B: A: ")):
        assert outputs(desk, name) == {n: f"{heads}{'NEW' if n == 7 else 'TEXT'} {n}" for n in range(42)}
    assert rows_of(desk.workspace, "SELECT total, done, failed FROM jobs") == [(42, 42, 0)] * 3


async def test_large_answers_come_a_few_at_a_time(desk: Desk):
    desk.provider.answer = lambda asked: answered(replace(asked, texts=("x" * (1 << 20),)))
    desk.rows(30)
    assert [end.exit_code for end in await run(desk, stage(desk, "a"))] == [0]
    with Answers(desk.workspace, "a") as answers:
        standing = answers.standing()
        assert standing
        pages, after = [], 0
        while page := answers.page(standing.id, after):
            pages.append(len(page))
            after = page[-1].seq
    assert max(pages) < 10
    assert sum(pages) == 30


async def test_an_answer_that_is_back_counts_again(desk: Desk):
    desk.rows(10)
    jobs = three(desk)
    await run(desk, *jobs)
    for text in ("new 3", "text 3"):
        rows = numbered(10)
        rows[3]["text"] = text
        write_rows(desk.input, rows)
        assert [end.exit_code for end in await run(desk, *jobs)] == [0, 0, 0]
    assert set(desk.sent.values()) == {1}, "what was asked before is known"
    assert outputs(desk, "c") == {n: f"C: B: A: TEXT {n}" for n in range(10)}
    assert rows_of(desk.workspace, "SELECT total, done, failed FROM jobs") == [(10, 10, 0)] * 3


async def test_other_prompts_in_all_stages_ask_each_question_once(desk: Desk):
    desk.rows(20)
    await run(desk, *three(desk))
    desk.provider.latency_s = lambda _: 0.01
    others = [stage(desk, name, above, f"{name}2: {{{field}}}") for name, above, field in STAGES]
    assert [end.exit_code for end in await run(desk, *others)] == [0, 0, 0]
    assert set(desk.sent.values()) == {1}
    assert outputs(desk, "c") == {n: f"C2: B2: A2: TEXT {n}" for n in range(20)}
    assert sum(desk.sent.values()) == 120, "nothing is asked of an answer that is to be replaced"
    assert [end.exit_code for end in await run(desk, *three(desk))] == [0, 0, 0]
    assert sum(desk.sent.values()) == 120, "the answers to the first prompts were kept"
    assert outputs(desk, "c") == {n: f"C: B: A: TEXT {n}" for n in range(20)}
    assert rows_of(desk.workspace, "SELECT total, done, failed FROM jobs") == [(20, 20, 0)] * 3


async def test_all_stages_afresh_ask_each_question_once_more(desk: Desk):
    desk.rows(20)
    await run(desk, *three(desk))
    desk.provider.latency_s = lambda _: 0.01
    desk.provider.answer = lambda asked: answered(replace(asked, texts=(f"{asked.texts[0]}!",)))
    async with desk.engine() as engine:
        for spec in three(desk):
            await engine.submit(spec, redo=Redo(fresh=True))
        assert [(await engine.wait(name)).exit_code for name in "abc"] == [0, 0, 0]
    assert sum(desk.sent.values()) == 120
    assert outputs(desk, "c") == {n: f"C: B: A: TEXT {n}!!!" for n in range(20)}


async def test_items_that_failed_above_come_when_they_are_answered(desk: Desk):
    desk.rows(20)
    jobs = three(desk)
    desk.provider.answer = failing("a: text 4", "b: A: TEXT 5")
    assert [end.exit_code for end in await run(desk, *jobs)] == [1, 1, 0]
    assert outputs(desk, "c").keys() == set(range(20)) - {4, 5}
    desk.provider.answer = answered
    async with desk.engine() as engine:
        for spec in jobs:
            await engine.submit(spec, redo=Redo.kinds(["bad_item"]))  # type: ignore[list-item]
        assert [(await engine.wait(spec.name)).exit_code for spec in jobs] == [0, 0, 0]
    assert outputs(desk, "c") == {n: f"C: B: A: TEXT {n}" for n in range(20)}
    assert max(desk.sent.values()) == 2


async def test_a_stage_whose_upstream_was_stopped_finishes_what_it_has_and_says_so(desk: Desk):
    desk.rows(100)
    desk.provider.latency_s = lambda asked: 0.05 if asked.texts[0].startswith("a:") else 0.0
    jobs = three(desk, concurrency=1)
    async with desk.engine() as engine:
        for spec in jobs:
            await engine.submit(spec)
        await until(lambda: desk.snapshot("c").job.done >= 5)
        engine.job("a").drain("enough")
        ends = [await engine.wait(spec.name) for spec in jobs]
    assert [end.state for end in ends] == [JobState.DRAINED] * 3
    assert [end.exit_code for end in ends] == [130] * 3
    left = desk.snapshot("a").job.left
    assert ends[1].reason.startswith(f"all that a has answered is done, but it is drained, with {left} left")
    assert len(outputs(desk, "a")) == len(outputs(desk, "b")) == len(outputs(desk, "c")) == 100 - left
    assert [end.exit_code for end in await run(desk, *jobs)] == [0, 0, 0]
    assert outputs(desk, "c").keys() == set(range(100))
    assert set(desk.sent.values()) == {1}


async def test_an_upstream_that_is_removed_is_told(desk: Desk):
    desk.rows(5)
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        for spec in three(desk)[:2]:
            await engine.submit(spec)
        await until(lambda: desk.provider.in_flight)
        await engine._writer.run(lambda db: db.execute("UPDATE jobs SET name = 'gone' WHERE name = 'a'").rowcount)
        end = await engine.wait("b")
        desk.provider.gate.set()
    assert (end.state, end.exit_code) == (JobState.STOPPED, 3)
    assert end.reason == "the job a was removed while its answers were taken"


async def test_a_stage_that_is_at_its_end_takes_more_when_its_upstream_runs_again(desk: Desk):
    desk.rows(5)
    jobs = [stage(desk, "a"), stage(desk, "b", "a")]

    def slow(asked: Asked) -> float:
        return 0.4 if asked.texts[0].endswith("B: A: TEXT 4") or "A: TEXT 4" in asked.texts[0] else 0.0

    desk.provider.latency_s = slow
    async with desk.engine() as engine:
        for spec in jobs:
            await engine.submit(spec)
        await engine.wait("a")
        await until(lambda: desk.provider.in_flight == 1 and not desk.snapshot("b").job.open)
        desk.rows(9)
        await together(engine, jobs)
    assert outputs(desk, "b") == {n: f"B: A: TEXT {n}" for n in range(9)}
    assert set(desk.sent.values()) == {1}


async def test_a_stage_that_still_has_rows_in_hand_takes_more_too_when_its_upstream_runs_again(desk: Desk):
    jobs = [stage(desk, "a"), stage(desk, "b", "a")]
    desk.provider.latency_s = lambda asked: 0.0 if asked.texts[0].startswith("a:") else 0.7
    rows = numbered(4)
    async with desk.engine() as engine:
        for text, count in (("text 0", 3), ("new 0", 3), ("new 0", 4)):
            write_rows(desk.input, [rows[0] | {"text": text}, *rows[1:count]])
            for spec in jobs:
                await engine.submit(spec)
            await engine.wait("a")
            await until(lambda: desk.provider.in_flight == 3 and _has_read(engine, JobState.FINISHED))
        assert await together(engine, jobs[1:]) == [End(JobState.FINISHED, "", 0)]
    assert outputs(desk, "b") == {0: "B: A: NEW 0"} | {n: f"B: A: TEXT {n}" for n in (1, 2, 3)}


async def test_a_stage_that_has_read_all_takes_more_when_only_its_upstream_runs_again(desk: Desk):
    jobs = [stage(desk, "a"), stage(desk, "b", "a")]
    desk.provider.latency_s = lambda asked: 0.0 if asked.texts[0].startswith("a:") else 0.3
    rows = numbered(4)
    async with desk.engine() as engine:
        write_rows(desk.input, rows[:3])
        for spec in jobs:
            await engine.submit(spec)
        await engine.wait("a")
        await until(lambda: desk.provider.in_flight == 3 and _has_read(engine, JobState.FINISHED))
        write_rows(desk.input, rows)
        await engine.submit(jobs[0])
        assert await engine.wait("b") == End(JobState.FINISHED, "", 0)
    assert outputs(desk, "b") == {n: f"B: A: TEXT {n}" for n in range(4)}


def _has_read(engine: Engine, state: JobState) -> bool:
    """Return whether the second stage knows this of the first."""
    intake = engine.job("b")._intake
    assert intake
    assert isinstance(intake._live, Upstream)
    return intake._live._last is not None and intake._live._last.state is state


@pytest.mark.parametrize(
    ("name", "above", "told"),
    [
        ("b", "x", "b: input.job: there is no job x in this workspace; start it first, or both with one command"),
        ("a", "b", "a: input.job: these jobs wait for each other: a ← b ← a"),
    ],
)
async def test_an_upstream_that_can_not_be_is_refused(desk: Desk, name: str, above: str, told: str):
    desk.rows(2)
    await run(desk, *three(desk)[:2])
    with pytest.raises(UsageError) as error:
        await run(desk, stage(desk, name, above))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("output", "read_as", "fields"),
    [
        ("yes", "text", {"id": 1, "name": "x", "output": "yes"}),
        ({"name": "y", "size": 3}, "text", {"id": 1, "name": "x", "size": 3, "output": {"name": "y", "size": 3}}),
        ({"output": 5}, "text", {"id": 1, "name": "x", "output": {"output": 5}}),
        ([1, 2], "text", {"id": 1, "name": "x", "output": [1, 2]}),
        (None, "text", {"id": 1, "name": "x", "output": None}),
        ('{"size": 3}', "text", {"id": 1, "name": "x", "output": '{"size": 3}'}),
        ('{"size": 3}', "json", {"id": 1, "name": "x", "size": 3, "output": {"size": 3}}),
        ("[1]", "json", {"id": 1, "name": "x", "output": [1]}),
        ("{broken", "json", {"id": 1, "name": "x", "output": "{broken"}),
        ("[" * 5_000, "json", {"id": 1, "name": "x", "output": "[" * 5_000}),
    ],
)
def test_the_fields_of_an_item_are_those_above_and_what_came_out(output: object, read_as: str, fields: object):
    row = AnswerRow(1, "1", 1, b'{"id": 1, "name": "x"}', json.dumps(output).encode())
    assert fields_of(row, as_json=read_as == "json") == fields


def test_the_output_of_the_stage_before_is_the_one_that_counts():
    row = AnswerRow(1, "1", 1, b'{"id": 1, "output": "old", "size": 1}', b'{"size": 2}')
    assert fields_of(row, as_json=False) == {"id": 1, "output": {"size": 2}, "size": 1}


async def test_json_in_the_text_of_an_answer_becomes_fields(desk: Desk):
    desk.rows(3)
    above = stage(desk, "a", prompt='{{"NAME": "{text}"}}')
    below = stage(desk, "b", "a", prompt="{NAME} of {id}")
    below = msgspec.structs.replace(below, input=InputSpec(job="a", output="json"))
    assert [end.exit_code for end in await run(desk, above, below)] == [0, 0]
    assert outputs(desk, "b") == {n: f"TEXT {n} OF {n}" for n in range(3)}


async def test_budget_and_refusals_end_one_stage_alone(desk: Desk):
    desk.rows(30)
    jobs = three(desk)

    def script(asked: Asked):
        return refused(401) if asked.texts[0].startswith("b:") else answered(asked)

    desk.provider.answer = script
    ends = await run(desk, *jobs)
    assert [(end.state, end.exit_code) for end in ends] == [
        (JobState.FINISHED, 0),
        (JobState.STOPPED, 4),
        (JobState.STOPPED, 4),
    ]
    assert "all that b has answered is done, but it is stopped" in ends[2].reason
