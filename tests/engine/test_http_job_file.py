"""Job files of type `http`: what is wrong is told by its key, and no key is ever shown or taken."""

from pathlib import Path

import msgspec
import pytest
from batchtop.engine.errors import JobFileError, SettingError
from batchtop.engine.identity import fingerprint
from batchtop.engine.job import JobSpec, check_budget
from batchtop.engine.jobfile import load_job
from batchtop.engine.taskspec import HttpSpec

BATCH = 'takes = "batch"\n'
SECRET = "sk-swordfish4711swordfish"


def load(folder: Path, task: str, limits: str = "") -> JobSpec:
    path = folder / "job.toml"
    head = '[input]\npath = "in.jsonl"\n[task]\ntype = "http"\n'
    url = "" if "url =" in task else 'url = "https://h.example/v1/x"\n'
    path.write_text(f"{head}{url}{task}\n{limits}", encoding="utf-8")
    return load_job(path)


@pytest.mark.parametrize(
    "task",
    [
        "",
        'method = "GET"\nurl = "http://127.0.0.1:80/a/{id}?q={q}&lang=en&key={key}"',
        'url = "https://h.example?q={q}"',
        'api_key_env = "MY_KEY"\nkey_header = "Ocp-Apim-Subscription-Key: {key}"',
        'headers = { Idempotency-Key = "{id}", Accept-Language = "de", X-Request-Key = "a-{id}" }',
        'body = { a = ["{b}", 1, { c = true }], text = "{{not a field}}" }',
        'body = "{payload}"\nresult = "data[0].\\"a.b\\".c"\nok_when = { success = true, "status.code" = 0 }',
        BATCH + 'item = "{text}"\nbody = { docs = "{items}" }\nresults = "r"\nitem_id = "{id}"\nresult_id = "k"',
        BATCH,
        BATCH + 'method = "DELETE"\nbody = ["{items}"]',
    ],
)
def test_a_good_one_is_read_and_travels_unchanged(tmp_path: Path, task: str):
    job = load(tmp_path, task)
    assert isinstance(job.task, HttpSpec)
    assert msgspec.json.decode(msgspec.json.encode(job), type=JobSpec) == job


