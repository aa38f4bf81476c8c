"""The table [task] of a job file: what is asked of which server, and where to go when that one is in trouble."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec

from .errors import SettingError
from .job import OPENAI_KEY_ENV, OPENAI_URL, ChatSpec, EmbeddingsSpec, Fallback, TaskSpec, default_keys
from .settings import did_you_mean
from .tasks.template import compile_template
from .tasks.tokens import counter
from .text import looks_like_key
from .toml_file import Table, TomlFile

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", re.IGNORECASE)
_ENDPOINTS = ("/chat/completions", "/completions", "/embeddings")
_KINDS: Final[dict[str, type[ChatSpec] | type[EmbeddingsSpec]]] = {"chat": ChatSpec, "embeddings": EmbeddingsSpec}
_TEMPLATES = ("prompt", "system", "text")
_OURS = ("model", "messages", "stream")


def read_task(file: TomlFile) -> TaskSpec:
    """Return the task that a job file describes; raises the file's error."""
    table = file.table("task")
    kind = _KINDS[_type(file, table)]
    _check_kind(file, table, kind)
    base_url = _base_url(file, table, of="task.") or OPENAI_URL
    found = {
        "base_url": base_url,
        "api_key_env": _key_names(file, table, of="task.", default=default_keys(base_url)),
        "fallback": [_fallback(file, each, kind, of=of) for each, of in _fallbacks(file, table)],
    }
    task = file.build({**table, **found}, kind, of="task.")
    _check_templates(file, task)
    _check_tokenizer(file, task)
    if isinstance(task, ChatSpec):
        _check_parameters(file, task.parameters)
    return task


def _type(file: TomlFile, table: Table) -> str:
    wanted = file.text("type", table, of="task.")
    if wanted is None:
        file.fail("task.type", f"is missing; it can be: {', '.join(_KINDS)}")
    if wanted not in _KINDS:
        file.fail("task.type", f"{wanted!r} is no type of task{did_you_mean(wanted, _KINDS)}")
    return wanted


def _check_kind(file: TomlFile, table: Table, kind: type[TaskSpec]) -> None:
    """Raise for a key that another type of task has."""
    for name, other in _KINDS.items():
        for key in set(other.__struct_fields__) - set(kind.__struct_fields__):
            if key in table:
                file.fail(f"task.{key}", f"is for tasks of type {name!r}; this one is {table['type']!r}")


def _fallbacks(file: TomlFile, table: Table) -> Iterator[tuple[Table, str]]:
    """Yield each table of a fallback, and the dotted name before its keys."""
    found = table.get("fallback", [])
    for number, each in enumerate(cast("list[object]", found) if isinstance(found, list) else [found]):
        if not isinstance(each, dict) or not isinstance(found, list):
            file.fail("task.fallback", "expected a list of tables, each under its own [[task.fallback]]")
        yield cast("Table", each), f"task.fallback[{number}]."


def _fallback(file: TomlFile, table: Table, kind: type[TaskSpec], *, of: str) -> Fallback:
    if "price_out" in table and kind is EmbeddingsSpec:
        file.fail(f"{of}price_out", "is for tasks of type 'chat'; this one is 'embeddings'")
    found = dict(table)
    if (base_url := _base_url(file, table, of=of)) is not None:
        found["base_url"] = base_url
    if "api_key_env" in table:
        found["api_key_env"] = _key_names(file, table, of=of)
    fallback = file.build(found, Fallback, of=of)
    if fallback.model is None and fallback.base_url is None:
        file.fail(of.removesuffix("."), "needs a model or a base_url of its own: without, it is the task itself")
    return fallback


def _base_url(file: TomlFile, table: Table, *, of: str) -> str | None:
    """Return the URL before `/chat/completions` or `/embeddings`; never shows one that might hold a password."""
    url = file.text("base_url", table, of=of)
    if url is None:
        return None
    url = url.rstrip("/")
    if "@" in url:
        file.fail(f"{of}base_url", f"must not hold a user or password; name a key's variable in {of}api_key_env")
    if not _URL.fullmatch(url) or not _has_port(url):
        file.fail(f"{of}base_url", f"must be as in {OPENAI_URL}: http or https, a host, no query and no fragment")
    if url.endswith(_ENDPOINTS):
        file.fail(f"{of}base_url", "must end before /chat/completions or /embeddings, which batchtop adds")
    return url


def _has_port(url: str) -> bool:
    """Return whether a port, if there is one, is a number that can be one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _key_names(file: TomlFile, table: Table, *, of: str, default: tuple[str, ...] = ()) -> object:
    """Return the names of key variables; never shows one that might be a key itself."""
    raw = table.get("api_key_env", default)
    if not isinstance(raw, str | list | tuple):
        return raw
    names = (raw,) if isinstance(raw, str) else tuple(cast("Iterable[object]", raw))
    for name in names:
        if isinstance(name, str) and (looks_like_key(name) or not _ENV_NAME.fullmatch(name)):
            file.fail(
                f"{of}api_key_env", f"wants the NAME of an environment variable ({OPENAI_KEY_ENV}), not a key itself"
            )
    return names


def _check_templates(file: TomlFile, task: TaskSpec) -> None:
    for key in _TEMPLATES:
        template: str | None = getattr(task, key, None)
        try:
            compile_template(template or "")
        except ValueError as error:
            file.fail(f"task.{key}", str(error))


def _check_tokenizer(file: TomlFile, task: TaskSpec) -> None:
    """Raise unless the tokenizer can be had, while the person still looks."""
    try:
        if task.tokenizer:
            counter(task.tokenizer)
    except SettingError as error:
        file.fail("task.tokenizer", str(error))


def _check_parameters(file: TomlFile, parameters: dict[str, object]) -> None:
    for key in _OURS:
        if key in parameters:
            file.fail(f"task.parameters.{key}", "is set by batchtop itself")
    if msgspec.json.decode(msgspec.json.encode(parameters)) != parameters:
        file.fail("task.parameters", "holds a value that JSON has no word for (a date, nan or inf)")
