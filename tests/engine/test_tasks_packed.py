"""Several items in one chat request: each gets its own answer back, whatever order and shape the reply has."""

import json

import pytest
from batchtop.engine import Engine
from batchtop.engine.answer import Usage
from batchtop.engine.item import Item
from batchtop.engine.outcome import Outcome
from batchtop.engine.redo import Redo
from batchtop.engine.simulator import Simulator
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.packed import ENVELOPE_TOKENS, INSTRUCTION, form_of
from batchtop.engine.taskspec import ChatSpec
from batchtop.engine.transports import Response
from hypothesis import given
from hypothesis import strategies as st

from .workshop import chat as real_chat
from .workshop import job_of, numbered, rows_of, write_rows

LABEL = {
    "type": "object",
    "properties": {"label": {"$ref": "#/$defs/Label"}},
    "required": ["label"],
    "additionalProperties": False,
    "$defs": {"Label": {"enum": ["good", "bad"]}, "Unused": {"$ref": "#/$defs/Label"}},
    "$id": "urn:label",
}


def schema(own, **more):
    return {"type": "json_schema", "json_schema": {"name": "own", "schema": own} | more}


def chat(**more):
    return ChatSpec(**{"model": "m", "prompt": "Say {text}", "base_url": "http://h/v1"} | more)


def items(count, **fields):
    return [Item(row, f"key-{row}", {"text": f"text {row}", **fields}) for row in range(count)]


def planned(spec, batch, per_request):
    return build_task(spec, None).plan(batch, per_request).calls


def body(call):
    return json.loads(call.request.body)


def asked(call):
    """What the last message of a packed request asks."""
    return json.loads(body(call)["messages"][-1]["content"])["items"]


