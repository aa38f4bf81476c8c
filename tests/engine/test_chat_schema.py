"""Answers that keep a JSON schema: asked for, read, checked, tried again."""

import json
from pathlib import Path
from shutil import copy
from typing import Any

import msgspec
import pytest
from batchtop.engine import Engine
from batchtop.engine.errors import JobFileError
from batchtop.engine.identity import fingerprint
from batchtop.engine.item import Item
from batchtop.engine.job import OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.outcome import Outcome
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.simulator.shaped import shaped
from batchtop.engine.snapshot import JobState
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.schema import Schema
from batchtop.engine.testing import Asked, FakeTransport
from batchtop.engine.transports import Response

from .workshop import chat, job_of, lines_of, numbered, write_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
OPINION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mood": {"enum": ["good", "bad"]},
        "points": {"type": "array", "items": {"$ref": "#/$defs/point"}},
    },
    "required": ["mood"],
    "additionalProperties": False,
    "$defs": {"point": {"type": "object", "properties": {"at": {"type": "integer"}}}},
}


def said(text: str, finish: str = "stop") -> Response:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return Response(200, {}, json.dumps({"choices": [choice], "usage": {"completion_tokens": 7}}).encode())


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{"mood": "good"}', {"mood": "good"}),
        ('```json\n{"mood": "bad", "points": [{"at": 3}]}\n```', {"mood": "bad", "points": [{"at": 3}]}),
        ('  {"mood":\n"bad"}', {"mood": "bad"}),
    ],
)
def test_an_answer_that_keeps_the_schema_is_the_value_that_it_is(text: str, output: object):
    answer = Schema(OPINION).read(text)
    assert (answer.outcome, json.loads(answer.output)) == (Outcome.OK, output)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"mood": "so so"}', 'breaks task.schema at $.mood: "so so" is not one of'),
        ('{"mood": "bad", "points": [{"at": 1}, {"at": "x"}]}', "breaks task.schema at $.points[1].at: "),
        ("{}", 'breaks task.schema at $: "mood" is a required property'),
        ("[]", 'breaks task.schema at $: [] is not of type "object"'),
        ("It is good.", "is not JSON, as task.schema wants it"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_an_answer_that_breaks_the_schema_is_tried_again_and_says_where(text: str, told: str):
    answer = Schema(OPINION).read(text)
    assert answer.outcome is Outcome.SHORT_REPLY
    assert told in answer.message


def test_the_request_asks_for_the_schema():
    for strict in (False, True):
        task = build_task(chat(schema=OPINION, strict=strict), None)
        (call,) = task.plan([Item(1, "1", {"text": "a"})]).calls
        body = json.loads(call.request.body)
        wanted = {"name": "answer", "strict": strict, "schema": OPINION}
        assert body["response_format"] == {"type": "json_schema", "json_schema": wanted}


def test_an_answer_cut_short_says_so_whatever_on_length_keeps():
    task = build_task(chat(schema=OPINION), None)
    (call,) = task.plan([Item(1, "1", {"text": "a"})]).calls
    reply = task.read(call, said('{"mood": "go', "length"))
    assert reply.outcome is Outcome.SHORT_REPLY
    assert "cut at the token limit before it was whole: raise task.max_tokens" in reply.message
    assert reply.usage.tokens_out == 7


def test_each_of_several_packed_answers_keeps_it_or_is_asked_again():
    task = build_task(chat(schema=OPINION), None)
    items = [Item(number, str(number), {"text": "a"}) for number in range(3)]
    (call,) = task.plan(items, 3).calls
    answers = [{"id": "1", "answer": {"mood": "good"}}, {"id": "2", "answer": {"mood": 1}}, {"id": "3", "answer": "x"}]
    reply = task.read(call, said(json.dumps({"answers": answers})))
    assert [answer.outcome for answer in reply.answers] == [Outcome.OK, Outcome.SHORT_REPLY, Outcome.SHORT_REPLY]
    assert json.loads(reply.answers[0].output) == {"mood": "good"}
    assert "$.mood" in reply.answers[1].message


async def test_a_bad_answer_costs_an_attempt_and_the_last_one_fails_the_item(tmp_path: Path):
    tries = dict.fromkeys(("Judge: text 0", "Judge: text 1"), 0)

    def answer(asked: Asked) -> Response:
        (text,) = asked.texts
        tries[text] += 1
        return said('{"mood": "good"}' if text.endswith("0") and tries[text] == 3 else '{"mood": "odd"}')

    output = OutputSpec(str(tmp_path / "out.jsonl"), str(tmp_path / "failed.jsonl"))
    rows = write_rows(tmp_path / "in.jsonl", numbered(2))
    job = job_of(rows, chat(schema=OPINION), output=output, max_attempts=3)
    async with Engine(tmp_path / "w.db", transport=lambda: FakeTransport(answer)) as engine:
        assert (await engine.run(job)).exit_code == 1
    assert lines_of(tmp_path / "out.jsonl")[0] == {"id": 0, "status": "ok", "output": {"mood": "good"}}
    (failed,) = lines_of(tmp_path / "failed.jsonl")
    assert (failed["attempts"], failed["error"]["kind"]) == (3, "short_reply")
    assert "$.mood" in failed["error"]["message"]


@pytest.mark.parametrize("together", [1, 4])
async def test_the_built_in_provider_keeps_schemas(tmp_path: Path, together: int):
    rows = write_rows(tmp_path / "in.jsonl", numbered(8))
    async with Simulator(Behaviour()) as provider, Engine(tmp_path / "w.db") as engine:
        job = job_of(
            rows,
            chat(provider.base_url, schema=OPINION),
            output=OutputSpec(str(tmp_path / "out.jsonl")),
            items_per_request=together,
        )
        assert (await engine.run(job)).state is JobState.FINISHED
        assert len(provider.arrivals) < 8 or together == 1
    found = [line["output"] for line in lines_of(tmp_path / "out.jsonl")]
    assert len(found) == 8
    assert {each["mood"] for each in found} <= {"good", "bad"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        {"type": ["null", "boolean"]},
        {"type": "string", "minLength": 200},
        {"type": "string", "maxLength": 3},
        {"type": "string", "format": "date"},
        {"type": "array", "minItems": 3, "items": {"const": 7}},
        {"type": "array", "maxItems": 0},
        {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}], "$defs": {"a": {"enum": [1, 2]}}},
        {"$ref": "#/$defs/tree", "$defs": {"tree": {"properties": {"kids": {"items": {"$ref": "#/$defs/tree"}}}}}},
        {"required": ["free"], "type": "object"},
        {},
        OPINION,
    ],
)
def test_what_the_built_in_provider_makes_up_keeps_the_schema(schema: dict[str, Any]):
    value = shaped(schema, "a text", seed=1)
    assert Schema(schema).read(msgspec.json.encode(value).decode()).outcome is Outcome.OK
    assert value == shaped(schema, "a text", seed=1)