@pytest.mark.parametrize(
    ("task", "key", "problem"),
    [
        ("method = 'FETCH'", "method", "'FETCH' is not understood"),
        ("url = 'ftp://h/x'", "url", 'must be as in "https://host/path/{field}?q={field}"'),
        ("url = 'https://{host}/x'", "url", "no field in the host"),
        ("url = 'https://h{port}/x'", "url", "no field in the host"),
        ("url = 'https://h:99999/x'", "url", "must be as in"),
        ("url = 'https://h/x#top'", "url", "no fragment"),
        ("url = 'https://h/x y'", "url", "must be as in"),
        ("url = 'https://h/{a'", "url", "'{' at character 11"),
        ("url = 'https://me:pass@h/x'", "url", "must not hold a user or password"),
        (f"url = 'https://h/x?q={SECRET}'", "url", "must not hold a key: URLs are stored, shown and logged"),
        ("url = 'https://h/x?api_key=0123456789abcdef'", "url", "name its variable in task.api_key_env"),
        ("url = 'https://h/x?access_token=0123456789abcdef&q={q}'", "url", "must not hold a key"),
        ("model = 'm'", "model", "is for tasks of type 'chat'"),
        ("prompt = 'm'", "prompt", "is for tasks of type 'chat'"),
        ("metod = 'GET'", "metod", "did you mean 'method'"),
        ("body = 5", "body", "found a whole number"),
        ("body = 'q={text}'", "body", "is a table, a list, or a field alone"),
        ("body = { a = 1979-05-27 }", "body", "JSON has no word for"),
        ("body = { auth = { key = 'sk-proj-abcdefgh12345678ij' } }", "body.auth.key", "would hold a key"),
        ("body = { a = nan }", "body", "JSON has no word for"),
        ("body = { a = [0, { b = 'x}' }] }", "body.a[1].b", "'}' at character 2"),
        ("method = 'GET'\nbody = {}", "body", "can't go with a GET"),
        ("headers = { 'A B' = 'x' }", "headers.A B", "is no name of a header"),
        ("headers = { Content-Length = '5' }", "headers.Content-Length", "is set by batchtop itself"),
        ("headers = { X-Q = '{q' }", "headers.X-Q", "'{' at character 1"),
        ("headers = { Authorization = 'Bearer {token}' }", "headers.Authorization", "would hold a key"),
        ("headers = { X-Api-Key = 'abc' }", "headers.X-Api-Key", "name its variable in task.api_key_env"),
        (f"headers = {{ X-Any = '{SECRET}' }}", "headers.X-Any", "would hold a key"),
        (
            "api_key_env = 'K'\nkey_header = 'X-Me: {key}'\nheaders = { x-me = '{a}' }",
            "headers.x-me",
            "would hold a key",
        ),
        ("key_header = 'X-Api-Key: {key}'", "key_header", "none is named in task.api_key_env"),
        ("api_key_env = 'K'\nkey_header = 'X-Api-Key'", "key_header", 'must be as in "X-Api-Key: {key}"'),
        ("api_key_env = 'K'\nkey_header = 'X-Api-Key: key'", "key_header", "must be as in"),
        (f"api_key_env = 'K'\nkey_header = 'X-Api-Key: {SECRET}'", "key_header", "must not hold a key itself"),
        (f"api_key_env = '{SECRET}'", "api_key_env", "wants the NAME of an environment variable"),
        ("result = '.data'", "result", "'.data' is no path, from '.data' on"),
        ("result = 'data..x'", "result", "from '..x' on"),
        ("result = 'data[x]'", "result", "from '[x]' on"),
        ("ok_when = { 'a[' = 1 }", "ok_when", "'a[' is no path"),
        ("ok_when = { a = { b = 1 } }", "ok_when", "is a table of paths and values"),
        ("results = 'data'", "results", 'is for takes = "batch"'),
        ("item = { a = '{b}' }", "item", 'is for takes = "batch"'),
        ("takes = 'columns'", "takes", "'columns' is not understood"),
        (BATCH + "method = 'GET'", "takes", "a GET has none"),
        (BATCH + "method = 'DELETE'", "takes", "a DELETE has none"),
        (BATCH + "url = 'https://h/{id}'", "url", "is one for a whole batch"),
        (BATCH + "headers = { X-Id = '{id}' }", "headers.X-Id", "is one for a whole batch"),
        (BATCH + "body = { a = 1 }", "body", 'needs a text that is "{items}", once'),
        (BATCH + "body = { a = '{items}', b = '{items}' }", "body", "once"),
        (BATCH + "body = { a = '{items}', b = '{text}' }", "body.b", "fields go into task.item"),
        (BATCH + "body = { a = 'all: {items}' }", "body.a", 'only "{items}" goes here'),
        (BATCH + "item = { a = '{' }", "item.a", "has no partner"),
        (BATCH + "item_id = '{'", "item_id", "has no partner"),
        (BATCH + "result_id = 'id'", "result_id", "is compared with task.item_id, which is missing"),
        ("price_per_request = -1", "price_per_request", "expected a number"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, task: str, key: str, problem: str):
    with pytest.raises(JobFileError) as raised:
        load(tmp_path, task)
    told = str(raised.value)
    assert told.startswith(f"{tmp_path / 'job.toml'}: task.{key}: ")
    assert problem in told
    assert "\n" not in told
    assert SECRET not in told


def test_a_budget_wants_a_price(tmp_path: Path):
    with pytest.raises(JobFileError, match=r"set task\.price_per_request in the job file \(USD\)"):
        load(tmp_path, "", "[limits]\ncost = 5")
    job = load(tmp_path, "price_per_request = 0.01", "[limits]\ncost = 5")
    check_budget(job.task, job.layers)
    with pytest.raises(SettingError, match=r"price_per_request"):
        check_budget(msgspec.structs.replace(job.task, price_per_request=None), job.layers)


@pytest.mark.parametrize(
    ("task", "is_same"),
    [
        ("price_per_request = 1", True),
        ('api_key_env = "K"\nkey_header = "X-K: {key}"', True),
        ('headers = { Accept-Language = "de" }', False),
        ('result = "a"', False),
        ('method = "PUT"', False),
    ],
)
def test_answers_are_kept_where_only_keys_and_prices_change(tmp_path: Path, task: str, *, is_same: bool):
    assert (fingerprint(load(tmp_path, task)) == fingerprint(load(tmp_path, ""))) is is_same
