"""Tasks on this machine: how items become calls, and what the results that come back mean."""

import msgspec
import pytest
from batchtop.engine.item import Item
from batchtop.engine.outcome import Outcome
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.local import LocalTask
from batchtop.engine.taskspec import PythonSpec
from batchtop.engine.transports import Response

ITEMS = [Item(row, str(row), {"id": row, "text": f"item {row}", "x": None}) for row in range(1, 4)]


def given(plan):
    return [(call.request.url, msgspec.json.decode(call.request.body)) for call in plan.calls]


@pytest.mark.parametrize(("takes", "sizes"), [("item", [1, 1, 1]), ("batch", [3]), ("columns", [3])])
def test_a_call_is_for_one_item_or_for_all(takes, sizes):
    plan = build_task(PythonSpec(call="words:f", takes=takes), None).plan(ITEMS)
    assert [len(call.items) for call in plan.calls] == sizes
    assert {url for url, _ in given(plan)} == {"python:words:f"}
    assert [fields for _, each in given(plan) for fields in each] == [item.fields for item in ITEMS]


def test_only_the_fields_named_are_given_and_all_must_be_there():
    items = [*ITEMS[:2], Item(3, "3", {"id": 3})]
    plan = build_task(PythonSpec(call="words:f", takes="batch", fields=("text", "x")), None).plan(items)
    assert given(plan) == [("python:words:f", [{"text": "item 1", "x": None}, {"text": "item 2", "x": None}])]
    ((item, answer),) = plan.unfit
    assert (item, answer.outcome) == (items[2], Outcome.BAD_ITEM)
    assert answer.message == "no field 'text' in this item: it has id"


def test_no_item_that_fits_is_no_call():
    plan = LocalTask("python:f", ("y",), whole=True).plan(ITEMS)
    assert (plan.calls, len(plan.unfit)) == ((), 3)


def read(body, items=ITEMS):
    task = LocalTask("python:f", whole=True)
    (call,) = task.plan(items).calls
    return task.read(call, Response(200, {}, body))


def test_each_item_has_its_own_result():
    reply = read(b'[{"output": {"a": null}}, {"error": "no\\nluck"}, {"error": "late", "outcome": "timeout"}]')
    assert reply.outcome is Outcome.OK
    assert [(answer.outcome, answer.output, answer.message) for answer in reply.answers] == [
        (Outcome.OK, b'{"a": null}', ""),
        (Outcome.BAD_ITEM, b"", "no luck"),
        (Outcome.TIMEOUT, b"", "late"),
    ]


def test_the_failure_of_a_single_item_is_that_of_its_call():
    reply = read(b'[{"error": "late", "outcome": "timeout"}]', ITEMS[:1])
    assert (reply.outcome, reply.message) == (Outcome.TIMEOUT, "late")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'[{"output": 1}]', "3 items given, 1 result came"),
        (b"not json", "its results can't be read"),
        (b'[{"output": 1}, {"outcome": "none such"}, {}]', "its results can't be read"),
        (b'{"output": 1}', "its results can't be read"),
    ],
)
def test_results_that_are_none_are_a_short_reply(body, part):
    reply = read(body)
    assert {reply.outcome, *(answer.outcome for answer in reply.answers)} == {Outcome.SHORT_REPLY}
    assert part in reply.message
