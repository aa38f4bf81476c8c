"""What a survey says a run would send is what the run then sends, whatever became of the job before."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from batchtop.engine import Engine
from batchtop.engine.errors import InputError
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.outcome import Outcome
from batchtop.engine.plan.survey import Survey, survey
from batchtop.engine.redo import Redo
from batchtop.engine.settings import Layer
from batchtop.engine.store.planning import Counts
from batchtop.engine.taskspec import CommandSpec
from batchtop.engine.testing import Asked, FakeTransport, answered, refused
from batchtop.engine.transports import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .workshop import chat, embeddings, numbered, rows_of, until, write_rows

Rows = Iterable[Mapping[str, object]]


def refusing(status: int, texts: Iterable[str]) -> Callable[[Asked], Response]:
    bad = set(texts)
    return lambda asked: refused(status) if set(asked.texts) & bad else answered(asked)


class Desk:
    """An input, a workspace, and a provider in memory."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "batchtop.db"
        self.input = folder / "rows.jsonl"
        self.provider = FakeTransport()

    def job(self, rows: Rows | None = None, *, name: str = "job", task: Any = None, **values: Any) -> JobSpec:
        if rows is not None:
            write_rows(self.input, rows)
        duplicates = values.pop("duplicates", "once")
        source = InputSpec(str(self.input), values.pop("id", "id"), duplicates)
        layer = Layer("job file", {"max_attempts": 1, "batch_size": 5, **values})
        return JobSpec(name, source, task or chat(prompt="{text}"), layers=(layer,))

    async def run(self, spec: JobSpec, redo: Redo | None = None, workspace: Path | None = None) -> int:
        """Run a job and return how many requests that took."""
        before = len(self.provider.asked)
        place = workspace or self.workspace
        async with Engine(place, environment={}, transport=lambda: self.provider) as engine:
            await engine.run(spec, redo or Redo())
        return len(self.provider.asked) - before

    def survey(self, spec: JobSpec, **how: Any) -> Survey:
        found = survey(self.workspace, spec, **how)
        balanced(found.counts, fresh=how.get("fresh", False))
        return found

    async def agree(self, spec: JobSpec, *, fresh: bool = False) -> Counts:
        """Survey and run, see that both come to the same number of requests, and return what the survey said."""
        found = self.survey(spec, fresh=fresh)
        sent = await self.run(spec, Redo(fresh=fresh))
        assert sent == found.work.requests, found
        return found.counts


def balanced(counts: Counts, *, fresh: bool) -> None:
    """See that every row is in the account, and once."""
    kinds = counts.new + counts.changed + counts.left + counts.retried
    ended = counts.done + counts.failed
    assert counts.rows == kinds + ended
    todo = counts.cached + counts.duplicates + counts.unfit + counts.ask
    assert todo == (counts.rows if fresh else kinds)
    assert sum(counts.cached_from.values()) == counts.cached


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def texts(*said: str) -> list[dict[str, object]]:
    return [{"id": number, "text": text} for number, text in enumerate(said)]


