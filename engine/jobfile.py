"""The job file: TOML on disk becomes a JobSpec, or one line that says which key is wrong and what it takes."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec

from .errors import JobFileError, PresetError, SettingError
from .job import (
    OPENAI_KEY_ENV,
    OPENAI_URL,
    ChatSpec,
    EmbeddingsSpec,
    InputSpec,
    JobSpec,
    OutputSpec,
    TaskSpec,
    assemble,
)
from .presets import load_presets
from .settings import DIALS, Layer, Value, did_you_mean
from .tasks.template import compile_template
from .text import looks_like_key
from .toml_file import Table, TomlFile

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", re.IGNORECASE)
_ENDPOINTS = ("/chat/completions", "/completions", "/embeddings")
_TABLES = ("name", "input", "task", "settings", "limits", "output")
_KINDS: Final[dict[str, type[ChatSpec] | type[EmbeddingsSpec]]] = {"chat": ChatSpec, "embeddings": EmbeddingsSpec}
_TEMPLATES = ("prompt", "system", "text")
_OURS = ("model", "messages", "stream")


def load_job(path: Path) -> JobSpec:
    """Return the job that a TOML file describes; raises JobFileError."""
    file = TomlFile(path, JobFileError)
    _check_top(file)
    task = _task(file)
    settings = file.table("settings")
    job = JobSpec(
        name=_name(file, path.stem),
        input=_input(file, path),
        task=task,
        output=_output(file, path),
        preset=file.text("preset", settings, of="settings."),
        layers=(Layer("job file", {**_dials(file, "settings"), **_dials(file, "limits")}),),
    )
    _check_files(file, job)
    return msgspec.structs.replace(job, layers=_layers(file, job))


def _layers(file: TomlFile, job: JobSpec) -> tuple[Layer, ...]:
    """Return the values of the job's preset, with the job file's own over them."""
    try:
        return assemble(job, presets=load_presets())
    except PresetError as error:
        file.fail("settings.preset", str(error))
    except SettingError as error:
        file.fail("limits.cost", str(error).removeprefix("job file: "))


def _check_top(file: TomlFile) -> None:
    for key in file.root:
        if key in DIALS:
            file.fail(key, f"belongs in [{DIALS[key].table}]")
    file.check_keys(file.root, _TABLES)
    for needed in ("input", "task"):
        if needed not in file.root:
            file.fail(needed, f"is missing: a job has a table [{needed}]")


def _name(file: TomlFile, stem: str) -> str:
    name = file.text("name", file.root)
    if not _NAME.fullmatch(stem if name is None else name):
        told = "the file's own name can't be the job's: set a name of" if name is None else f"{name!r} is not made of"
        file.fail("name", f"{told} letters, digits, '.', '_' and '-', a letter or digit first, 100 at most")
    return stem if name is None else name


def _input(file: TomlFile, path: Path) -> InputSpec:
    found = file.build(file.table("input"), InputSpec, of="input.")
    return msgspec.structs.replace(found, path=_beside(path, found.path))


def _output(file: TomlFile, path: Path) -> OutputSpec:
    found = file.build(file.table("output"), OutputSpec, of="output.")
    return OutputSpec(
        path=_beside(path, found.path) if found.path and found.path != "-" else found.path,
        failures=_beside(path, found.failures) if found.failures else None,
    )


def _beside(job_file: Path, name: str) -> str:
    """Return a path written in the job file, which is relative to the file's folder."""
    return str(job_file.absolute().parent / name)


def _check_files(file: TomlFile, job: JobSpec) -> None:
    """Raise when one file would be written over another."""
    taken = {Path(job.input.path).resolve(): "input.path"}
    for key in ("path", "failures"):
        name: str | None = getattr(job.output, key)
        if name and name != "-" and taken.setdefault(Path(name).resolve(), f"output.{key}") != f"output.{key}":
            file.fail(f"output.{key}", f"is the same file as {taken[Path(name).resolve()]}")


def _dials(file: TomlFile, name: str) -> dict[str, Value]:
    """Return the values of [settings] or [limits]."""
    table = {key: raw for key, raw in file.table(name).items() if (name, key) != ("settings", "preset")}
    for key in table:
        if key in DIALS and DIALS[key].table != name:
            file.fail(f"{name}.{key}", f"belongs in [{DIALS[key].table}]")
    known = [key for key, dial in DIALS.items() if dial.table == name]
    file.check_keys(table, ["preset", *known] if name == "settings" else known, of=f"{name}.")
    return {key: file.dial(key, raw, of=f"{name}.") for key, raw in table.items()}


def _task(file: TomlFile) -> TaskSpec:
    table = file.table("task")
    kind = _KINDS[_type(file, table)]
    _check_kind(file, table, kind)
    base_url = _base_url(file, file.text("base_url", table, of="task.") or OPENAI_URL)
    names = _key_names(file, table, default=(OPENAI_KEY_ENV,) if base_url == OPENAI_URL else ())
    task = file.build({**table, "base_url": base_url, "api_key_env": names}, kind, of="task.")
    _check_templates(file, task)
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


def _base_url(file: TomlFile, url: str) -> str:
    """Return the URL before `/chat/completions` or `/embeddings`; never shows one that might hold a password."""
    url = url.rstrip("/")
    if "@" in url:
        file.fail("task.base_url", "must not hold a user or password; name a key's variable in task.api_key_env")
    if not _URL.fullmatch(url) or not _has_port(url):
        file.fail("task.base_url", f"must be as in {OPENAI_URL}: http or https, a host, no query and no fragment")
    if url.endswith(_ENDPOINTS):
        file.fail("task.base_url", "must end before /chat/completions or /embeddings, which batchtop adds")
    return url


def _has_port(url: str) -> bool:
    """Return whether a port, if there is one, is a number that can be one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _key_names(file: TomlFile, table: Table, *, default: tuple[str, ...]) -> object:
    """Return the names of key variables; never shows one that might be a key itself."""
    raw = table.get("api_key_env", default)
    if not isinstance(raw, str | list | tuple):
        return raw
    names = (raw,) if isinstance(raw, str) else tuple(cast("Iterable[object]", raw))
    for name in names:
        if isinstance(name, str) and (looks_like_key(name) or not _ENV_NAME.fullmatch(name)):
            file.fail(
                "task.api_key_env", f"wants the NAME of an environment variable ({OPENAI_KEY_ENV}), not a key itself"
            )
    return names


def _check_templates(file: TomlFile, task: TaskSpec) -> None:
    for key in _TEMPLATES:
        template: str | None = getattr(task, key, None)
        try:
            compile_template(template or "")
        except ValueError as error:
            file.fail(f"task.{key}", str(error))


def _check_parameters(file: TomlFile, parameters: dict[str, object]) -> None:
    for key in _OURS:
        if key in parameters:
            file.fail(f"task.parameters.{key}", "is set by batchtop itself")
    if msgspec.json.decode(msgspec.json.encode(parameters)) != parameters:
        file.fail("task.parameters", "holds a value that JSON has no word for (a date, nan or inf)")