JOB = '[input]\npath = "in.jsonl"\n[task]\ntype = "chat"\nmodel = "m"\nbase_url = "http://h/v1"\nprompt = "{text}"\n'


def test_a_schema_is_a_file_beside_the_job_file_or_a_table_in_it(tmp_path: Path):
    (tmp_path / "shape.json").write_text('{"type": "object", "required": ["a"]}')
    (tmp_path / "one.toml").write_text(JOB + 'schema = "shape.json"\n')
    (tmp_path / "two.toml").write_text(JOB + '[task.schema]\ntype = "object"\nrequired = ["a"]\n')
    one, two = load_job(tmp_path / "one.toml"), load_job(tmp_path / "two.toml")
    assert one.task == two.task
    (tmp_path / "shape.json").write_text('{"type": "object"}')
    assert fingerprint(load_job(tmp_path / "one.toml")) != fingerprint(one), "another schema is another question"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('schema = "none.json"', "task.schema: {folder}/none.json: can't be read: No such file"),
        ('schema = "torn.json"', "task.schema: {folder}/torn.json: is not JSON"),
        ('schema = "list.json"', "task.schema: {folder}/list.json: expected a JSON schema"),
        ("schema = 3", "task.schema: expected a JSON schema"),
        ('schema = { type = "objekt" }', "task.schema: is no JSON schema: "),
        ('schema = { "$ref" = "https://h/x.json" }', "https://h/x.json is not part of it, and nothing is fetched"),
        ('schema = { "$ref" = "#/$defs/gone" }', "task.schema: is no JSON schema: Pointer '/$defs/gone'"),
        ("schema = { const = 2026-01-01 }", "task.schema: holds a value that JSON has no word for"),
        ("strict = true", "task.strict: is about task.schema, which is missing"),
        ("schema = {}\nparameters = { response_format = {} }", "task.parameters.response_format: is what task.schema"),
    ],
)
def test_what_is_wrong_with_a_schema_is_told_with_file_and_key(tmp_path: Path, more: str, told: str):
    (tmp_path / "torn.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "job.toml").write_text(JOB + more)
    with pytest.raises(JobFileError) as caught:
        load_job(tmp_path / "job.toml")
    assert str(caught.value).startswith(f"{tmp_path}/job.toml: ")
    assert told.format(folder=tmp_path) in str(caught.value)


async def test_the_example_runs_as_it_is(tmp_path: Path):
    for name in ("reviews.jsonl", "opinion.schema.json"):
        copy(EXAMPLES / name, tmp_path)
    async with Simulator(Behaviour()) as provider, Engine(tmp_path / "w.db") as engine:
        text = (EXAMPLES / "schema.toml").read_text().replace("http://127.0.0.1:8800/v1", provider.base_url)
        (tmp_path / "schema.toml").write_text(text)
        assert (await engine.run(load_job(tmp_path / "schema.toml"))).exit_code == 0
    outputs = [line["output"] for line in lines_of(tmp_path / "opinions.out.jsonl")]
    assert len(outputs) == 30
    assert all(1 <= each["stars"] <= 5 for each in outputs)
