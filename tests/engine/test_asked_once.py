"""The same question is asked once: within an input, in a later run, and in another job of the workspace."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from batchtop.engine import feed, twins
from batchtop.engine.answer import Answer
from batchtop.engine.item import Item
from batchtop.engine.job import InputSpec, OutputSpec
from batchtop.engine.outcome import RETRIED_BY_RERUN, Outcome
from batchtop.engine.settle import Settled
from batchtop.engine.store import answers
from batchtop.engine.testing import FakeTransport, answered, dropped, refused
from batchtop.engine.transports import Request, Response
from batchtop.engine.twins import Twins
from hypothesis import given
from hypothesis import strategies as st

from .desk import Desk
from .workshop import chat, embeddings, lines_of, numbered, rows_of, until, write_rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def same(desk: Desk, count: int, texts: int) -> None:
    """Write rows of which many ask the same."""
    write_rows(desk.input, [{"id": number, "text": f"text {number % texts}"} for number in range(count)])


async def test_half_the_rows_twice_is_half_the_requests(desk: Desk):
    same(desk, 1000, 500)
    await desk.run()
    assert desk.sent == Counter({f"text {number}": 1 for number in range(500)})
    desk.check(1000)
    assert {line["id"]: line["output"] for line in lines_of(desk.output)}[502] == "TEXT 2"
    job = desk.snapshot().job
    assert (job.done, job.cached, job.requests) == (1000, 500, 500)
    assert sum(sample.items for sample in desk.snapshot().samples) == 500, "what was not asked is no part of the speed"


async def test_a_batch_of_embeddings_asks_each_text_once(desk: Desk):
    same(desk, 400, 40)
    await desk.run(desk.job(task=embeddings(), batch_size=100))
    assert desk.sent == Counter({f"text {number}": 1 for number in range(40)})
    desk.check(400)


async def test_rows_are_asked_each_by_itself_where_that_is_wanted(desk: Desk):
    same(desk, 60, 20)
    job = desk.job()
    each = msgspec.structs.replace(job, input=InputSpec(str(desk.input), "id", duplicates="each"))
    for _ in range(2):
        await desk.run(each)
        assert set(desk.sent.values()) == {3}
    desk.check(60)


async def test_more_equal_rows_than_may_wait_are_answered_from_the_workspace(desk: Desk, monkeypatch):
    monkeypatch.setattr(twins, "MOST_WAITING", 10)
    monkeypatch.setattr(feed, "LEAST_PAGE", 20)
    same(desk, 500, 3)
    await desk.run(desk.job(batch_size=1, concurrency=2))
    assert desk.sent == Counter({f"text {number}": 1 for number in range(3)})
    desk.check(500)


async def test_what_another_job_was_answered_is_not_asked_again(desk: Desk):
    await desk.run()
    other = desk.folder / "other.jsonl"
    write_rows(other, [{"id": f"n{number}", "text": f"text {number}", "new": True} for number in range(90, 110)])
    job = msgspec.structs.replace(desk.job(), name="other", input=InputSpec(str(other), "id"))
    job = msgspec.structs.replace(job, output=msgspec.structs.replace(job.output, path=None, failures=None))
    assert (await desk.run(job)).exit_code == 0
    assert set(desk.sent.values()) == {1}
    assert len(desk.sent) == 110
    row = desk.snapshot("other").job
    assert (row.done, row.cached, row.requests) == (20, 10, 10)
    query = "SELECT key, output FROM results JOIN items ON row = item WHERE results.job = 2 AND cached ORDER BY key"
    assert rows_of(desk.workspace, query)[0] == ('"n90"', b'"TEXT 90"')


@pytest.mark.parametrize(("last", "while_it_runs"), [("text 99", (100, 0)), ("text 0", (0, 100))])
async def test_answers_wait_for_the_end_of_their_job_unless_one_may_look_for_them(
    desk: Desk, monkeypatch, last: str, while_it_runs: tuple[int, int]
):
    """To put each among a million others, as it comes, takes as long as all else that is done for it."""
    monkeypatch.setattr(answers, "MOST_ROWS", 30)
    desk.provider = provider = Holding()
    write_rows(desk.input, [*numbered(99), {"id": 99, "text": last}, {"id": "last", "text": "held"}])
    async with desk.engine() as engine:
        await engine.submit(desk.job(batch_size=1, concurrency=1))
        await provider.asked_for_it.wait()
        await until(lambda: desk.snapshot().job.done == 100)
        assert waiting_and_found(desk) == while_it_runs
        provider.let_go.set()
        await engine.wait("job")
    assert waiting_and_found(desk) == (0, 101)


async def test_what_a_dead_engine_did_not_gather_is_found_by_new_rows_and_by_other_jobs(desk: Desk):
    desk.rows(40)
    await desk.run()
    scatter(desk)
    write_rows(desk.input, [{"id": f"new {number}", "text": f"text {number}"} for number in range(20)])
    await desk.run()
    scatter(desk)
    assert desk.snapshot().job.cached == 20
    other = desk.folder / "other.jsonl"
    write_rows(other, numbered(30))
    job = msgspec.structs.replace(desk.job(), name="other", input=InputSpec(str(other), "id"), output=OutputSpec())
    await desk.run(job)
    assert desk.snapshot("other").job.cached == 30
    assert set(desk.sent.values()) == {1}


def scatter(desk: Desk) -> None:
    """Leave the answers as an engine does that dies before it gathers them."""
    with closing(sqlite3.connect(desk.workspace)) as db, db:
        db.execute("DELETE FROM answers")
        db.execute("DELETE FROM new_answers")
        answers.take(db, 0)


async def test_a_resumed_job_that_asks_nothing_twice_begins_at_once(desk: Desk):
    """To gather a million answers takes seconds, and none of them is for it."""
    write_rows(desk.input, numbered(100))
    desk.provider.answer = lambda asked: refused(401) if "text 5" in asked.texts[0] else answered(asked)
    assert (await desk.run(desk.job(batch_size=1, concurrency=1))).exit_code == 4
    scatter(desk)
    done = desk.snapshot().job.done
    desk.provider = provider = Holding()
    provider.held = b"text"
    async with desk.engine() as engine:
        await engine.submit(desk.job(batch_size=1, concurrency=1))
        await provider.asked_for_it.wait()
        assert waiting_and_found(desk) == (done, 0)
        provider.let_go.set()
        assert (await engine.wait("job")).exit_code == 0


def waiting_and_found(desk: Desk) -> tuple[int, int]:
    query = "SELECT (SELECT count(*) FROM new_answers), (SELECT count(*) FROM answers)"
    ((waiting, found),) = rows_of(desk.workspace, query)
    return waiting, found


class Holding(FakeTransport):
    """Lets one question wait until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held = b"held"
        self.asked_for_it = asyncio.Event()
        self.let_go = asyncio.Event()

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        if self.held in request.body:
            self.asked_for_it.set()
            await self.let_go.wait()
        return await super().send(request, timeout_s=timeout_s)