class TestPlan:
    def test_a_request_holds_up_to_so_many_items_each_with_an_id(self):
        calls = planned(chat(), items(7), 3)
        assert [[item.row for item in call.items] for call in calls] == [[0, 1, 2], [3, 4, 5], [6]]
        assert asked(calls[1]) == [{"id": str(n), "prompt": f"Say text {n + 2}"} for n in (1, 2, 3)]
        assert body(calls[1])["messages"][0] == {"role": "system", "content": INSTRUCTION}
        assert [message["role"] for message in body(calls[1])["messages"]] == ["system", "user"]

    @pytest.mark.parametrize(("batch", "per_request"), [(1, 10), (3, 1)])
    def test_one_item_is_asked_as_if_nothing_could_be_packed(self, batch, per_request):
        spec = chat(system="Be brief.", max_tokens=5, parameters={"response_format": schema(LABEL)})
        alone = [planned(spec, [item], 1)[0] for item in items(batch)]
        assert list(planned(spec, items(batch), per_request)) == alone

    def test_items_with_another_system_message_go_in_another_request(self):
        batch = [Item(row, str(row), {"text": "t", "lang": lang}) for row, lang in enumerate(["de", "en", "de", "fr"])]
        calls = planned(chat(system="Speak {lang}."), batch, 10)
        assert [[item.row for item in call.items] for call in calls] == [[0, 2], [1], [3]]
        assert body(calls[0])["messages"][0]["content"] == f"Speak de.\n\n{INSTRUCTION}"
        assert body(calls[1])["messages"][0]["content"] == "Speak en."

    def test_an_item_without_the_field_is_unfit_alone(self):
        plan = build_task(chat(), None).plan([*items(2), Item(9, "9", {})], 10)
        assert [[item.row for item in call.items] for call in plan.calls] == [[0, 1]]
        assert [item.row for item, _ in plan.unfit] == [9]

    @pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
    def test_the_limit_of_an_answer_is_one_for_each_item(self, key):
        (call,) = planned(chat(parameters={key: 30, "top_p": 0.5}), items(4), 10)
        assert body(call)[key] == 4 * (30 + ENVELOPE_TOKENS)
        assert body(call)["top_p"] == 0.5
        assert call.most == Usage(len(call.request.body) // 4, 4 * (30 + ENVELOPE_TOKENS))

    def test_without_a_limit_the_usual_is_reserved_for_each_item_and_no_limit_sent(self):
        (call,) = planned(chat(), items(4), 10)
        assert call.most.tokens_out == 4 * (512 + ENVELOPE_TOKENS)
        assert "max_tokens" not in body(call)


def answer_schema(form):
    return form.response_format["json_schema"]["schema"]["properties"]["answers"]["items"]["properties"]["answer"]


def refs(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        yield from (ref for inner in node.values() for ref in refs(inner))
    elif isinstance(node, list):
        yield from (ref for inner in node for ref in refs(inner))


class TestForm:
    def test_a_text_is_asked_for_strictly(self):
        form = form_of(None)
        entry = {
            "type": "object",
            "properties": {"id": {"type": "string"}, "answer": {"type": "string"}},
            "required": ["id", "answer"],
            "additionalProperties": False,
        }
        root = {
            "type": "object",
            "properties": {"answers": {"type": "array", "items": entry}},
            "required": ["answers"],
            "additionalProperties": False,
        }
        assert form.response_format == {
            "type": "json_schema",
            "json_schema": {"name": "answers", "strict": True, "schema": root},
        }
        assert form_of({"type": "text"}) == form

    def test_a_schema_of_the_job_becomes_that_of_each_answer_and_its_references_are_found(self):
        form = form_of(schema(LABEL, strict=True))
        root = form.response_format["json_schema"]["schema"]
        assert answer_schema(form) == {key: LABEL[key] for key in LABEL if key not in {"$defs", "$id"}}
        assert root["$defs"] == LABEL["$defs"]
        assert form.response_format["json_schema"]["strict"] is True
        for ref in refs(root):
            found = root
            for step in ref.removeprefix("#/").split("/"):
                found = found[step]

    @pytest.mark.parametrize("more", [{}, {"strict": False}, {"strict": None}])
    def test_a_schema_that_is_not_strict_stays_so(self, more):
        assert form_of(schema({"type": "object"}, **more)).response_format["json_schema"]["strict"] is False

    def test_json_of_any_shape_is_an_object(self):
        form = form_of({"type": "json_object"})
        assert answer_schema(form) == {"type": "object"}
        assert form.response_format["json_schema"]["strict"] is False  # a strict one must name every key

    @pytest.mark.parametrize(
        "own",
        [
            schema({"type": "object", "properties": {"next": {"$ref": "#"}}}),
            schema({"type": "object", "properties": {"next": {"$ref": "#/properties/x"}}}),
            schema({"type": "object", "properties": {"next": {"$dynamicRef": "#node"}}}),
            schema("any"),
            {"type": "json_schema"},
            {"type": "grammar"},
            "json",
        ],
    )
    def test_what_cannot_stand_inside_another_schema_is_asked_one_by_one(self, own):
        assert form_of(own) is None
        assert len(planned(chat(parameters={"response_format": own}), items(3), 3)) == 3


def pack(*answers):
    return json.dumps({"answers": [{"id": key, "answer": answer} for key, answer in answers]})


def read(content, count=3, finish="stop", **more):
    task = build_task(chat(**more), None)
    choice = {"message": {"content": content}, "finish_reason": finish}
    if isinstance(content, dict):
        choice["message"] = content
    response = {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}
    return task.read(task.plan(items(count), count).calls[0], Response(200, {}, json.dumps(response).encode()))


def outputs(reply):
    return [json.loads(answer.output) if answer.output else None for answer in reply.answers]


ALL = pack(("1", "a"), ("2", "b"), ("3", "c"))


class TestRead:
    @given(st.permutations(range(1, 7)), st.lists(st.text(), min_size=6, max_size=6))
    def test_every_item_gets_its_own_answer_in_any_order(self, order, texts):
        reply = read(pack(*((str(n), texts[n - 1]) for n in order)), 6)
        assert reply.outcome is Outcome.OK
        assert outputs(reply) == texts
        assert reply.usage == Usage(9, 3)

    @pytest.mark.parametrize(
        "content",
        [
            ALL,
            f"  {ALL}\n",
            f"```json\n{ALL}\n```",
            f"\n```\n{ALL}```\n",
            json.dumps(json.loads(ALL), indent=4),
            ALL.replace('"1"', "1"),
            json.dumps(json.loads(ALL) | {"note": "done"}),
        ],
    )
    def test_harmless_differences_are_none(self, content):
        assert outputs(read(content)) == ["a", "b", "c"]

    @pytest.mark.parametrize(
        ("content", "found", "told"),
        [
            (pack(("1", "a"), ("3", "c")), ["a", None, "c"], "no answer with the id 2"),
            (pack(("1", "a"), ("4", "x"), ("3", "c")), ["a", None, "c"], "no answer with the id 2"),
            (pack(("1", "a"), ("2", "x"), ("3", "c"), ("2", "y")), ["a", None, "c"], "several answers that differ"),
            (pack(("1", "a"), ("2", {"b": 1}), ("3", "c")), ["a", None, "c"], "id 2 is not a text"),
            (pack(("1", "a"), ("2", None), ("3", "c")), ["a", None, "c"], "id 2 is not a text"),
            (pack(("1", "a"), ([2], "b"), ("3", "c")), ["a", None, "c"], "no answer with the id 2"),
            ('{"answers": [{"id": "1", "answer": "a"}, 7, {"answer": "b"}, {"id": "3", "answer": "c"}]}',
             ["a", None, "c"], "no answer with the id 2"),
            ('{"answers": [{"id": "1", "answer": "a"}, {"id": "2", "answer": 1e999}, {"id": "3", "answer": "c"}]}',
             ["a", None, "c"], "id 2 can't be read"),
        ],
    )  # fmt: skip
    def test_an_item_without_a_good_answer_is_short_alone(self, content, found, told):
        reply = read(content)
        assert reply.outcome is Outcome.OK
        assert outputs(reply) == found
        assert [answer.outcome for answer in reply.answers] == [Outcome.OK, Outcome.SHORT_REPLY, Outcome.OK]
        assert told in reply.answers[1].message

    def test_the_same_answer_twice_is_one(self):
        assert outputs(read(pack(("1", "a"), ("2", "b"), ("2", "b"), ("3", "c")))) == ["a", "b", "c"]

    @pytest.mark.parametrize(
        "content",
        [
            "a, b and c",
            f"Here you are: {ALL}",
            f"Here you are:\n```json\n{ALL}\n```",
            ALL[:30],
            "[]",
            '{"answers": {}}',
            pack(),
            pack(("7", "a")),
            "",
            '{"answers":' + "[" * 50_000,
        ],
    )
    def test_none_answered_is_a_short_reply_for_all(self, content):
        reply = read(content)
        assert reply.outcome is Outcome.SHORT_REPLY
        assert [answer.outcome for answer in reply.answers] == [Outcome.SHORT_REPLY] * 3
        assert "3 items were asked in one request and none was answered" in reply.message
        assert reply.usage == Usage(9, 3)

    def test_what_is_no_unicode_costs_the_answers_from_there_on(self):
        assert outputs(read(ALL.replace('"c"', '"\\ud800"'))) == ["a", "b", None]

    def test_a_cut_reply_says_what_to_do_and_one_that_is_whole_is_kept(self):
        assert "raise task.max_tokens or lower items_per_request" in read(ALL[:30], finish="length").message
        for on_length in ("keep", "retry", "fail"):
            reply = read(ALL, finish="length", on_length=on_length)
            assert outputs(reply) == ["a", "b", "c"]
            assert [answer.finish_reason for answer in reply.answers] == [""] * 3

    @pytest.mark.parametrize("length", range(1, len(ALL)))
    def test_of_a_torn_reply_the_whole_answers_count(self, length):
        whole = [letter for letter in "abc" if f'"{letter}"}}' in ALL[:length]]
        reply = read(ALL[:length], finish="length")
        assert outputs(reply)[: len(whole)] == whole
        ends = [Outcome.OK] * len(whole) + [Outcome.SHORT_REPLY] * (3 - len(whole))
        assert [answer.outcome for answer in reply.answers] == ends

    @pytest.mark.parametrize(
        ("content", "finish"), [({"refusal": "I won't"}, "stop"), ("half", "content_filter"), ("", "length")]
    )
    def test_a_refusal_is_of_the_whole_call(self, content, finish):
        reply = read(content, finish=finish)
        assert [reply.outcome, *(answer.outcome for answer in reply.answers)] == [Outcome.BAD_ITEM] * 4

    def test_an_answer_by_the_jobs_schema_is_its_json_text_as_a_lone_answers_would_be(self):
        content = '{"answers": [{"id": "2", "answer": {"n": 1.50}}, {"id": "1", "answer":  {"label":"good"} }]}'
        reply = read(content, 2, parameters={"response_format": schema(LABEL)})
        assert outputs(reply) == ['{"label":"good"}', '{"n": 1.50}']

    @pytest.mark.parametrize("own", [schema({"type": "object"}), {"type": "json_object"}])
    def test_where_an_object_is_wanted_a_text_is_none(self, own):
        reply = read(pack(("1", "a"), ("2", {})), 2, parameters={"response_format": own})
        assert [answer.outcome for answer in reply.answers] == [Outcome.SHORT_REPLY, Outcome.OK]
        assert "is not an object" in reply.answers[0].message


json_values = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["answers", "id", "answer", "x"]), inner),
)


