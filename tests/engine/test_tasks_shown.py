"""The request of one item, as it is sent and without what is secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from batchtop.engine.errors import InputError
from batchtop.engine.item import Item
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.shown import ShownRequest, shown_request
from batchtop.engine.taskspec import TaskSpec
from hypothesis import given
from hypothesis import strategies as st

from .workshop import chat, embeddings, job_of

FORMAT = {"type": "json_object"}


def shown(task: TaskSpec, fields: dict[str, object], key: str = "7") -> ShownRequest:
    return shown_request(job_of(Path("in.jsonl"), task), fields, key)


CASES: list[tuple[TaskSpec, str, dict[str, Any]]] = [
    (
        chat(system="Be brief.", temperature=0.5, max_tokens=9),
        "chat/completions",
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Judge: hé"}],
            "temperature": 0.5,
            "max_tokens": 9,
        },
    ),
    (
        chat(parameters={"response_format": FORMAT}),
        "chat/completions",
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "Judge: hé"}],
            "response_format": FORMAT,
        },
    ),
    (
        embeddings(dimensions=8),
        "embeddings",
        {"model": "text-embedding-3-small", "input": ["hé"], "dimensions": 8, "encoding_format": "base64"},
    ),
]


@pytest.mark.parametrize(("task", "path", "body"), CASES)
def test_a_request_is_shown_as_it_goes(task: TaskSpec, path: str, body: dict[str, Any]):
    found = shown(task, {"text": "hé"})
    assert (found.method, found.url) == ("POST", f"http://127.0.0.1:9/v1/{path}")
    assert json.loads(found.body) == body
    assert found.body.startswith('{\n  "model": "')
    assert "hé" in found.body


@given(st.text())
def test_it_says_what_the_run_would_send(text: str):
    spec = chat(system="{text}")
    (call,) = build_task(spec, "tok_secret").plan((Item(1, "7", {"text": text}),)).calls
    found = shown(spec, {"text": text})
    assert json.loads(found.body) == json.loads(call.request.body)
    assert (found.method, found.url) == (call.request.method, call.request.url)


@pytest.mark.parametrize(
    ("task", "fields", "message"),
    [
        (chat(), {"txt": "a", "id": 1}, "item 7: no field 'text' in this item: it has txt, id"),
        (embeddings(), {}, "item 7: no field 'text' in this item: it has none"),
        (embeddings(), {"text": ""}, "item 7: the text is empty, and an empty text has no embedding"),
    ],
)
def test_fields_that_do_not_fit_say_why(task: TaskSpec, fields: dict[str, object], message: str):
    with pytest.raises(InputError) as raised:
        shown(task, fields)
    assert str(raised.value) == message


def test_no_key_is_needed_and_no_tokenizer_is_loaded():
    found = shown(chat(api_key_env=("NO_SUCH_KEY",), tokenizer="no_such_encoding"), {"text": "a"})
    assert "Authorization" not in repr(found)