async def test_jobs_that_run_at_the_same_time_share_their_answers(desk: Desk, monkeypatch):
    monkeypatch.setattr(feed, "LEAST_PAGE", 5)
    desk.provider = provider = Holding()
    rows = desk.folder / "other.jsonl"
    write_rows(rows, [{"id": "held", "text": "held"}, *numbered(100)])
    one_by_one = desk.job(batch_size=1, concurrency=1)
    other = msgspec.structs.replace(one_by_one, name="other", input=InputSpec(str(rows), "id"), output=OutputSpec())
    async with desk.engine() as engine:
        await engine.submit(other)
        await provider.asked_for_it.wait()
        assert (await engine.run(one_by_one)).exit_code == 0
        provider.let_go.set()
        assert (await engine.wait("other")).exit_code == 0
    twice = sum(count == 2 for count in desk.sent.values())
    assert twice < 20, "only what the first had read already"
    assert desk.snapshot("other").job.cached == 100 - twice


async def test_what_another_model_answered_is_for_its_own_job_alone(desk: Desk):
    """A job without that fallback never asked for it."""
    desk.rows(3)
    await desk.run()
    with closing(sqlite3.connect(desk.workspace)) as db, db:
        db.execute("UPDATE results SET model = 'other-model' WHERE item = 1")
    write_rows(desk.input, [*numbered(3), {"id": 3, "text": "text 0"}])
    await desk.run()
    assert desk.sent["text 0"] == 1, "the job itself may have it"
    other = msgspec.structs.replace(desk.job(), name="other")
    await desk.run(msgspec.structs.replace(other, output=OutputSpec()))
    assert desk.sent == Counter({"text 0": 2, "text 1": 1, "text 2": 1})
    assert desk.snapshot("other").job.cached == 3


