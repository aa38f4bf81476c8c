"""Who an item is: what makes its answer, and nothing else."""

import json

import msgspec
import pytest
from batchtop.engine.identity import fingerprint, identify, used_fields
from batchtop.engine.job import InputSpec, JobSpec
from batchtop.engine.taskspec import ChatSpec, EmbeddingsSpec, Fallback, OpenAIBatchSpec
from hypothesis import given
from hypothesis import strategies as st


def job(task=None, **values):
    return JobSpec(name="j", input=InputSpec(path="/in", **values), task=task or ChatSpec(model="m", prompt="{text}"))


def digest(fields, *, key="1", of=None):
    return identify(of or job())(key, fields)


def test_what_is_asked_makes_an_item_and_not_what_else_its_row_holds():
    one = digest({"text": "a", "id": 1, "note": "x"})
    assert len(one) == 16
    assert digest({"note": "y", "text": "a"}, key="2") == one
    assert digest({"text": "b"}) != one


def test_rows_that_ask_the_same_are_told_apart_where_each_is_to_be_asked():
    each = job(duplicates="each")
    assert digest({"text": "a"}, key="1", of=each) != digest({"text": "a"}, key="2", of=each)
    assert digest({"text": "a"}, key="1", of=each) != digest({"text": "a"}, key="1")


def test_the_spelling_of_a_value_is_no_matter():
    spelt = [json.loads(text) for text in ('{"text": {"a": 1, "b": "\\u00e9"}}', '{"text": {"b": "é", "a": 1}}')]
    assert digest(spelt[0]) == digest(spelt[1])


@pytest.mark.parametrize(
    ("one", "other"), [({"text": None}, {}), ({"text": "1"}, {"text": 1}), ({"text": ["a"]}, {"text": '["a"]'})]
)
def test_values_that_look_alike_are_not_the_same(one, other):
    assert digest(one) != digest(other)


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=3)),
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=3)),
)
def test_two_rows_are_equal_where_the_fields_they_use_are(one, other):
    task = ChatSpec(model="m", prompt="{a} {b}")
    used = [{name: row[name] for name in "ab" if name in row} for row in (one, other)]
    assert (digest(one, of=job(task)) == digest(other, of=job(task))) == (used[0] == used[1])


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        (ChatSpec(model="m", prompt="{b} {a} {b} {{c}}"), ("a", "b")),
        (ChatSpec(model="m", prompt="p", system="{s}"), ("s",)),
        (EmbeddingsSpec(model="m", text="{t}"), ("t",)),
    ],
)
def test_the_fields_of_every_template_are_used(task, fields):
    assert used_fields(task) == fields


TASK = ChatSpec(model="m", prompt="p", parameters={"a": 1, "b": {"c": 2, "d": 3}})


def of(task):
    return fingerprint(JobSpec(name="j", input=InputSpec(path="/in"), task=task))


def changed(**values):
    return of(msgspec.structs.replace(TASK, **values))


@pytest.mark.parametrize(
    "values",
    [
        {"model": "n"},
        {"prompt": "q"},
        {"base_url": "http://h"},
        {"system": "s"},
        {"temperature": 0.0},
        {"max_tokens": 1},
        {"parameters": {"a": 1, "b": {"c": 2, "d": 4}}},
        {"on_length": "retry"},
    ],
)
def test_what_makes_the_answer_changes_it(values):
    assert changed(**values) != of(TASK)


@pytest.mark.parametrize(
    "values",
    [
        {"api_key_env": ("X",)},
        {"price_in": 1.0, "price_out": 2.0},
        {"parameters": {"b": {"d": 3, "c": 2}, "a": 1}},
        {"tokenizer": "o200k_base"},
        {"fallback": (Fallback(model="n"),)},
        {"on_length": "keep"},
    ],
)
def test_what_does_not_make_the_answer_leaves_it(values):
    assert changed(**values) == of(TASK)


@pytest.mark.parametrize("values", [{"vectors": "float16"}, {"encoding": "float"}])
@pytest.mark.parametrize("kind", [EmbeddingsSpec, OpenAIBatchSpec])
def test_how_vectors_are_sent_and_stored_is_no_part_of_them(kind, values):
    task = kind(model="m", text="{t}", **({"of": "embeddings"} if kind is OpenAIBatchSpec else {}))
    assert of(msgspec.structs.replace(task, **values)) == of(task)


@pytest.mark.parametrize(
    ("task", "digest"),
    [
        (ChatSpec(model="m", prompt="p"), "709d60965bf9bdecfc3a89262b1ea8b9"),
        (ChatSpec(model="m", prompt="p", parameters={"a": 1}, max_tokens=3), "46593423b1f4b7eb7a48189203c84f3c"),
        (EmbeddingsSpec(model="m", text="p", dimensions=3), "709bf9d98420316b84f686af6a123214"),
    ],
)
def test_what_a_workspace_holds_is_still_known_after_an_upgrade(task, digest):
    assert of(task) == digest


def test_types_differ():
    assert of(EmbeddingsSpec(model="m", text="p")) != of(ChatSpec(model="m", prompt="p"))
