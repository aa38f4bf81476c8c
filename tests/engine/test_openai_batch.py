"""A provider's batch API: files there and back, and what becomes of them whoever dies, leaves or refuses on the way."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from batchtop.engine import Engine
from batchtop.engine.answer import Usage
from batchtop.engine.ending import End
from batchtop.engine.errors import JobFileError
from batchtop.engine.identity import fingerprint
from batchtop.engine.item import Item
from batchtop.engine.job import JobSpec, OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.outcome import Outcome
from batchtop.engine.price import cost_usd, unpriced
from batchtop.engine.redo import PASSING, Redo
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.simulator import batches as simulated
from batchtop.engine.simulator.refusal import RefusedError
from batchtop.engine.store.reader import Reader
from batchtop.engine.tasks import Reply, build_task
from batchtop.engine.tasks import batch as files
from batchtop.engine.taskspec import ChatSpec, OpenAIBatchSpec
from batchtop.engine.transports import Response
from batchtop.engine.vector import SINGLE
from msgspec import structs

from .crashing import KILLED
from .nursery import Nursery, Wish
from .workshop import chat, job_of, lines_of, numbered, rows_of, until, write_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
FRESH = Redo(fresh=True)
ALL: dict[str, float] = {"batch_size": 50_000, "max_wait": 5.0, "concurrency": 1}


def spec_of(base_url: str = "http://127.0.0.1:9/v1", **more: Any) -> OpenAIBatchSpec:
    given = {"model": "gpt-4o-mini", "prompt": "Judge: {text}", "base_url": base_url, "poll": 0.05}
    return OpenAIBatchSpec(**given | more)


def job(folder: Path, base_url: str, count: int = 20, *, settings: dict[str, float] = ALL, **more: Any) -> JobSpec:
    rows = write_rows(folder / "in.jsonl", numbered(count))
    output = OutputSpec(str(folder / "out.jsonl"), str(folder / "failed.jsonl"))
    return job_of(rows, spec_of(base_url, **more), output=output, **settings)


async def run(folder: Path, spec: JobSpec, redo: Redo = PASSING) -> End:
    async with Engine(folder / "w.db", environment={"A_KEY": "sk-one"}) as engine:
        return await engine.run(spec, redo)


def done(folder: Path) -> dict[int, Any]:
    return {line["id"]: line["output"] for line in lines_of(folder / "out.jsonl")}


def failed(folder: Path) -> dict[int, tuple[str, str, int]]:
    lines = lines_of(folder / "failed.jsonl")
    return {line["id"]: (line["error"]["kind"], line["error"]["message"], line["attempts"]) for line in lines}


def events(folder: Path) -> str:
    return "\n".join(message for (message,) in rows_of(folder / "w.db", "SELECT message FROM events ORDER BY id"))


def remembered(folder: Path) -> list[tuple[Any, ...]]:
    return rows_of(folder / "w.db", "SELECT id FROM remote_batches")


@pytest.fixture
async def provider() -> AsyncGenerator[Simulator]:
    async with Simulator(Behaviour(batch_s=0.1)) as server:
        yield server


# ── the task ──


def items(count: int) -> list[Item]:
    return [Item(n, str(n), {"text": f"t{n}"}, digest=n.to_bytes(16)) for n in range(1, count + 1)]


def test_a_batch_is_a_file_with_a_line_for_each_item_known_by_its_digest():
    plan = build_task(spec_of(), "sk-one").plan([*items(2), Item(3, "3", {})], 5)
    (call,) = plan.calls
    lines = [json.loads(line) for line in call.request.body.splitlines()]
    assert [line.pop("body")["messages"][0]["content"] for line in lines] == ["Judge: t1", "Judge: t2"]
    ids = [each.digest.hex() for each in items(2)]
    assert lines == [{"custom_id": each, "method": "POST", "url": "/v1/chat/completions"} for each in ids]
    assert [item.row for item, _ in plan.unfit] == [3]
    assert call.request.headers["Authorization"] == "Bearer sk-one"
    alone = build_task(spec_of().asked, None).plan(items(1)).calls[0].most
    assert call.most == Usage(2 * alone.tokens_in, 2 * alone.tokens_out)


def test_a_file_has_no_more_lines_and_no_more_bytes_than_a_server_takes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MOST_LINES", 3)
    task = build_task(spec_of(), None)
    assert [len(call.items) for call in task.plan(items(7)).calls] == [3, 3, 1]
    size = len(task.plan(items(2)).calls[0].request.body)
    monkeypatch.setattr(files, "MOST_BYTES", size)
    assert [len(call.items) for call in task.plan(items(5)).calls] == [2, 2, 1]
    monkeypatch.setattr(files, "MOST_BYTES", 1)
    assert [len(call.items) for call in task.plan(items(3)).calls] == [1, 1, 1]


def read(*lines: dict[str, Any] | bytes, status: int = 200, count: int = 2) -> Reply:
    task = build_task(spec_of(), None)
    (call,) = task.plan(items(count)).calls
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return task.read(call, Response(status, {}, body))


def line(number: int, text: str = "yes", status: int = 200, **error: str) -> dict[str, Any]:
    body: dict[str, Any] = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    body["usage"] = {"prompt_tokens": 10, "completion_tokens": 2}
    if status != 200:
        body = {"error": {"message": text}}
    response = None if error else {"status_code": status, "body": body}
    return {"custom_id": number.to_bytes(16).hex(), "response": response, "error": error or None}


@pytest.mark.parametrize(
    ("second", "outcome", "told"),
    [
        (line(2), Outcome.OK, ""),
        (line(2, "too long", 400), Outcome.BAD_ITEM, "too long"),
        (line(2, "oops", 500), Outcome.OVERLOADED, "oops"),
        (line(2, "slow down", 429), Outcome.RATE_LIMITED, "slow down"),
        (line(2, code="batch_expired", message="too late"), Outcome.TIMEOUT, "too late"),
        (line(2, code="batch_cancelled"), Outcome.OVERLOADED, "batch cancelled"),
        (line(2, code="put_back"), Outcome.CANCELLED, "put back"),
        (line(2, code="content_filter", message="no"), Outcome.BAD_ITEM, "no"),
        (b'{"custom_id": 7}', Outcome.SHORT_REPLY, "came back without an answer"),
        (b"\xff{", Outcome.SHORT_REPLY, "came back without an answer"),
    ],
)
def test_each_line_tells_of_its_own_item(second: dict[str, Any] | bytes, outcome: Outcome, told: str):
    reply = read(second, line(1))
    assert reply.outcome is Outcome.OK
    assert [answer.outcome for answer in reply.answers] == [Outcome.OK, outcome]
    assert told in reply.answers[1].message
    assert reply.usage.tokens_in == (20 if outcome is Outcome.OK else 10)


def test_what_all_lines_say_is_said_of_the_whole():
    assert read(line(1, "no", 401), line(2, "no", 401)).outcome is Outcome.AUTH
    refused = read(b'{"error": {"message": "bad file"}}', status=400)
    assert (refused.outcome, refused.message) == (Outcome.AUTH, "the batch was refused: HTTP 400: bad file")
    assert read(b"", status=503).outcome is Outcome.OVERLOADED


def test_a_batch_costs_less_and_is_the_same_question():
    priced = spec_of(price_in=1.0, price_out=2.0)
    million = Usage(1_000_000, 1_000_000)
    assert (cost_usd(priced.asked, million), cost_usd(priced, million)) == (3.0, 1.5)
    assert cost_usd(spec_of(price_in=1.0, price_out=2.0, discount=0.25), million) == 2.25
    assert unpriced(spec_of(price_in=1.0)) == "task.price_in and task.price_out"
    assert cost_usd(spec_of(of="embeddings", prompt=None, text="{t}", price_in=1.0), million) == 0.5
    rows = Path("in.jsonl")
    assert fingerprint(job_of(rows, spec_of())) == fingerprint(job_of(rows, chat(base_url="http://127.0.0.1:9/v1")))


JOB = '[input]\npath = "in.jsonl"\n[task]\ntype = "openai_batch"\nmodel = "m"\n'


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "task.prompt: is missing"),
        ('of = "embeddings"', "task.text: is missing"),
        ('of = "images"', "task.of: 'images' is not understood"),
        ('text = "{a}"', 'task.text: is not for of = "chat"'),
        ('prompt = "{a}"\nvectors = "float16"', 'task.vectors: is not for of = "chat"'),
        ('prompt = "{a"', "task.prompt: '{' at character 1"),
        ('prompt = "{a}"\nstream = true', "task.stream: is for tasks of type 'chat'"),
        ('prompt = "{a}"\ndiscount = 2', "task.discount: expected a number <= 1"),
        ('prompt = "{a}"\npol = 2', "task.pol: unknown key; did you mean 'poll'?"),
        ('prompt = "{a}"\nschema = "gone.json"', "gone.json: can't be read"),
        ('prompt = "{a}"\nbase_url = "http://u:p@h"', "task.base_url: must not hold a user or password"),
    ],
)
def test_what_is_wrong_in_a_job_file_is_told_with_its_key(tmp_path: Path, more: str, told: str):
    (tmp_path / "job.toml").write_text(JOB + more)
    with pytest.raises(JobFileError) as caught:
        load_job(tmp_path / "job.toml")
    assert told in str(caught.value)


def test_a_job_file_has_the_keys_of_what_is_asked(tmp_path: Path):
    (tmp_path / "job.toml").write_text(JOB + 'prompt = "{a}"\ntemperature = 0\nschema = { type = "object" }\n')
    task = load_job(tmp_path / "job.toml").task
    assert isinstance(task, OpenAIBatchSpec)
    assert task.asked == ChatSpec(
        model="m", prompt="{a}", temperature=0, schema={"type": "object"}, api_key_env=("OPENAI_API_KEY",)
    )


# ── the whole way ──


async def test_a_job_is_one_file_there_and_one_back(tmp_path: Path, provider: Simulator):
    end = await run(tmp_path, job(tmp_path, provider.base_url, price_in=1.0, price_out=2.0))
    assert end.exit_code == 0
    (batch,) = provider.batches.values()
    assert (len(batch.lines), batch.status) == (20, "completed")
    assert remembered(tmp_path) == []
    with Reader(tmp_path / "w.db") as reader:
        row = reader.known_job("job")
    assert (row.requests, row.done) == (1, 20)
    assert row.cost == pytest.approx((row.tokens_in + 2 * row.tokens_out) / 2e6)
    plain = tmp_path / "plain"
    plain.mkdir()
    rows = write_rows(plain / "in.jsonl", numbered(20))
    async with Engine(plain / "w.db") as engine:
        await engine.run(job_of(rows, chat(provider.base_url), output=OutputSpec(str(plain / "out.jsonl"))))
    assert done(tmp_path) == done(plain)


async def test_embeddings_and_schemas_go_as_batches_too(tmp_path: Path, provider: Simulator):
    for name, more in (
        ("e", {"of": "embeddings", "prompt": None, "text": "{text}", "model": "text-embedding-3-small"}),
        ("s", {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}),
    ):
        (tmp_path / name).mkdir()
        assert (await run(tmp_path / name, job(tmp_path / name, provider.base_url, 3, **more))).exit_code == 0
    assert {len(vector) for vector in done(tmp_path / "e").values()} == {256}
    stored = rows_of(tmp_path / "e" / "w.db", "SELECT output FROM results")
    assert [(output[:1], len(output)) for (output,) in stored] == [(SINGLE, 1 + 4 * 256)] * 3
    assert all(list(value) == ["n"] for value in done(tmp_path / "s").values())


async def test_what_expired_goes_again_together_and_costs_an_attempt(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=0.1, expired_rate=0.5)
    end = await run(tmp_path, job(tmp_path, provider.base_url, settings=ALL | {"max_attempts": 2}))
    assert end.exit_code == 1
    assert [len(batch.lines) for batch in provider.batches.values()] == [20, 10]
    assert {(kind, attempts) for kind, _, attempts in failed(tmp_path).values()} == {("timeout", 2)}
    assert len(done(tmp_path)) == 15


async def test_a_batch_of_which_nothing_came_in_time_costs_nothing(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=0.1, expired_rate=1)
    prices = {"price_in": 1000.0, "price_out": 1000.0}
    await run(tmp_path, job(tmp_path, provider.base_url, settings=ALL | {"max_attempts": 1}, **prices))
    assert len(failed(tmp_path)) == 20
    with Reader(tmp_path / "w.db") as reader:
        assert reader.known_job("job").cost == 0


async def test_a_line_that_is_never_answered_is_not_uploaded_for_ever(
    tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch
):
    whole = simulated.Batches._end

    def torn(self: simulated.Batches, batch: simulated.Batch, answered: list[simulated.Asked], why: str) -> None:
        whole(self, batch, answered[:-1], why)

    monkeypatch.setattr(simulated.Batches, "_end", torn)
    monkeypatch.setattr(simulated, "_without_answer", lambda *_: ())
    spec = job(tmp_path, provider.base_url, settings=ALL | {"max_attempts": 2, "max_wait": 0.1})
    assert (await asyncio.wait_for(run(tmp_path, spec), 8)).exit_code == 1
    assert [len(batch.lines) for batch in provider.batches.values()] == [20, 1]
    assert [(kind, attempts) for kind, _, attempts in failed(tmp_path).values()] == [("short_reply", 2)]
    assert len(done(tmp_path)) == 19


async def test_an_answer_nested_too_deep_to_be_read_is_none(
    tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch
):
    whole, deep = simulated.Batches._end, b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"

    def nested(self: simulated.Batches, batch: simulated.Batch, answered: list[simulated.Asked], why: str) -> None:
        monkeypatch.setattr(self, "_answer", lambda _: simulated.Answered(200, deep))
        whole(self, batch, answered, why)

    monkeypatch.setattr(simulated.Batches, "_end", nested)
    spec = job(tmp_path, provider.base_url, 2, settings=ALL | {"max_attempts": 1})
    assert (await run(tmp_path, spec)).exit_code == 1
    assert {kind for kind, _, _ in failed(tmp_path).values()} == {"short_reply"}


async def test_a_bad_line_fails_alone(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=0.1, poison="text 7")
    assert (await run(tmp_path, job(tmp_path, provider.base_url))).exit_code == 1
    assert len(provider.batches) == 1
    assert [(each, kind) for each, (kind, _, _) in failed(tmp_path).items()] == [(7, "bad_item")]


async def test_a_key_that_is_refused_ends_the_job_and_is_not_told(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(keys=("sk-other",))
    end = await run(tmp_path, job(tmp_path, provider.base_url, api_key_env=("A_KEY",)))
    assert end.exit_code == 4
    assert "sk-one" not in end.reason + events(tmp_path)
    assert (provider.batches, remembered(tmp_path)) == ({}, [])


@pytest.mark.parametrize(
    ("errors", "uploads", "lost"),
    [
        ([{"line": 3, "code": "invalid_json_line", "message": "no JSON"}], [20, 19], [2]),
        ([{"code": "token_limit_exceeded", "message": "too much is waiting"}], [20, 20], []),
    ],
)
async def test_a_batch_that_is_not_begun_says_which_line_is_the_matter_or_waits(
    tmp_path: Path, provider: Simulator, errors: list[dict[str, object]], uploads: list[int], lost: list[int]
):
    provider.behaviour = Behaviour(batch_s=60)
    async with Engine(tmp_path / "w.db") as engine:
        await engine.submit(job(tmp_path, provider.base_url))
        await until(lambda: provider.batches)
        (batch,) = provider.batches.values()
        provider.behaviour = Behaviour(batch_s=0.1)
        batch.status, batch.errors = "failed", errors
        await engine.wait("job")
    assert [len(each.lines) for each in provider.batches.values()] == uploads
    found = failed(tmp_path)
    assert sorted(found) == lost
    assert all((kind, message) == ("bad_item", "no JSON") for kind, message, _ in found.values())
    assert sorted(done(tmp_path)) == sorted({*range(20)} - {*lost})


async def test_a_provider_that_is_out_for_a_while_is_looked_at_again(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=0.4)
    async with Engine(tmp_path / "w.db") as engine:
        await engine.submit(job(tmp_path, provider.base_url))
        await until(lambda: remembered(tmp_path) not in ([], [("",)]))
        seen = len(provider.arrivals)
        provider.behaviour = Behaviour(batch_s=0.4, outage=(0, 1_000))
        await until(lambda: len(provider.arrivals) > seen + 2)
        provider.behaviour = Behaviour(batch_s=0.4)
        assert (await engine.wait("job")).exit_code == 0
    assert len(provider.batches) == 1


async def test_a_timeout_setting_is_none_for_a_batch(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=0.5)
    assert (await run(tmp_path, job(tmp_path, provider.base_url, settings=ALL | {"timeout": 0.1}))).exit_code == 0


# ── what outlives an engine ──


async def test_a_batch_that_the_provider_does_not_know_is_told_and_forgotten_when_all_is_asked_afresh(
    tmp_path: Path, provider: Simulator
):
    provider.behaviour = Behaviour(batch_s=60.0)
    spec = job(tmp_path, provider.base_url)
    await _left(tmp_path, spec, provider)
    (lost,) = provider.batches
    del provider.batches[lost]
    provider.behaviour = Behaviour(batch_s=0.1)
    end = await run(tmp_path, spec)
    assert end.exit_code == 4
    assert f"the batch {lost} is unknown to the provider with this key: it belongs to another key" in end.reason
    assert (provider.batches, remembered(tmp_path)) == ({}, [(lost,)]), "another key may know it"
    assert (await run(tmp_path, spec, FRESH)).exit_code == 0
    told = ("warn", f"forgotten, though they go on at the provider and may be billed: {lost}")
    assert told in rows_of(tmp_path / "w.db", "SELECT level, message FROM events")
    assert ([len(each.lines) for each in provider.batches.values()], len(done(tmp_path))) == ([20], 20)


@pytest.mark.parametrize(
    ("rows", "more", "told", "kept"),
    [
        (20, {}, "", True),
        (19, {}, "1 is no longer wanted, as rows or prompt changed", True),
        (12, {}, "8 are no longer wanted, as rows or prompt changed", True),
        (20, {"prompt": "Judge again: {text}"}, "20 are no longer wanted, as rows or prompt changed", False),
        (20, {"kind": "chat"}, "20 are no longer wanted, as the type of the job changed", True),
    ],
)
async def test_answers_that_nobody_wants_any_more_are_told_with_their_batch(
    tmp_path: Path, provider: Simulator, rows: int, more: dict[str, str], told: str, *, kept: bool
):
    provider.behaviour = Behaviour(batch_s=1.0)
    await _left(tmp_path, job(tmp_path, provider.base_url), provider)
    (batch,) = provider.batches
    changed = job(tmp_path, provider.base_url, rows, prompt=more.get("prompt", "Judge: {text}"))
    if "kind" in more:
        changed = structs.replace(changed, task=chat(provider.base_url))
    async with Engine(tmp_path / "w.db") as engine:
        runner = await engine.submit(changed)
        await until(lambda: events(tmp_path).splitlines().count("running") == 2)
        assert ((batch,) in remembered(tmp_path)) is kept
        await runner.cancel("seen enough")
    found = rows_of(tmp_path / "w.db", "SELECT message FROM events WHERE level = 'warn' AND message LIKE '%wanted%'")
    whole = f"{batch} goes on at the provider: of its items {told}; they may be billed"
    assert found == ([(whole,)] if told else [])


async def test_one_item_is_told_as_one(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=1.0)
    spec = job(tmp_path, provider.base_url, 1)
    await _left(tmp_path, spec, provider)
    assert (await run(tmp_path, spec)).exit_code == 0
    (batch,) = provider.batches
    assert f"{batch}: 1 item uploaded" in events(tmp_path)
    assert f"1 item is in {batch} already: waiting for that" in events(tmp_path)


async def test_after_a_kill_nothing_is_uploaded_again(tmp_path: Path, provider: Simulator, nursery: Nursery):
    provider.behaviour = Behaviour(batch_s=1.0)
    spec = job(tmp_path, provider.base_url)
    pid = await nursery.start(Wish(spec, str(tmp_path / "w.db"), str(tmp_path / "said")))
    await until(lambda: (tmp_path / "w.db").exists() and _is_known(tmp_path / "w.db"))
    os.kill(pid, signal.SIGKILL)
    assert await nursery.ended() == KILLED
    end = await run(tmp_path, spec)
    assert end.exit_code == 0
    (batch,) = provider.batches.values()
    assert f"20 items are in {batch.id} already: waiting for that" in events(tmp_path)
    assert (len(done(tmp_path)), remembered(tmp_path)) == (20, [])
    with Reader(tmp_path / "w.db") as reader:
        assert reader.known_job("job").unsure == 0


def _is_known(workspace: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{workspace}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM remote_batches WHERE id <> ''").fetchone() == (1,)
    except sqlite3.OperationalError:
        return False


async def test_a_batch_of_which_nobody_knows_whether_it_was_made_is_found_by_its_tag(
    tmp_path: Path, provider: Simulator
):
    provider.behaviour = Behaviour(batch_s=1.0)
    spec = job(tmp_path, provider.base_url)
    await _left(tmp_path, spec, provider)
    with closing(sqlite3.connect(tmp_path / "w.db")) as db:
        db.execute("UPDATE remote_batches SET id = ''")
        db.commit()
    assert (await run(tmp_path, spec)).exit_code == 0
    assert len(provider.batches) == 1


async def test_a_batch_that_was_never_made_is_made(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=1.0)
    spec = job(tmp_path, provider.base_url)
    await _left(tmp_path, spec, provider)
    with closing(sqlite3.connect(tmp_path / "w.db")) as db:
        db.execute("UPDATE remote_batches SET id = '', tag = 'other'")
        db.commit()
    assert (await run(tmp_path, spec)).exit_code == 0
    assert (len(provider.batches), len(done(tmp_path)), remembered(tmp_path)) == (2, 20, [])


async def test_a_batch_that_is_never_over_is_given_up(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=60.0)
    spec = job(tmp_path, provider.base_url, settings=ALL | {"max_attempts": 1})
    await _left(tmp_path, spec, provider)
    with closing(sqlite3.connect(tmp_path / "w.db")) as db:
        db.execute("UPDATE remote_batches SET at = at - 27 * 3600")
        db.commit()
    assert (await run(tmp_path, spec)).exit_code == 1
    assert {(kind, "is not over after 26 hours" in why) for kind, why, _ in failed(tmp_path).values()} == {
        ("timeout", True)
    }
    assert remembered(tmp_path) == []


async def _left(folder: Path, spec: JobSpec, provider: Simulator, how: str = "drain") -> End:
    """Run a job until its batch is known, then leave it."""
    async with Engine(folder / "w.db") as engine:
        runner = await engine.submit(spec)
        await until(lambda: _is_known(folder / "w.db"))
        await asyncio.sleep(0)
        if how == "drain":
            runner.drain("a test")
        else:
            await runner.cancel("a test")
        return await engine.wait(spec.name)


async def test_a_drain_leaves_the_batch_where_it_is_and_says_so(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=1.0)
    spec = job(tmp_path, provider.base_url)
    end = await _left(tmp_path, spec, provider)
    (batch,) = provider.batches.values()
    assert (end.exit_code, batch.status) == (130, "in_progress")
    assert f"{batch.id} goes on at the provider; run the job again to collect its answers" in events(tmp_path)
    bigger = write_rows(tmp_path / "in.jsonl", numbered(25))
    assert bigger.exists()
    assert (await run(tmp_path, spec)).exit_code == 0
    assert [len(each.lines) for each in provider.batches.values()] == [20, 5], "only what is new is uploaded"
    assert sorted(done(tmp_path)) == list(range(25))


async def test_a_cancel_ends_the_batch_and_keeps_what_it_answered(tmp_path: Path, provider: Simulator):
    provider.behaviour = Behaviour(batch_s=60.0)
    spec = job(tmp_path, provider.base_url)
    await _left(tmp_path, spec, provider, "cancel")
    (batch,) = provider.batches.values()
    assert batch.status == "cancelled"
    provider.behaviour = Behaviour(batch_s=0.1)
    assert (await run(tmp_path, spec)).exit_code == 0
    assert [len(each.lines) for each in provider.batches.values()] == [20, 10], "ten were answered by then"
    assert {attempts for (attempts,) in rows_of(tmp_path / "w.db", "SELECT attempts FROM results")} == {1}


async def test_the_example_runs_as_it_is(tmp_path: Path, provider: Simulator):
    copy(EXAMPLES / "reviews.jsonl", tmp_path)
    text = (EXAMPLES / "batch.toml").read_text().replace("http://127.0.0.1:8800/v1", provider.base_url)
    (tmp_path / "batch.toml").write_text(text)
    assert (await run(tmp_path, load_job(tmp_path / "batch.toml"))).exit_code == 0
    assert len(lines_of(tmp_path / "overnight.out.jsonl")) == 30


@pytest.mark.parametrize("made", [True, False])
async def test_a_gateway_that_fails_while_a_batch_is_made_has_nothing_asked_twice(
    tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch, *, made: bool
):
    whole = simulated.Batches._create

    def broken(self: simulated.Batches, body: bytes, now: float, wall: float) -> simulated.Batch:
        monkeypatch.setattr(simulated.Batches, "_create", whole)
        if made:
            whole(self, body, now, wall)
        raise RefusedError(502, "Bad gateway")

    monkeypatch.setattr(simulated.Batches, "_create", broken)
    assert (await run(tmp_path, job(tmp_path, provider.base_url))).exit_code == 0
    assert [len(batch.lines) for batch in provider.batches.values()] == [20]
    assert (len(done(tmp_path)), remembered(tmp_path)) == (20, [])


async def test_a_provider_that_never_makes_a_batch_is_not_asked_for_ever(
    tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> simulated.Batch:
        raise RefusedError(500, "no room")

    monkeypatch.setattr(simulated.Batches, "_create", broken)
    spec = job(tmp_path, provider.base_url, settings=ALL | {"max_attempts": 1})
    assert (await asyncio.wait_for(run(tmp_path, spec), 8)).exit_code == 1
    assert {(kind, "no room" in told) for kind, told, _ in failed(tmp_path).values()} == {("overloaded", True)}
    assert remembered(tmp_path) == []


async def test_a_drain_while_a_file_is_on_its_way_says_which_batch_it_leaves(
    tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch
):
    whole = simulated.Batches._create

    def now_drain(self: simulated.Batches, body: bytes, now: float, wall: float) -> simulated.Batch:
        runner.drain("a test")
        return whole(self, body, now, wall)

    monkeypatch.setattr(simulated.Batches, "_create", now_drain)
    provider.behaviour = Behaviour(batch_s=60.0)
    async with Engine(tmp_path / "w.db") as engine:
        runner = await engine.submit(job(tmp_path, provider.base_url))
        assert (await asyncio.wait_for(engine.wait("job"), 5)).exit_code == 130
    (batch,) = provider.batches.values()
    assert f"{batch.id} goes on at the provider" in events(tmp_path)


async def test_a_job_that_stops_lets_go_of_the_batches_that_it_waits_for(
    tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch
):
    whole = simulated.Batches._create

    def once(self: simulated.Batches, body: bytes, now: float, wall: float) -> simulated.Batch:
        if self.all:
            raise RefusedError(401, "no such key")
        return whole(self, body, now, wall)

    monkeypatch.setattr(simulated.Batches, "_create", once)
    provider.behaviour = Behaviour(batch_s=60.0)
    async with Engine(tmp_path / "w.db") as engine:
        runner = await engine.submit(
            job(tmp_path, provider.base_url, settings=ALL | {"batch_size": 10, "concurrency": 2})
        )
        await until(lambda: "is refused" in events(tmp_path))
        runner.drain("a test")
        end = await asyncio.wait_for(engine.wait("job"), 5)
    assert end.exit_code == 4
    assert [batch.status for batch in provider.batches.values()] == ["in_progress"]
    assert "goes on at the provider; run the job again" in events(tmp_path)