async def test_another_prompt_is_another_question(desk: Desk):
    desk.rows(5)
    await desk.run()
    other = msgspec.structs.replace(desk.job(task=chat(prompt="Other: {text}")), name="other")
    other = msgspec.structs.replace(other, output=msgspec.structs.replace(other.output, path=None, failures=None))
    await desk.run(other)
    assert len(desk.provider.asked) == 10


async def test_a_refusal_that_will_not_change_is_everybodys_and_a_failure_that_passes_is_not(desk: Desk):
    same(desk, 30, 3)

    def answer(asked):
        if asked.texts[0] == "text 0":
            return refused(400)
        tries = sum(each.texts == asked.texts for each in desk.provider.asked)
        return dropped() if asked.texts[0] == "text 1" and tries <= 2 else answered(asked)

    desk.provider.answer = answer
    end = await desk.run(desk.job(batch_size=1, max_attempts=2))
    assert end.exit_code == 1
    failed = {line["id"]: line["error"]["kind"] for line in lines_of(desk.failures)}
    assert failed == {**dict.fromkeys(range(0, 30, 3), "bad_item"), 1: "connection"}
    assert desk.sent["text 0"] == 1
    assert desk.sent["text 1"] == 3, "the first row failed after two tries, the second was answered"
    assert desk.snapshot().job.cached == 9 + 8 + 9


async def test_a_duplicate_is_answered_as_soon_as_the_first_is(desk: Desk):
    same(desk, 40, 20)
    desk.provider.gate.clear()
    async with desk.engine() as engine:
        await engine.submit(desk.job(batch_size=1, concurrency=1))
        await asyncio.sleep(0)
        desk.provider.gate.set()
        await engine.wait("job")
    order = [line["id"] for line in lines_of(desk.output)]
    assert order == [number for first in range(20) for number in (first, first + 20)]


def item(row: int, digest: bytes) -> Item:
    return Item(row, str(row), {}, digest)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from(list(Outcome))), max_size=30))
def test_every_item_ends_once_whatever_happens_to_the_first(steps):
    """Whatever is not sent is answered, sent later, or left, and nothing is in hand at the end."""
    hand = Twins()
    to_send = [item(row, digest) for row, (digest, _) in enumerate(steps) if hand.first(item(row, digest))]
    assert len({each.digest for each in to_send}) == len(to_send)
    outcomes = [outcome for _, outcome in steps]
    ended = []
    while to_send:
        each = to_send.pop()
        settled = Settled(each, Answer(outcomes[each.row]), 1, 5.0, 0.0)
        others, following = hand.answered(settled)
        ended += [each.row, *(other.item.row for other in others)]
        assert not (others and settled.answer.outcome in RETRIED_BY_RERUN)
        assert all(other.cached for other in others)
        to_send += [following] if following else []
    assert sorted(ended) == list(range(len(steps)))
    assert len(hand) == 0


async def test_a_text_without_a_field_is_asked_once_and_that_is_told(desk: Desk):
    desk.rows(5)
    await desk.run(desk.job(task=chat(prompt="A poem.")))
    assert len(desk.provider.asked) == 1
    assert any("every row asks the same" in line for line in desk.told())


def test_those_that_wait_hold_no_fields_and_have_them_when_they_are_sent():
    hand = Twins()
    first, second, third = (Item(row, str(row), {"text": "long"}, b"a") for row in range(3))
    assert [hand.first(each) for each in (first, second, third)] == [True, False, False]
    _, following = hand.answered(Settled(first, Answer(Outcome.TIMEOUT), 5, 5.0, 0.0))
    assert following == second
    (last,), _ = hand.answered(Settled(second, Answer(Outcome.OK), 1, 5.0, 0.0))
    assert (last.item.row, last.item.fields) == (2, {})
