"""A task that is a request to a JSON API: where it goes, what it holds, and that no key stands in the file."""

import re
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from ..shape import texts_in
from ..tasks.json_path import compile_path
from ..tasks.json_template import lone_field
from ..tasks.template import Template, compile_template
from ..taskspec import HttpSpec
from ..text import holds_key, redact
from ..toml_file import Table, TomlFile
from .provider import has_port, key_names

_URL: Final = re.compile(r"https?://[^\s/?#{}@]+(?:[/?][^\s#]*)?", re.IGNORECASE)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_KEY_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+: *[\x21-\x7e][\x20-\x7e]*")
_NAMED_AS_KEY: Final = re.compile(r"(?:.*[-_])?(?:api)?(?:key|token|secret|password)", re.IGNORECASE)
_LEAST_KEY: Final = 12
"""Characters of a parameter that is named as one, from which on it is taken for a key."""
_KEYS_ALONE: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_ITEMS: Final = ("items",)


def read_http_task(file: TomlFile, table: Table) -> HttpSpec:
    """Return the task that a job file describes; raises the file's error."""
    found = {**table, "api_key_env": key_names(file, table, of="task.")}
    task = file.build(found, HttpSpec, of="task.")
    _check_url(file, task.url)
    _check_headers(file, task)
    _check_key(file, task, is_said="key_header" in table)
    _check_body(file, task)
    _check_batch(file, task)
    _check_paths(file, task)
    return task


def _check_url(file: TomlFile, url: str) -> None:
    if redact(url) != url or any(_is_key(*each) for each in parse_qsl(url.partition("?")[2])):
        file.fail("task.url", f"must not hold a key: URLs are stored, shown and logged on their way; {_WHERE_KEYS_GO}")
    if "@" in url.partition("?")[0]:
        file.fail("task.url", f"must not hold a user or password; {_WHERE_KEYS_GO}")
    _template(file, "task.url", url)
    if not _URL.fullmatch(url) or not has_port(url):
        file.fail(
            "task.url", 'must be as in "https://host/path/{field}?q={field}": no field in the host, and no fragment'
        )


_WHERE_KEYS_GO: Final = "name its variable in task.api_key_env, and its header in task.key_header"


def _is_key(name: str, text: str) -> bool:
    return len(text) >= _LEAST_KEY and "{" not in text and _NAMED_AS_KEY.fullmatch(name) is not None


def _check_headers(file: TomlFile, task: HttpSpec) -> None:
    keyed = task.key_header.partition(":")[0].lower() if task.api_key_env else ""
    for name, text in task.headers.items():
        key = f"task.headers.{name}"
        if not _HEADER_NAME.fullmatch(name):
            file.fail(key, "is no name of a header")
        if name.lower() in _OURS:
            file.fail(key, "is set by batchtop itself")
        has_fields = bool(_template(file, key, text).fields)
        is_key = name.lower() in {*_KEYS_ALONE, keyed} or (_NAMED_AS_KEY.fullmatch(name) and not has_fields)
        if is_key or redact(text) != text:
            file.fail(key, f"would hold a key, which a job file must not; {_WHERE_KEYS_GO}")


def _check_key(file: TomlFile, task: HttpSpec, *, is_said: bool) -> None:
    if is_said and not task.api_key_env:
        file.fail("task.key_header", "is where a key goes, and none is named in task.api_key_env")
    if redact(task.key_header) != task.key_header:
        file.fail("task.key_header", f"must not hold a key itself, but {{key}}; {_WHERE_KEYS_GO}")
    if not _KEY_HEADER.fullmatch(task.key_header) or task.key_header.partition(":")[2].count("{key}") != 1:
        file.fail("task.key_header", 'must be as in "X-Api-Key: {key}": a name, a colon, a value with {key} in it')


def _check_body(file: TomlFile, task: HttpSpec) -> None:
    if task.body is not None and task.method == "GET":
        file.fail("task.body", "can't go with a GET: put the fields into task.url, or set another task.method")
    for key, shape in (("task.body", task.body), ("task.item", task.item)):
        for place, text in texts_in(shape, key):
            template = _template(file, place, text)
            if holds_key(text):
                file.fail(place, f"would hold a key, which a job file must not; {_WHERE_KEYS_GO}")
            if place == key == "task.body" and lone_field(template) is None:
                file.fail(key, 'is a table, a list, or a field alone ("{field}"): what is sent is JSON')
        try:
            same = msgspec.json.decode(msgspec.json.encode(shape)) == shape
        except ValueError:
            same = False
        if not same:
            file.fail(key, "holds a value that JSON has no word for (a date, nan or inf)")


def _check_batch(file: TomlFile, task: HttpSpec) -> None:
    if task.takes == "item":
        for name in ("item", "results", "item_id", "result_id"):
            if getattr(task, name):
                file.fail(f"task.{name}", 'is for takes = "batch", where many items share a request')
        return
    if not task.has_body:
        file.fail("task.takes", f'"batch" needs a body for its items, and a {task.method} has none')
    shared = (("task.url", task.url), *((f"task.headers.{name}", text) for name, text in task.headers.items()))
    for key, text in shared:
        if compile_template(text).fields:
            file.fail(key, 'is one for a whole batch, so it can hold no field: that is for takes = "item"')
    _check_items(file, task)
    if task.result_id and not task.item_id:
        file.fail("task.result_id", "is compared with task.item_id, which is missing")


def _check_items(file: TomlFile, task: HttpSpec) -> None:
    """Raise unless the body of a batch has one place for its items, and none for fields of a single one."""
    texts = [(place, compile_template(text)) for place, text in texts_in(task.body, "task.body")]
    for place, template in texts:
        if template.fields and (template.fields != _ITEMS or lone_field(template) is None):
            file.fail(place, 'is one for a whole batch: only "{items}" goes here, and fields go into task.item')
    if task.body is not None and sum(template.fields == _ITEMS for _, template in texts) != 1:
        file.fail("task.body", 'needs a text that is "{items}", once: there the list of items goes')


def _check_paths(file: TomlFile, task: HttpSpec) -> None:
    if task.item_id:
        _template(file, "task.item_id", task.item_id)
    paths = [(f"task.{name}", str(getattr(task, name) or "")) for name in ("result", "results", "result_id")]
    paths += [("task.ok_when", path) for path in task.ok_when]
    for key, path in paths:
        try:
            compile_path(path, key)
        except ValueError as error:
            file.fail(key, str(error))
    if any(isinstance(wanted, dict | list) for wanted in task.ok_when.values()):
        file.fail("task.ok_when", 'is a table of paths and values, as in { "status.code" = 0 }')


def _template(file: TomlFile, key: str, text: str) -> Template:
    try:
        return compile_template(text)
    except ValueError as error:
        file.fail(key, str(error))
