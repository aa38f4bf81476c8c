"""A task that a provider does: which model, which server, which keys, and where to go when that one is in trouble."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from ..errors import SettingError
from ..job import VARIABLE
from ..tasks.template import compile_template
from ..tasks.tokens import counter
from ..taskspec import OPENAI_KEY_ENV, OPENAI_URL, ChatSpec, EmbeddingsSpec, Fallback, ProviderSpec, Rule, default_keys
from ..text import looks_like_key
from ..toml_file import Table, TomlFile
from .rules import check_rule, check_rules, checks_of
from .schema import read_schema

_Other = TypeVar("_Other", bound=Fallback)

_URL = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", re.IGNORECASE)
_ENDPOINTS = ("/chat/completions", "/completions", "/embeddings")
_TEMPLATES = ("prompt", "system", "text")
_OURS = ("model", "messages", "stream", "stream_options")


def read_provider_task(file: TomlFile, table: Table, kind: type[ProviderSpec], folder: Path) -> ProviderSpec:
    """Return the task of one of these types that a job file describes; raises the file's error."""
    base_url = _base_url(file, table, of="task.") or OPENAI_URL
    found = {
        "base_url": base_url,
        "api_key_env": key_names(file, table, of="task.", default=default_keys(base_url)),
        "fallback": [_other(file, each, kind, Fallback, of=of) for each, of in _tables(file, table, "fallback")],
    }
    if kind is ChatSpec:
        found["route"] = [_rule(file, each, kind, of=of) for each, of in _tables(file, table, "route")]
        found["schema"] = read_schema(file, table, folder)
    task = file.build({**table, **found}, kind, of="task.")
    _check_templates(file, task)
    _check_tokenizer(file, task)
    if isinstance(task, ChatSpec):
        _check_parameters(file, task)
        check_rules(file, task)
        if task.images:
            return msgspec.structs.replace(task, path=str(folder / task.path))
    return task


def _tables(file: TomlFile, table: Table, name: str) -> Iterator[tuple[Table, str]]:
    """Yield each table of a fallback or a rule, and the dotted name before its keys."""
    found = table.get(name, [])
    for number, each in enumerate(cast("list[object]", found) if isinstance(found, list) else [found]):
        if not isinstance(each, dict) or not isinstance(found, list):
            file.fail(f"task.{name}", f"expected a list of tables, each under its own [[task.{name}]]")
        yield cast("Table", each), f"task.{name}[{number}]."


def _rule(file: TomlFile, table: Table, kind: type[ProviderSpec], *, of: str) -> Rule:
    found = {**table, **checks_of(file, table, of=of)}
    rule = _other(file, found, kind, Rule, of=of)
    check_rule(file, rule, of=of)
    return rule


def _other(file: TomlFile, table: Table, kind: type[ProviderSpec], made: type[_Other], *, of: str) -> _Other:
    """Return another place where the task may be done."""
    if "price_out" in table and kind is EmbeddingsSpec:
        file.fail(f"{of}price_out", "is for tasks of type 'chat'; this one is 'embeddings'")
    found = dict(table)
    if (base_url := _base_url(file, table, of=of)) is not None:
        found["base_url"] = base_url
    if "api_key_env" in table:
        found["api_key_env"] = key_names(file, table, of=of)
    other = file.build(found, made, of=of)
    if other.model is None and other.base_url is None:
        file.fail(of.removesuffix("."), "needs a model or a base_url of its own: without, it is the task itself")
    return other


def _base_url(file: TomlFile, table: Table, *, of: str) -> str | None:
    """Return the URL before `/chat/completions` or `/embeddings`; never shows one that might hold a password."""
    url = file.text("base_url", table, of=of)
    if url is None:
        return None
    url = url.rstrip("/")
    if "@" in url:
        file.fail(f"{of}base_url", f"must not hold a user or password; name a key's variable in {of}api_key_env")
    if not _URL.fullmatch(url) or not has_port(url):
        file.fail(f"{of}base_url", f"must be as in {OPENAI_URL}: http or https, a host, no query and no fragment")
    if url.endswith(_ENDPOINTS):
        file.fail(f"{of}base_url", "must end before /chat/completions or /embeddings, which batchtop adds")
    return url


def has_port(url: str) -> bool:
    """Return whether the port of a URL, if there is one, is a number that can be one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def key_names(file: TomlFile, table: Table, *, of: str, default: tuple[str, ...] = ()) -> object:
    """Return the names of key variables; never shows one that might be a key itself."""
    raw = table.get("api_key_env", default)
    if not isinstance(raw, str | list | tuple):
        return raw
    names = (raw,) if isinstance(raw, str) else tuple(cast("Iterable[object]", raw))
    for name in names:
        if isinstance(name, str) and (looks_like_key(name) or not VARIABLE.fullmatch(name)):
            file.fail(
                f"{of}api_key_env", f"wants the NAME of an environment variable ({OPENAI_KEY_ENV}), not a key itself"
            )
    return names


def _check_templates(file: TomlFile, task: ProviderSpec) -> None:
    images: tuple[str, ...] = getattr(task, "images", ())
    texts: dict[str, str | None] = {key: getattr(task, key, None) for key in _TEMPLATES}
    for key, text in (texts | {f"images[{number}]": image for number, image in enumerate(images)}).items():
        try:
            compile_template(text or "")
        except ValueError as error:
            file.fail(f"task.{key}", str(error))


def _check_tokenizer(file: TomlFile, task: ProviderSpec) -> None:
    """Raise unless the tokenizer can be had, while the person still looks."""
    try:
        if task.tokenizer:
            counter(task.tokenizer)
    except SettingError as error:
        file.fail("task.tokenizer", str(error))


def _check_parameters(file: TomlFile, task: ChatSpec) -> None:
    parameters = task.parameters
    for key in _OURS:
        if key in parameters:
            by = ", by task.stream" if key.startswith("stream") else ""
            file.fail(f"task.parameters.{key}", f"is set by batchtop itself{by}")
    if task.schema is not None and "response_format" in parameters:
        file.fail("task.parameters.response_format", "is what task.schema sets: leave one of them out")
    if msgspec.json.decode(msgspec.json.encode(parameters)) != parameters:
        file.fail("task.parameters", "holds a value that JSON has no word for (a date, nan or inf)")