@given(
    st.sampled_from([None, {"type": "json_object"}, schema({}), schema(LABEL)]),
    st.text() | json_values.map(json.dumps) | st.lists(json_values).map(lambda each: json.dumps({"answers": each})),
)
def test_nothing_a_model_writes_raises_or_answers_twice(own, content):
    reply = read(content, parameters={"response_format": own} if own else {})
    good = [answer for answer in reply.answers if answer.outcome is Outcome.OK]
    assert len(reply.answers) == 3
    assert reply.outcome is (Outcome.OK if good else Outcome.SHORT_REPLY)
    assert all(isinstance(json.loads(answer.output), str) for answer in good)
    assert all(answer.message and not answer.output for answer in reply.answers if answer not in good)


async def test_a_job_gets_the_same_answers_packed_as_one_by_one(workspace, tmp_path):
    rows = write_rows(tmp_path / "in.jsonl", numbered(100))
    async with Simulator() as provider, Engine(workspace) as engine:
        for name, per_request in (("alone", 1), ("packed", 5)):
            task = real_chat(provider.base_url, max_tokens=20)
            spec = job_of(rows, task, name=name, batch_size=20, items_per_request=per_request)
            end = await engine.run(spec, redo=Redo(fresh=True))  # else the second had all its answers from the first
            assert end.exit_code == 0
    alone, packed = rows_of(workspace, "SELECT id, requests FROM jobs ORDER BY name")
    assert (alone[1], packed[1]) == (100, 20)
    query = "SELECT key, output FROM results JOIN items ON items.row = item WHERE results.job = ? ORDER BY key"
    assert rows_of(workspace, query, alone[0]) == rows_of(workspace, query, packed[0])
