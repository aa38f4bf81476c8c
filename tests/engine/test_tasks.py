"""What the tasks send, and what they make of what comes back."""

import json
from array import array
from base64 import b64encode

import msgspec
import pytest
from batchtop.engine.answer import Answer, Usage
from batchtop.engine.errors import AuthError
from batchtop.engine.item import Item
from batchtop.engine.outcome import Outcome
from batchtop.engine.tasks import build_task
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec
from batchtop.engine.text import plural
from batchtop.engine.transports import Response
from batchtop.engine.vector import json_of, pack
from hypothesis import given
from hypothesis import strategies as st

CHAT = ChatSpec(model="m", prompt="Say {text}", base_url="http://h/v1")
EMBED = EmbeddingsSpec(model="m", text="{text}", base_url="http://h/v1")
KEY = "swordfish-for-the-server"


def item(row, **fields):
    return Item(row, str(row), fields)


def items(count):
    return [item(row, text=f"text {row}") for row in range(count)]


def ok(body):
    return Response(200, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def completion(content, finish="stop", **message):
    return {
        "choices": [{"message": {"content": content, **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }


def vectors(*data):
    return {"data": [{"index": index, "embedding": vector} for index, vector in data], "usage": {"prompt_tokens": 5}}


class TestChatPlan:
    def test_one_request_an_item(self):
        spec = ChatSpec(
            model="m",
            prompt="Say {text}",
            base_url="http://h/v1",
            system="Speak {lang}.",
            temperature=0.5,
            max_tokens=20,
            parameters={"top_p": 0.9, "temperature": 1},
        )
        plan = build_task(spec, KEY).plan([item(1, text="hé", lang="de"), item(2, text="ho", lang="en")])
        first, second = plan.calls
        assert (first.items[0].row, second.items[0].row) == (1, 2)
        assert first.request.url == "http://h/v1/chat/completions"
        assert first.request.headers == {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        assert json.loads(first.request.body) == {
            "model": "m",
            "messages": [{"role": "system", "content": "Speak de."}, {"role": "user", "content": "Say hé"}],
            "temperature": 1,
            "max_tokens": 20,
            "top_p": 0.9,
        }

    def test_tokens_are_the_prompt_and_the_longest_answer(self):
        def tokens(spec):
            return build_task(spec, None).plan([item(1, text="x" * 4_000)]).calls[0].most.total

        assert 1_000 <= tokens(CHAT) - 512 < 1_030
        limited = ChatSpec(model="m", prompt="{text}", parameters={"max_completion_tokens": 7})
        assert 1_000 <= tokens(limited) - 7 < 1_050

    def test_an_item_without_the_field_is_unfit_alone(self):
        plan = build_task(CHAT, None).plan([item(1, text="a"), item(2, body="b")])
        assert [call.items[0].row for call in plan.calls] == [1]
        ((unfit, answer),) = plan.unfit
        assert unfit.row == 2
        assert answer.outcome is Outcome.BAD_ITEM
        assert answer.message == "no field 'text' in this item: it has body"

    def test_no_key_no_header(self):
        assert "Authorization" not in build_task(CHAT, None).plan(items(1)).calls[0].request.headers

    @pytest.mark.parametrize("key", ["two\nlines", "naïve"])
    def test_a_key_that_no_header_carries_is_refused_unseen(self, key):
        with pytest.raises(AuthError) as caught:
            build_task(CHAT, key)
        assert key not in str(caught.value)


class TestChatRead:
    def read(self, response, spec=CHAT):
        task = build_task(spec, KEY)
        return task.read(task.plan(items(1)).calls[0], response)

    @pytest.mark.parametrize(
        ("body", "output"),
        [
            (completion('a "b"\n\x1b[31mü'), 'a "b"\n\x1b[31mü'),
            (completion(""), ""),
            (completion("cut sho", "length"), "cut sho"),
            (completion([{"type": "thinking"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab"),
        ],
    )
    def test_the_text_comes_back_unchanged_on_one_line(self, body, output):
        reply = self.read(ok(body))
        assert reply.outcome is Outcome.OK
        assert json.loads(reply.answers[0].output) == output
        assert b"\n" not in reply.answers[0].output
        assert reply.usage == Usage(9, 3)

    @pytest.mark.parametrize(
        ("on_length", "outcome", "told"),
        [
            ("retry", Outcome.SHORT_REPLY, "cut at the token limit: raise task.max_tokens, or keep such answers"),
            ("fail", Outcome.BAD_ITEM, "cut at the token limit, which fails it by task.on_length"),
        ],
    )
    def test_a_cut_answer_is_kept_and_marked_unless_the_job_wants_it_otherwise(self, on_length, outcome, told):
        def read(finish, on_length, text="cut sho"):
            spec = ChatSpec(model="m", prompt="{text}", on_length=on_length)
            return self.read(ok(completion(text, finish)), spec)

        kept = read("length", "keep").answers[0]
        assert (kept.outcome, kept.output, kept.finish_reason) == (Outcome.OK, b'"cut sho"', "length")
        reply = read("length", on_length)
        assert [reply.outcome, reply.answers[0].outcome] == [outcome, outcome]
        assert told in reply.answers[0].message
        assert reply.usage == Usage(9, 3)
        assert read("length", on_length, "").outcome is outcome, "cut short before its first word"
        whole = read("stop", on_length).answers[0]
        assert (whole.outcome, whole.finish_reason) == (Outcome.OK, "")

    @pytest.mark.parametrize(
        ("body", "outcome", "told"),
        [
            (completion(None, refusal="I won't"), Outcome.BAD_ITEM, "the model refused: I won't"),
            (completion(None, "tool_calls", tool_calls=[{"id": "x"}]), Outcome.BAD_ITEM, "called a tool"),
            (completion("", "length"), Outcome.BAD_ITEM, "raise task.max_tokens"),
            (completion("half", "content_filter"), Outcome.BAD_ITEM, "content filter"),
            (completion("half", "error"), Outcome.OVERLOADED, "middle of its answer"),
            (completion(None), Outcome.SHORT_REPLY, "no content (finish_reason stop)"),
            ({"choices": []}, Outcome.SHORT_REPLY, "without an answer"),
            ({"choices": [], "error": {"message": "down", "code": 503}}, Outcome.OVERLOADED, "HTTP 503: down"),
            ({"choices": "text"}, Outcome.SHORT_REPLY, "without an answer"),
            (b'{"choices": [{"message": {"content": "hal', Outcome.OVERLOADED, "only a part"),
            (b"<html></html>", Outcome.OVERLOADED, "not JSON"),
        ],
    )
    def test_a_200_without_a_text_says_why(self, body, outcome, told):
        reply = self.read(ok(body))
        assert reply.outcome is outcome
        assert told in reply.message
        assert [(answer.outcome, answer.message) for answer in reply.answers] == [(outcome, reply.message)]

    def test_an_answer_without_usage_is_an_answer(self):
        body = {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": None}}
        assert self.read(ok(body)).usage == Usage()

    def test_tokens_of_a_failed_answer_are_counted(self):
        assert self.read(ok(completion(None))).usage == Usage(9, 3)

    def test_a_message_never_shows_the_key_nor_control_codes(self):
        body = json.dumps({"error": {"message": f"no \x1b[2J{KEY}\nfor you", "code": "invalid_api_key"}})
        reply = self.read(Response(401, {}, body.encode()))
        assert reply.outcome is Outcome.AUTH
        assert reply.message == "HTTP 401: no *** for you"


class TestEmbeddingsPlan:
    def test_one_request_for_all_items(self):
        spec = EmbeddingsSpec(model="m", text="{text}", base_url="http://h/v1", dimensions=3)
        (call,) = build_task(spec, None).plan(items(3)).calls
        assert call.request.url == "http://h/v1/embeddings"
        assert json.loads(call.request.body) == {
            "model": "m",
            "input": ["text 0", "text 1", "text 2"],
            "dimensions": 3,
            "encoding_format": "base64",
        }
        assert [each.row for each in call.items] == [0, 1, 2]

    def test_a_server_without_base64_is_not_asked_for_it(self):
        spec = EmbeddingsSpec(model="m", text="{text}", base_url="http://h/v1", encoding="float")
        (call,) = build_task(spec, None).plan(items(1)).calls
        assert json.loads(call.request.body) == {"model": "m", "input": ["text 0"]}

    def test_more_than_a_request_takes_are_split(self):
        plan = build_task(EMBED, None).plan(items(5_000))
        assert [len(call.items) for call in plan.calls] == [2_048, 2_048, 904]

    def test_an_empty_text_is_unfit_up_front(self):
        plan = build_task(EMBED, None).plan([item(1, text=""), item(2, text="a"), item(3)])
        assert [call.items[0].row for call in plan.calls] == [2]
        assert [(unfit.row, answer.outcome) for unfit, answer in plan.unfit] == [
            (1, Outcome.BAD_ITEM),
            (3, Outcome.BAD_ITEM),
        ]
        assert "empty" in plan.unfit[0][1].message

    def test_nothing_fit_is_no_call(self):
        assert build_task(EMBED, None).plan([item(1, text="")]).calls == ()


class TestEmbeddingsRead:
    def read(self, response, count=2, spec=EMBED):
        task = build_task(spec, None)
        return task.read(task.plan(items(count)).calls[0], response)

    def test_vectors_are_matched_by_index(self):
        reply = self.read(ok(vectors((1, [3, 4.0]), (0, [1, 2]))))
        assert [json_of(answer.output) for answer in reply.answers] == [b"[1.0,2.0]", b"[3.0,4.0]"]
        assert reply.usage == Usage(5, 0)

    def test_base64_and_numbers_are_read_alike_whatever_was_asked_for(self):
        text = b64encode(array("f", [0.5, 7.9])).replace(b"/", rb"\/")  # as some servers spell it
        assert rb"\/" in text
        body = b'{"data": [{"embedding": [\n  0.5,\n  79E-1\n ], "index": 0}, {"index": 1, "embedding": "%b"}]}' % text
        for spec in (EMBED, msgspec.structs.replace(EMBED, encoding="float")):
            first, second = self.read(ok(body), spec=spec).answers
            assert first == second == Answer(Outcome.OK, pack([0.5, 7.9], "float32"))

    def test_float16_by_choice(self):
        spec = msgspec.structs.replace(EMBED, vectors="float16")
        (answer,) = self.read(ok(vectors((0, [0.5, 2]))), 1, spec).answers
        assert answer.output == pack([0.5, 2], "float16")

    def test_a_number_that_cannot_be_stored_is_the_fault_of_its_item_alone(self):
        nan = "AADAfwAAgD8="
        reply = self.read(ok(vectors((0, [1, 2]), (1, nan))))
        assert [answer.outcome for answer in reply.answers] == [Outcome.OK, Outcome.BAD_ITEM]
        assert "infinite, too large for float32, or none" in reply.answers[1].message
        assert (reply.outcome, reply.usage) == (Outcome.OK, Usage(5, 0))
        alone = self.read(ok(vectors((0, [1e300]))), 1)
        assert (alone.outcome, alone.message) == (Outcome.BAD_ITEM, alone.answers[0].message)

    def test_a_text_that_a_refusal_quotes_is_no_refusal_of_base64(self):
        task = build_task(EMBED, None)
        quoting = b'{"error": {"message": "too long: what encoding_format does", "type": "invalid_request_error"}}'
        reply = task.read(task.plan([item(0, text="what encoding_format does")]).calls[0], Response(400, {}, quoting))
        assert reply.outcome is Outcome.BAD_ITEM

    REFUSAL = '{"error": {"message": "%s is not supported", "type": "invalid_request_error"}}'

    @pytest.mark.parametrize(
        ("encoding", "named", "outcome"),
        [
            ("base64", "encoding_format", Outcome.AUTH),
            ("base64", "the text", Outcome.BAD_ITEM),
            ("float", "encoding_format", Outcome.BAD_ITEM),
        ],
    )
    def test_a_server_that_refuses_base64_refuses_every_request_and_the_way_out_is_told(self, encoding, named, outcome):
        spec = msgspec.structs.replace(EMBED, encoding=encoding)
        reply = self.read(Response(400, {}, (self.REFUSAL % named).encode()), spec=spec)
        assert reply.outcome is outcome
        assert ('set encoding = "float" in [task]' in reply.message) == (outcome is Outcome.AUTH)

    @pytest.mark.parametrize(
        "data",
        [
            [(0, [1])],
            [(0, [1]), (0, [2])],
            [(0, [1]), (2, [2])],
            [(0, [1]), (1, [2]), (2, [3])],
            [(0, [1]), (1, None)],
            [(0, [1]), (1, [])],
            [(0, [1]), (1, [None])],
            [(0, [1]), (1, [[1]])],
            [(0, [1]), (1, "AAAA")],
            [(0, [1]), (1, "")],
            [(0, [1]), (1, "no base64")],
            [(0, [1]), (1, [True])],
            [(0, [1]), (1, {})],
            [(-1, [1]), (0, [2])],
            [],
        ],
    )
    def test_any_vector_missing_fails_the_whole_call(self, data):
        reply = self.read(ok(vectors(*data)))
        assert reply.outcome is Outcome.SHORT_REPLY
        assert [answer.outcome for answer in reply.answers] == [Outcome.SHORT_REPLY] * 2
        assert f"2 texts sent, {plural(len(data), 'vector')} came back" in reply.message

    @pytest.mark.parametrize("dropped", range(3))
    def test_nothing_is_kept_of_a_server_that_drops_an_input_and_numbers_the_rest_anew(self, dropped):
        sent = [[float(row)] for row in range(3) if row != dropped]
        reply = self.read(ok(vectors(*enumerate(sent))), 3)
        assert [answer.output for answer in reply.answers] == [b""] * 3
        assert reply.outcome is Outcome.SHORT_REPLY

    def test_embeddings_are_never_packed_they_are_many_a_request_anyway(self):
        task = build_task(EMBED, None)
        assert task.plan(items(5), 2) == task.plan(items(5))

    @given(st.permutations(range(6)), st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
    def test_every_item_gets_its_own_vector_in_any_order(self, order, numbers):
        reply = self.read(ok(vectors(*((index, [index, *numbers]) for index in order))), 6)
        found = [json.loads(json_of(answer.output)) for answer in reply.answers]
        assert found == [[row, *numbers] for row in range(6)]


@given(st.sampled_from([CHAT, EMBED]), st.integers(100, 599), st.binary() | st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["choices", "message", "content", "usage", "prompt_tokens", "data", "index", "embedding", "error"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_a_server_sends_raises(spec, status, body):
    task = build_task(spec, None)
    call = task.plan(items(2)).calls[0]
    reply = task.read(call, Response(status, {}, body))
    assert len(reply.answers) == len(call.items)
    outcomes = {answer.outcome for answer in reply.answers}
    assert outcomes == {reply.outcome} or (reply.outcome is Outcome.OK and outcomes <= {Outcome.OK, Outcome.BAD_ITEM})
