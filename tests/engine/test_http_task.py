"""Requests to any JSON API: what templates make of an item, and what is found in an answer by paths and ids."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from batchtop.engine.answer import Usage
from batchtop.engine.classify import classify
from batchtop.engine.identity import identify
from batchtop.engine.item import Item
from batchtop.engine.outcome import Outcome
from batchtop.engine.price import cost_usd, is_priced
from batchtop.engine.tasks import Call, Reply, build_task
from batchtop.engine.tasks.json_path import LostError, compile_path
from batchtop.engine.tasks.shown import shown_request
from batchtop.engine.taskspec import HttpSpec
from batchtop.engine.transports import Request, Response
from hypothesis import given
from hypothesis import strategies as st

from .workshop import job_of

URL = "http://127.0.0.1:9/v1/things"
BILLED = Usage(requests=1)


def spec_of(**more: Any) -> HttpSpec:
    return HttpSpec(**{"url": URL} | more)


def batch(**more: Any) -> HttpSpec:
    return spec_of(**{"takes": "batch", "item": "{text}", "body": {"docs": "{items}"}} | more)


def items(*rows: Mapping[str, object]) -> list[Item]:
    return [Item(number, str(number), row) for number, row in enumerate(rows, 1)]


def request_of(spec: HttpSpec, row: Mapping[str, object], key: str | None = None) -> Request:
    (call,) = build_task(spec, key).plan(items(row)).calls
    return call.request


def unfit(spec: HttpSpec, row: Mapping[str, object]) -> str:
    plan = build_task(spec, None).plan(items(row))
    assert plan.calls == ()
    ((_, answer),) = plan.unfit
    assert answer.outcome is Outcome.BAD_ITEM
    return answer.message


def read(spec: HttpSpec, body: object, *rows: Mapping[str, object], status: int = 200, kind: str = "") -> Reply:
    task = build_task(spec, "swordfish-key-4711")
    (call,) = task.plan(items(*(rows or ({"text": "a", "id": 1},)))).calls
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return task.read(call, Response(status, {"content-type": kind} if kind else {}, content))


def outputs(reply: Reply) -> list[Any]:
    return [json.loads(each.output) if each.outcome is Outcome.OK else each.outcome for each in reply.answers]


# ── what is sent ──


BODIES: list[tuple[object, dict[str, object], object]] = [
    ({"q": "{text}", "n": 5, "deep": [{"a": ["{text}!"]}]}, {"text": "x"}, {"q": "x", "n": 5, "deep": [{"a": ["x!"]}]}),
    ({"n": "{n}", "said": "n is {n}"}, {"n": 7}, {"n": 7, "said": "n is 7"}),
    ({"a": "{tags}", "b": "{no}"}, {"tags": ["a", {"b": 1.5}], "no": None}, {"a": ["a", {"b": 1.5}], "b": None}),
    ("{payload}", {"payload": {"any": [True]}}, {"any": [True]}),
    (["{a}", "{{a}}", "100 %s"], {"a": False}, [False, "{a}", "100 %s"]),
    ({"{text}": "key names are no templates"}, {"text": "x"}, {"{text}": "key names are no templates"}),
    (None, {"all": 1, "of": "it"}, {"all": 1, "of": "it"}),
    ({}, {"text": "x"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "row", "sent"), BODIES)
def test_a_body_is_json_with_the_fields_in_their_own_types(body: object, row: dict[str, object], sent: object):
    request = request_of(spec_of(body=body), row)
    assert json.loads(request.body) == sent
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["Content-Type"] == "application/json"


def test_a_get_has_neither_a_body_nor_a_type():
    request = request_of(spec_of(method="GET", url=f"{URL}/{{id}}"), {"id": 7})
    assert (request.method, request.url, request.body) == ("GET", f"{URL}/7", b"")
    assert dict(request.headers) == {"Accept": "application/json"}


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_field_stays_what_it_is_in_path_and_query(value: str):
    spec = spec_of(method="GET", url=f"{URL}/{{v}}/tail?q={{v}}&n=1")
    if value in {".", ".."}:
        assert "lead elsewhere" in unfit(spec, {"v": value})
        return
    url = urlsplit(request_of(spec, {"v": value}).url)
    assert url.netloc == "127.0.0.1:9"
    *_, segment, tail = url.path.split("/")
    assert (unquote(segment), tail, url.fragment) == (value, "tail", "")
    assert parse_qs(url.query, keep_blank_values=True) == {"q": [value], "n": ["1"]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": ""}, "field 'id' is empty, and stands in the path of the URL"),
        ({"id": None}, "field 'id' is empty, and stands in the path of the URL"),
        ({"id": ".."}, "its URL would lead elsewhere: a part of the path is '.' or '..'"),
        ({"lang": "é"}, "header X-Lang: holds characters that no HTTP header can carry"),
        ({"lang": "a\r\nX-Admin: 1"}, "header X-Lang: holds characters that no HTTP header can carry"),
    ],
)
def test_an_item_that_can_not_be_asked_says_why(changed: dict[str, object], message: str):
    spec = spec_of(url=f"{URL}/{{id}}", headers={"X-Lang": "{lang}"}, body={"deep": ["{text}"]})
    row: dict[str, object] = {"id": 7, "lang": "en", "text": "x"}
    assert unfit(spec, row | changed) == message
    for name in row:
        rest = {other: value for other, value in row.items() if other != name}
        assert unfit(spec, rest) == f"no field {name!r} in this item: it has {', '.join(rest)}"


def test_an_empty_field_may_stand_in_the_query():
    assert request_of(spec_of(url=f"{URL}?a={{a}}&b={{b}}"), {"a": None, "b": ""}).url == f"{URL}?a=&b="


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({}, {"Authorization": "Bearer tok"}),
        ({"key_header": "X-Api-Key: {key}"}, {"X-Api-Key": "tok"}),
        ({"key_header": "Authorization: Token token={key};v=1"}, {"Authorization": "Token token=tok;v=1"}),
        ({"headers": {"Idempotency-Key": "job-{id}"}}, {"Idempotency-Key": "job-7", "Authorization": "Bearer tok"}),
        ({"headers": {"content-type": "application/vnd.api+json"}}, {"content-type": "application/vnd.api+json"}),
    ],
)
def test_headers_hold_the_key_and_what_the_templates_say(more: dict[str, Any], headers: dict[str, str]):
    sent = request_of(spec_of(**more), {"id": 7}, key="tok").headers
    assert headers.items() <= sent.items()
    assert len({name.lower() for name in sent}) == len(sent)


def test_a_batch_is_one_request():
    plan = build_task(batch(), None).plan(items({"text": "a"}, {"txt": "b"}, {"text": ["c"]}))
    (call,) = plan.calls
    assert json.loads(call.request.body) == {"docs": ["a", ["c"]]}
    assert [item.row for item in call.items] == [1, 3]
    assert [(item.row, answer.message) for item, answer in plan.unfit] == [
        (2, "no field 'text' in this item: it has txt")
    ]
    assert build_task(batch(), None).plan(items({})).calls == ()


def test_an_item_whose_answer_could_not_be_found_is_not_sent():
    plan = build_task(batch(item_id="{id}"), None).plan(items({"text": "a"}, {"text": "b", "id": 2}))
    assert [[item.row for item in call.items] for call in plan.calls] == [[2]]
    assert [answer.message for _, answer in plan.unfit] == ["no field 'id' in this item: it has text"]


def test_a_batch_of_whole_rows_needs_no_template():
    rows: list[dict[str, object]] = [{"a": 1}, {"b": [2]}]
    (call,) = build_task(batch(item=None, body=None), None).plan(items(*rows)).calls
    assert json.loads(call.request.body) == rows


# ── what comes back ──


ANSWER = {"data": {"items": [{"name": "a"}, {"name": "b"}], "a.b": 1, "7": "seven"}, "n": None}
FOUND: list[tuple[str, object]] = [
    ("", ANSWER),
    ("n", None),
    ("data.items[0].name", "a"),
    ("data.items.1.name", "b"),
    ("data.items[-1]", {"name": "b"}),
    ('data."a.b"', 1),
    ("data.7", "seven"),
]
LOST = [
    ("data.item", "'data.item' not found: 'data' has items, a.b, 7"),
    ("rows[0]", "'rows[0]' not found: the answer has data, n"),
    ("data.items[2].name", "'data.items[2].name' not found: 'data.items' is a list of 2"),
    ("data.items.name", "'data.items.name' not found: 'data.items' is a list of 2"),
    ("n.x", "'n.x' not found: 'n' is null"),
    ("data.items[0].name.x", "'data.items[0].name.x' not found: 'data.items[0].name' is a text"),
]


@pytest.mark.parametrize(("path", "value"), FOUND)
def test_a_path_leads_to_what_stands_there(path: str, value: object):
    reply = read(spec_of(result=path), ANSWER)
    assert (reply.outcome, outputs(reply), reply.usage) == (Outcome.OK, [value], BILLED)


@pytest.mark.parametrize(("path", "message"), LOST)
def test_a_path_that_breaks_says_where_and_is_not_tried_again(path: str, message: str):
    reply = read(spec_of(result=path), ANSWER)
    assert (reply.outcome, reply.message, reply.usage) == (Outcome.BAD_ITEM, f"task.result: {message}", BILLED)


NAMES = st.text(min_size=1, max_size=5, alphabet=st.characters(exclude_characters='"', exclude_categories=["Cs"]))


@given(st.recursive(st.integers(), lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner)), st.data())
def test_whatever_is_in_an_answer_has_a_path(value: object, data: st.DataObject):
    spelled, there = "", value
    while isinstance(there, dict | list) and there:
        if isinstance(there, list):
            step = data.draw(st.integers(-len(there), len(there) - 1))
            spelled, there = f"{spelled}[{step}]", there[step]
        else:
            step = data.draw(st.sampled_from(sorted(there)))
            spelled, there = f'{spelled}{"." if spelled else ""}"{step}"', there[step]
    assert compile_path(spelled, "task.result").find(value) is there


@given(
    st.text(max_size=20),
    st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)
def test_no_path_and_no_answer_is_a_traceback(text: str, value: object):
    with suppress(ValueError, LostError):
        compile_path(text, "task.result").find(value)


ENTRIES = [{"key": 2, "v": "two"}, {"key": 1, "v": "one"}]
ROWS: list[dict[str, object]] = [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
BY_ID = {"item_id": "{id}", "result_id": "key", "results": "r", "result": "v"}
SHORT = Outcome.SHORT_REPLY


@pytest.mark.parametrize(
    ("more", "answer", "found"),
    [
        ({}, ["x", None], ["x", None]),
        ({"results": "r", "result": "v"}, {"r": [{"v": 1}, {"v": [2]}]}, [1, [2]]),
        ({"result": "v"}, [{"v": 1}, {"error": "too long"}], [1, Outcome.BAD_ITEM]),
        (BY_ID, {"r": ENTRIES}, ["one", "two"]),
        (BY_ID, {"r": [*ENTRIES, {"key": 3, "v": "nobody's"}, {"error": "of nobody"}]}, ["one", "two"]),
        (BY_ID, {"r": [{"key": "2", "v": "two"}]}, [SHORT, "two"]),
        (BY_ID, {"r": [*ENTRIES, {"key": 1, "v": "another one"}]}, [SHORT, "two"]),
        (BY_ID, {"r": []}, [SHORT, SHORT]),
        ({"item_id": "n{id}", "results": "r"}, {"r": {"n1": "one", "n2": None}}, ["one", None]),
    ],
)
def test_each_item_of_a_batch_gets_its_own(more: dict[str, Any], answer: object, found: list[object]):
    reply = read(batch(**more), answer, *ROWS)
    assert (reply.outcome, outputs(reply), reply.usage) == (Outcome.OK, found, BILLED)


def test_items_that_share_an_id_are_asked_apart():
    reply = read(batch(**BY_ID), {"r": [{"key": 1, "v": "whose?"}, ENTRIES[0]]}, *ROWS, {"id": 1, "text": "c"})
    assert outputs(reply) == [SHORT, "two", SHORT]
    assert reply.answers[0].message == "of id '1' there is no result: 2 items have it, so which is whose can't be told"


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_by_id_no_item_gets_its_neighbours_answer(order: list[int], dropped: set[int]):
    rows: list[dict[str, object]] = [{"id": number, "text": "t"} for number in range(8)]
    entries = [{"key": number, "v": number} for number in order if number not in dropped]
    found = outputs(read(batch(**BY_ID), {"r": entries}, *rows))
    assert found == [SHORT if number in dropped else number for number in range(8)]


@pytest.mark.parametrize(
    ("more", "answer", "outcome", "message"),
    [
        ({}, ["x"], SHORT, "2 items sent, 1 result came back"),
        ({}, ["x", "y", "z"], SHORT, "2 items sent, 3 results came back"),
        ({"results": "r"}, {"error": "no"}, Outcome.BAD_ITEM,
         "task.results: 'r' not found: the answer has error (HTTP 200: no)"),
        ({}, {"a": 1}, Outcome.BAD_ITEM,
         "task.results: the answer has a, where a list with an entry for each item is wanted"),
        ({"results": "r"}, {"r": 5}, Outcome.BAD_ITEM,
         "task.results: 'r' is a number, where a list with an entry for each item is wanted"),
        ({"result": "w"}, [{"v": 1}, {"v": 2}], Outcome.BAD_ITEM, "task.result: 'w' not found: its entry has v"),
        (BY_ID | {"result_id": "nr"}, {"r": ENTRIES}, Outcome.BAD_ITEM,
         "task.result_id: 'nr' not found: an entry has key, v"),
        ({"item_id": "{id}"}, [1, 2], Outcome.BAD_ITEM,
         "task.results: a table by id is wanted, as task.result_id is not set; it is a list of 2"),
    ],
)  # fmt: skip
def test_a_batch_that_is_not_as_told_is_kept_for_none(
    more: dict[str, Any], answer: object, outcome: Outcome, message: str
):
    reply = read(batch(**more), answer, *ROWS)
    assert (reply.outcome, reply.message) == (outcome, message)
    assert {each.outcome for each in reply.answers} == {outcome}
    assert reply.usage == BILLED


OK_WHEN = {"ok_when": {"success": True, "status.code": 0}}


@pytest.mark.parametrize(
    ("answer", "outcome", "message"),
    [
        ({"success": True, "status": {"code": 0}}, Outcome.OK, ""),
        ({"success": 1, "status": {"code": 0}}, Outcome.BAD_ITEM, "task.ok_when: 'success' is 1, not true"),
        ({"success": False, "message": "quota of the day", "code": "rate_limit_exceeded"}, Outcome.RATE_LIMITED,
         "task.ok_when: 'success' is false, not true (HTTP 200: quota of the day)"),
        ({"success": True, "status": {"code": 9}}, Outcome.BAD_ITEM, "task.ok_when: 'status.code' is 9, not 0"),
        ({"status": {}}, Outcome.BAD_ITEM, "task.ok_when: 'success' not found: the answer has status"),
    ],
)  # fmt: skip
def test_a_200_may_be_a_refusal(answer: object, outcome: Outcome, message: str):
    reply = read(spec_of(**OK_WHEN), answer)
    assert (reply.outcome, reply.message) == (outcome, message)
    assert reply.usage == (Usage() if outcome is Outcome.RATE_LIMITED else BILLED)


@pytest.mark.parametrize(
    ("error", "outcome", "message"),
    [
        ("no such city", Outcome.BAD_ITEM, 'is "no such city"; {} (HTTP 200: no such city)'),
        ({"message": "no such city"}, Outcome.BAD_ITEM, 'is {{"message":"no such city"}}; {} (HTTP 200: no such city)'),
        ({"city": "unknown"}, Outcome.BAD_ITEM, 'is {{"city":"unknown"}}; {} (HTTP 200)'),
        ({"code": "rate_limit_exceeded"}, Outcome.RATE_LIMITED, 'is {{"code":"rate_limit_exceeded"}}; {} (HTTP 200)'),
        (True, Outcome.BAD_ITEM, "is true; {} (HTTP 200: as told beside it)"),
        ("x" * 70, Outcome.BAD_ITEM, f'is "{"x" * 59}...; {{}} (HTTP 200: {"x" * 70})'),
        (None, Outcome.OK, ""),
        (False, Outcome.OK, ""),
        ("", Outcome.OK, ""),
        ([], Outcome.OK, ""),
        (0, Outcome.OK, ""),
    ],
)
def test_a_200_with_an_error_in_it_is_none_unless_the_job_says_what_is(error: object, outcome: Outcome, message: str):
    answer = {"error": error} | ({"message": "as told beside it"} if error is True else {})
    reply = read(spec_of(), answer)
    hint = "where that is no failure, have task.ok_when or task.result say what is right"
    assert (reply.outcome, reply.message) == (outcome, message and f"the answer's 'error' {message.format(hint)}")
    for spec in (spec_of(result="error"), spec_of(ok_when={"error": error}), batch(results="r")):
        assert read(spec, answer | {"r": [1]}).outcome is Outcome.OK


@pytest.mark.parametrize("spec", [spec_of(), spec_of(method="DELETE", url=f"{URL}/{{id}}"), batch()])
def test_an_empty_answer_is_null_where_nothing_is_wanted_of_it(spec: HttpSpec):
    assert outputs(read(spec, b"", status=204)) == [None]
    assert outputs(read(spec, b" ")) == [None]


@pytest.mark.parametrize(
    ("spec", "sent", "outcome", "message"),
    [
        (spec_of(result="a"), (204, "", b""), Outcome.BAD_ITEM, "JSON is wanted: HTTP 204: the body is empty"),
        (spec_of(result="a"), (200, "", b""), Outcome.OVERLOADED, "HTTP 200: the body is empty"),
        (spec_of(), (200, "application/json; charset=utf-8", b'{"a": [1'), Outcome.OVERLOADED,
         'HTTP 200: the body is not JSON, or only a part of it: {"a": [1'),
        (spec_of(), (200, "text/html", b"<title>Log in</title>"), Outcome.BAD_ITEM,
         "JSON is wanted: HTTP 200: the body is not JSON, or only a part of it: Log in"),
        (spec_of(method="GET", url=f"{URL}/{{id}}"), (404, "", b'{"error": "unknown"}'), Outcome.BAD_ITEM,
         "HTTP 404: nothing there: unknown"),
        (spec_of(), (404, "", b""), Outcome.AUTH, "HTTP 404: no such model or URL: the body is empty"),
        (spec_of(), (405, "", b""), Outcome.AUTH,
         "HTTP 405: this URL takes no such request: check task.url: the body is empty"),
        (spec_of(), (422, "", b'{"detail": "bad swordfish-key-4711"}'), Outcome.BAD_ITEM, "HTTP 422: bad ***"),
        (spec_of(), (429, "", b'{"error": "slow"}'), Outcome.RATE_LIMITED, "HTTP 429: slow"),
        (spec_of(), (500, "", b"oops"), Outcome.OVERLOADED, "HTTP 500: oops"),
        (spec_of(), (401, "", b'{"error": "who?"}'), Outcome.AUTH, "HTTP 401: who?"),
    ],
)  # fmt: skip
def test_refusals_and_what_is_no_json(spec: HttpSpec, sent: tuple[int, str, bytes], outcome: Outcome, message: str):
    status, kind, body = sent
    reply = read(spec, body, status=status, kind=kind)
    assert (reply.outcome, reply.message) == (outcome, message)


@given(st.integers(200, 599), st.binary(max_size=40) | st.sampled_from([b"[]", b"{}", b"null", b"[[[", b'{"r": [1]}']))
def test_whatever_a_server_sends_each_item_gets_an_answer(status: int, body: bytes):
    for spec in (spec_of(), spec_of(result="r[0]"), batch(), batch(**BY_ID)):
        reply = read(spec, body, *(ROWS if spec.takes == "batch" else ROWS[:1]), status=status)
        assert len(reply.answers) == (2 if spec.takes == "batch" else 1)
        if not 200 <= status < 300:
            assert reply.outcome is not Outcome.OK
            assert reply.outcome is classify(status, {}, body)[0]


# ── who an item is, what it costs, how it looks ──


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (spec_of(), None),
        (batch(item=None), None),
        (spec_of(method="GET", url=f"{URL}/{{id}}?q={{q}}", headers={"X-L": "{lang}"}), {"id", "q", "lang"}),
        (spec_of(body=[{"a": "{b}"}]), {"b"}),
        (batch(item=["{text}"], item_id="{id}"), {"text", "id"}),
    ],
)
def test_an_item_is_the_fields_that_are_sent(spec: HttpSpec, fields: set[str] | None):
    digest = identify(job_of(None, spec))  # pyright: ignore[reportArgumentType]
    row = dict.fromkeys(("id", "q", "lang", "b", "text", "other"), "x")
    changed = {name for name in row if digest("1", {**row, name: "y"}) != digest("1", row)}
    assert changed == (set(row) if fields is None else fields)


def test_prices_are_of_requests():
    assert cost_usd(spec_of(price_per_request=0.02), BILLED) == 0.02
    assert cost_usd(spec_of(price_per_request=0.02), Usage()) == 0
    assert cost_usd(spec_of(), BILLED) is None
    assert [is_priced(spec_of(price_per_request=price)) for price in (None, 0, 1)] == [False, True, True]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (spec_of(method="GET", url=f"{URL}/{{id}}"), ("GET", f"{URL}/7", "")),
        (spec_of(body={"q": "{text}"}), ("POST", URL, '{\n  "q": "hé"\n}')),
        (batch(), ("POST", URL, '{\n  "docs": [\n    "hé"\n  ]\n}')),
    ],
)
def test_a_request_is_shown_as_it_goes(spec: HttpSpec, told: tuple[str, str, str], tmp_path):
    shown = shown_request(job_of(tmp_path / "in", spec), {"id": 7, "text": "hé"}, "7")
    assert (shown.method, shown.url, shown.body) == told


def test_the_lane_is_the_server():
    assert {spec_of(url=url).base_url for url in ("https://h:1/a/{id}", "https://h:1?q={id}", "https://h:1")} == {
        "https://h:1"
    }


def test_a_call_reserves_no_tokens():
    (call,) = build_task(spec_of(), None).plan(items({"a": 1})).calls
    assert isinstance(call, Call)
    assert call.most == Usage()