class TestCounts:
    async def test_everything_is_new_where_there_is_no_workspace_and_none_is_made(self, desk: Desk):
        found = desk.survey(desk.job(numbered(100)))
        assert found.counts == Counts(rows=100, new=100, ask=100)
        assert not desk.workspace.exists()
        assert await desk.run(desk.job()) == 100

    async def test_nothing_is_left_after_a_run_and_one_row_after_an_edit_of_one(self, desk: Desk):
        await desk.agree(desk.job(numbered(300)))
        assert await desk.agree(desk.job()) == Counts(rows=300, done=300)
        rows = numbered(300)
        rows[137]["text"] = "another"
        rows[138]["note"] = "is no part of the prompt"
        assert await desk.agree(desk.job(rows)) == Counts(rows=300, done=299, changed=1, ask=1)

    async def test_another_prompt_asks_all_again_and_says_so_and_the_old_one_is_remembered(self, desk: Desk):
        await desk.agree(desk.job(numbered(60)))
        other = desk.job(task=chat(prompt="Judge {text}"))
        assert desk.survey(other).changed_all
        assert not desk.survey(desk.job()).changed_all
        assert await desk.agree(other) == Counts(rows=60, changed=60, ask=60)
        back = desk.survey(desk.job())
        assert back.changed_all
        assert back.counts == Counts(rows=60, changed=60, cached=60, cached_from={"job": 60})
        assert await desk.run(desk.job()) == 0

    async def test_an_edited_row_is_no_other_prompt(self, desk: Desk):
        await desk.agree(desk.job(numbered(3)))
        assert not desk.survey(desk.job(texts("a", "b", "c"))).changed_all

    async def test_equal_rows_are_asked_once_unless_each_is_wanted(self, desk: Desk):
        rows = [{"id": number, "text": f"text {number // 2}"} for number in range(100)]
        assert desk.survey(desk.job(rows, duplicates="each")).counts.ask == 100
        assert await desk.agree(desk.job(rows)) == Counts(rows=100, new=100, duplicates=50, ask=50)

    async def test_another_job_with_the_same_questions_asks_nothing(self, desk: Desk):
        await desk.agree(desk.job(numbered(40)))
        other = await desk.agree(desk.job(name="other"))
        assert other == Counts(rows=40, new=40, cached=40, cached_from={"job": 40})

    async def test_what_was_refused_for_good_is_left_alone_here_and_in_other_jobs(self, desk: Desk):
        desk.provider.answer = refusing(400, ["text 3", "text 4"])
        await desk.agree(desk.job(numbered(20)))
        assert await desk.agree(desk.job()) == Counts(rows=20, done=18, failed=2)
        assert (await desk.agree(desk.job(name="other"))).cached == 20

    async def test_what_failed_for_a_passing_cause_is_tried_again(self, desk: Desk):
        desk.provider.answer = refusing(500, ["text 3", "text 4"])
        await desk.agree(desk.job(numbered(20)))
        desk.provider.answer = answered
        assert await desk.agree(desk.job()) == Counts(rows=20, done=18, retried=2, ask=2)

    async def test_after_a_retry_of_refusals_they_are_asked(self, desk: Desk):
        desk.provider.answer = refusing(400, ["text 3"])
        await desk.agree(desk.job(numbered(5)))
        await desk.run(desk.job(), Redo.kinds([Outcome.BAD_ITEM]))
        assert desk.survey(desk.job()).counts.failed == 1

    async def test_a_refusal_goes_with_the_row_that_it_was_for(self, desk: Desk):
        desk.provider.answer = refusing(400, ["bad"])
        await desk.agree(desk.job(texts("good", "bad")))
        assert (await desk.agree(desk.job(texts("good", "bad", "bad")))).cached == 1
        moved = await desk.agree(desk.job(texts("bad", "fine")))
        assert (moved.changed, moved.removed, moved.ask) == (2, 1, 2)

    async def test_rows_that_went_are_counted_and_come_back_with_their_answers(self, desk: Desk):
        await desk.agree(desk.job(numbered(30)))
        assert await desk.agree(desk.job(numbered(20))) == Counts(rows=20, done=20, removed=10)
        assert (await desk.agree(desk.job(numbered(25)))) == Counts(
            rows=25, new=5, done=20, cached=5, cached_from={"job": 5}
        )

    async def test_fresh_asks_all_again(self, desk: Desk):
        await desk.agree(desk.job(texts("a", "b", "b")))
        counts = await desk.agree(desk.job(), fresh=True)
        assert (counts.done, counts.ask, counts.duplicates) == (3, 2, 1)
        assert (await desk.agree(desk.job())).ask == 0

    async def test_rows_that_cant_become_a_request_are_none(self, desk: Desk):
        rows = [*numbered(10), {"id": "x"}, {"id": "y", "txt": "?"}]
        counts = await desk.agree(desk.job(rows))
        assert (counts.unfit, counts.ask) == (2, 10)
        assert (await desk.agree(desk.job())).failed == 2

    @pytest.mark.parametrize("count", [1, 99, 100, 101])
    async def test_embeddings_go_by_the_batch(self, desk: Desk, count: int):
        rows = [*numbered(count), {"id": "empty", "text": ""}]
        found = desk.survey(desk.job(rows, task=embeddings(), batch_size=20))
        assert (found.counts.unfit, found.counts.ask) == (1, count)
        assert found.work.requests == found.work.batches == -(-count // 20)

    async def test_a_run_that_stopped_half_way_left_the_rest(self, desk: Desk):
        spec = desk.job(numbered(50), rpm=0)
        async with Engine(desk.workspace, environment={}, transport=lambda: desk.provider) as engine:
            desk.provider.gate.clear()
            await engine.submit(spec)
            await until(lambda: desk.provider.asked)
            beside = desk.survey(spec)  # while the engine runs
            assert (beside.counts.left, beside.counts.ask) == (50, 50)
            await engine.job("job").cancel("enough")
            desk.provider.gate.set()
            await engine.wait("job")
        assert (await desk.agree(spec)).left == 50


async def test_a_survey_writes_nothing(desk: Desk):
    await desk.run(desk.job(numbered(20)))
    before = desk.workspace.read_bytes()
    desk.survey(desk.job(numbered(30), task=chat(prompt="{text}?")))
    assert desk.workspace.read_bytes() == before
    assert rows_of(desk.workspace, "SELECT count(*) FROM items") == [(20,)]


async def test_two_rows_of_one_id_are_told_as_a_run_tells_them(desk: Desk):
    spec = desk.job([*numbered(4), {"id": 2, "text": "again"}])
    with pytest.raises(InputError, match=r"rows.jsonl, line 5: the id 2 was used before, on line 3"):
        desk.survey(spec)


async def test_answers_of_before_tell_of_those_to_come(desk: Desk):
    await desk.run(desk.job(numbered(40)))
    found = desk.survey(desk.job(numbered(80)))
    assert found.past.tokens_out == 5
    assert found.past.tokens_out_own
    assert found.past.latency.total == 40
    assert found.past.lanes[""].prompts.seen == 40
    other = desk.survey(desk.job(name="other", task=chat(prompt="? {text}"))).past
    assert (other.tokens_out, other.tokens_out_own, other.latency_own) == (5, False, False)
    assert desk.survey(desk.job(name="third", task=chat(model="m"))).past.tokens_out is None


async def test_a_program_is_like_none_but_that_of_its_own_job(desk: Desk):
    task = CommandSpec(command=("true",))
    await desk.run(desk.job(numbered(30), task=task))
    assert desk.survey(desk.job(numbered(60), task=task)).past.latency.total == 30
    assert desk.survey(desk.job(name="other", task=task)).past.latency.total == 0


async def test_settings_changed_while_it_ran_are_those_of_the_next_run_too(desk: Desk):
    spec = desk.job(numbered(4), batch_size=1)
    async with Engine(desk.workspace, environment={}, transport=lambda: desk.provider) as engine:
        runner = await engine.submit(spec)
        runner.change({"batch_size": 3}, who="ann", origin="ann")
        await engine.wait("job")
    assert desk.survey(spec).settings.batch_size == 3
    assert desk.survey(spec, wishes={"batch_size"}).settings.batch_size == 1


STEP = st.fixed_dictionaries(
    {
        "texts": st.lists(st.sampled_from(["a", "b", "c", "bad", "worse", None]), min_size=1, max_size=6),
        "prompt": st.sampled_from(["{text}", "{text}", "{text}."]),
        "name": st.sampled_from(["one", "one", "two"]),
        "duplicates": st.sampled_from(["once", "once", "each"]),
        "fresh": st.sampled_from([False, False, False, True]),
        "down": st.sampled_from([False, False, True]),
        "retry": st.sampled_from([False, False, True]),
    }
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=2, max_size=4))
def test_whatever_happened_before_the_survey_counts_what_the_run_sends(steps: list[dict[str, Any]]):
    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            desk = Desk(Path(folder))
            for step in steps:
                await take(desk, step)

    asyncio.run(live())


async def take(desk: Desk, step: Mapping[str, Any]) -> None:
    rows = [{"id": n} if text is None else {"id": n, "text": text} for n, text in enumerate(step["texts"])]
    spec = desk.job(rows, name=step["name"], task=chat(prompt=step["prompt"]), duplicates=step["duplicates"])
    if step["down"]:  # after a failure that passes, a row that waited is sent in place of the one that failed
        desk.provider.answer = refusing(500, ["b", "b.", "worse", "worse."])
        await desk.run(spec)
    desk.provider.answer = refusing(400, ["bad", "bad.", "worse", "worse."])
    if step["retry"]:
        await desk.run(spec, Redo.kinds([Outcome.BAD_ITEM]))
    await desk.agree(spec, fresh=step["fresh"])
