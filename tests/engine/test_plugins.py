"""Types of task that packages add: found, checked, run, and kept from harming a job."""

import asyncio
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batchtop.engine.engine import Engine
from batchtop.engine.errors import JobFileError, TaskError
from batchtop.engine.identity import identify
from batchtop.engine.item import Item
from batchtop.engine.job import JobSpec, OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.store.reader import Reader
from batchtop.engine.tasks import build_task
from batchtop.engine.tasks.shown import shown_request
from batchtop.engine.taskspec import PluginSpec
from batchtop.engine.transports import open_worker

from .http_server import Peer, serve
from .workshop import job_of, lines_of, numbered, write_rows

DOCS = Path(__file__).parents[2] / "docs" / "plugins.md"
PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"
Install = Callable[..., None]

ODD = '''
"""Tasks that do what they should not."""

import asyncio
import msgspec
from batchtop.engine.plugin import (
    Answer, LocalTask, Outcome, Plan, Reply, Response, Result, TaskError, TaskPlugin,
    TransportError,
)


class Options(msgspec.Struct):
    does: str = "well"
    least: int = 0

    def __post_init__(self):
        if self.least < 0:
            raise ValueError("least must not be negative")


class Odd(TaskPlugin[Options]):
    takes = Options

    def texts(self):
        return {"text": "{a}", "brace": ["{a"], "number": [1], "nothing": None}.get(self.options.does, ())

    def task(self, api_key):
        if self.options.does == "no task":
            raise RuntimeError("no task today")
        return OddTask("odd:one", whole=True, does=self.options.does)

    def worker(self):
        if self.options.does == "no worker":
            raise TaskError("the worker is out")
        if self.options.does == "breaks":
            raise OSError("the worker broke")
        if self.options.does == "quits":
            raise SystemExit("the worker left")
        return Worker(self.options.does)


class OddTask(LocalTask):
    def __init__(self, target, *, whole, does):
        super().__init__(target, whole=whole)
        self.does = does

    def plan(self, items, per_request=1):
        if self.does == "plan" and any(item.fields["id"] == 3 for item in items):
            raise KeyError("three")
        plan = super().plan(items, per_request)
        return Plan(plan.calls * 2) if self.does == "twice" else plan

    def read(self, call, response):
        reply = super().read(call, response)
        if self.does == "fewer" and any(item.fields["id"] == 3 for item in call.items):
            return Reply(Outcome.OK, reply.answers[1:])
        if self.does == "no outcome" and any(item.fields["id"] == 3 for item in call.items):
            return Reply("good", reply.answers)
        if self.does == "echoes" and any(item.fields["id"] == 3 for item in call.items):
            answers = tuple(Answer(Outcome.BAD_ITEM, message="by the key sk-abcdefgh12345678") for _ in call.items)
            return Reply(Outcome.BAD_ITEM, answers, message=answers[0].message)
        if self.does == "no json":
            return Reply(Outcome.OK, tuple(Answer(Outcome.OK, b"nonsense") for _ in call.items))
        if self.does == "lines":
            return Reply(Outcome.OK, tuple(Answer(Outcome.OK, b"[1,\\n2]") for _ in call.items))
        return reply


class Worker:
    def __init__(self, does):
        self.does = does

    @property
    def connections(self):
        raise RuntimeError("who knows")

    async def send(self, request, *, timeout_s):
        rows = msgspec.json.decode(request.body)
        if self.does == "raises" and any(row["id"] == 3 for row in rows):
            raise ZeroDivisionError("by three")
        if self.does == "hangs" and any(row["id"] == 3 for row in rows):
            await asyncio.sleep(60)
        if self.does == "leaves" and any(row["id"] == 3 for row in rows):
            raise SystemExit(3)
        if self.does == "gives up" and any(row["id"] == 3 for row in rows):
            raise asyncio.CancelledError
        if self.does == "tells" and any(row["id"] == 3 for row in rows):
            raise TransportError(Outcome.BAD_ITEM, "no such key: sk-abcdefgh12345678")
        if self.does == "nothing" and any(row["id"] == 3 for row in rows):
            return None
        return Response(200, {}, msgspec.json.encode([Result(output=msgspec.Raw(b"1")) for _ in rows]))

    async def aclose(self):
        raise RuntimeError("can't close")


NEITHER = 7
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay down what installing a package leaves: its metadata with its entry points, and its modules."""
    before = set(sys.modules)

    def lay(name: str, points: dict[str, str], **modules: str) -> None:
        site = tmp_path / f"site-{name}"
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{kind} = {value}\n" for kind, value in points.items())
        (info / "entry_points.txt").write_text(f"[batchtop.tasks]\n{lines}")
        for module, text in modules.items():
            (site / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(site)

    yield lay
    for name in set(sys.modules) - before:
        if name.startswith(("batchtop_regex", "odd", "broken")):
            del sys.modules[name]


@pytest.fixture
def regex(install: Install) -> None:
    """Install the package of the examples."""
    points = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]["entry-points"]["batchtop.tasks"]
    install("batchtop-regex", points, batchtop_regex=(PLUGIN / "batchtop_regex.py").read_text())


@pytest.fixture
def odd(install: Install) -> None:
    install("odd-tasks", {"odd": "odd_tasks:Odd"}, odd_tasks=ODD)


def job_file(folder: Path, keys: str) -> Path:
    path = folder / "job.toml"
    path.write_text(f'[input]\npath = "in.jsonl"\n[task]\n{keys}\n')
    return path


async def run(workspace: Path, spec: JobSpec, **environment: str) -> Any:
    async with Engine(workspace, environment=environment) as engine:
        return await engine.run(spec)


# ── the example ──


@pytest.mark.usefixtures("regex")
async def test_the_example_runs(workspace, tmp_path):
    job = load_job(PLUGIN / "regex.toml")
    spec = msgspec.structs.replace(job, output=OutputSpec(str(tmp_path / "out")))
    assert msgspec.json.decode(msgspec.json.encode(spec), type=JobSpec) == spec
    assert (await run(workspace, spec)).exit_code == 0
    answers = lines_of(tmp_path / "out")
    assert len(answers) == 30
    assert all(word[0].isupper() for line in answers for word in line["output"])
    with Reader(workspace) as reader:
        assert [(each.task, each.model) for each in reader.jobs()] == [("plugin", "regex")]


@pytest.mark.usefixtures("regex")
def test_what_an_answer_depends_on_is_kept_with_the_job(tmp_path):
    job = load_job(job_file(tmp_path, 'type = "regex"\npattern = "a"\nfield = "text"'))
    assert job.task == PluginSpec(
        kind="regex", options={"pattern": "a", "field": "text"}, texts=("{text}",), path=str(tmp_path)
    )
    digest = identify(job)
    assert digest("1", {"text": "a", "n": 1}) == digest("1", {"text": "a", "n": 2})
    assert shown_request(job, {"text": "a", "n": 1}, "1").body == '[\n  {\n    "text": "a"\n  }\n]'


@pytest.mark.usefixtures("regex")
@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('type = "regex"', "task.pattern: is missing"),
        ('type = "regex"\npattern = 7', "task.pattern: expected a text, found a whole number"),
        ('type = "regex"\npatern = "a"\npattern = "b"', "task.patern: unknown key; did you mean 'pattern'?"),
        ('type = "regex"\npattern = "("', "task: pattern: missing ), unterminated subpattern at position 0"),
        ('type = "regex"\npattern = "sk-proj-abcdefgh12345678ij"', "task.pattern: would hold a key"),
        ('type = "regx"', "task.type: 'regx' is no type of task; did you mean 'regex'?"),
        ('type = "comand"', "task.type: 'comand' is no type of task; did you mean 'command'?"),
        ('type = "regex"\npattern = "a"\napi_key_env = "sk-12345678"', "task.api_key_env: wants the NAME"),
    ],
)
def test_its_options_are_checked_as_those_of_any_task(tmp_path, keys, told):
    with pytest.raises(JobFileError) as wrong:
        load_job(job_file(tmp_path, keys))
    assert str(wrong.value).startswith(f"{tmp_path / 'job.toml'}: {told}")


# ── packages that are missing or broken ──


def test_a_job_can_be_read_without_its_package_and_is_told_what_it_lacks():
    spec = PluginSpec(kind="gone", options={"model": "m", "base_url": "http://here", "a": [1]})
    assert msgspec.json.decode(msgspec.json.encode(spec), type=PluginSpec) == spec
    assert (spec.model, spec.base_url, spec.price_in) == ("m", "http://here", 0.0)
    for opened in (lambda: build_task(spec, None), lambda: open_worker(spec)):
        with pytest.raises(TaskError, match="no package here adds tasks of type 'gone'; install the one that does"):
            opened()


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ({"a": "nowhere_at_all:X"}, "'a' of the package bad can't be used: ModuleNotFoundError: No module named"),
        ({"a": "broken_one:X"}, "'a' of the package bad can't be used: ZeroDivisionError: division by zero"),
        ({"a": "leaving_one:X"}, "'a' of the package bad can't be used: SystemExit: 3"),
        (
            {"a": "odd_tasks:NEITHER"},
            "'a' of the package bad can't be used: odd_tasks:NEITHER is no class of TaskPlugin",
        ),
    ],
)
def test_a_package_that_is_broken_is_told(install, tmp_path, points, told):
    install("bad", points, odd_tasks=ODD, broken_one="1 / 0", leaving_one="raise SystemExit(3)")
    with pytest.raises(JobFileError) as wrong:
        load_job(job_file(tmp_path, 'type = "a"'))
    assert told in str(wrong.value)


def test_two_packages_with_the_same_type_are_told(install, tmp_path):
    install("one", {"odd": "odd_tasks:Odd"}, odd_tasks=ODD)
    install("two", {"odd": "odd_others:Odd"}, odd_others=ODD)
    with pytest.raises(JobFileError, match="'odd' is added by the package ") as wrong:
        load_job(job_file(tmp_path, 'type = "odd"'))
    assert str(wrong.value).endswith("; uninstall all but one")


def test_a_type_of_batchtop_itself_is_never_another_package_s(install, tmp_path):
    install("greedy", {"command": "odd_tasks:Odd"}, odd_tasks=ODD)
    assert not isinstance(load_job(job_file(tmp_path, 'type = "command"\ncommand = ["wc"]')).task, PluginSpec)


# ── tasks that do what they should not ──


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("plan", "odd: KeyError: 'three'"),
        ("raises", "odd: ZeroDivisionError: by three"),
        ("hangs", "odd: took longer than 0.2 s"),
        ("gives up", "odd: CancelledError"),
        ("leaves", "odd: SystemExit: 3"),
        ("no outcome", "odd: TypeError: its reply holds an outcome that is no Outcome, or a usage that is no Usage"),
        ("tells", "no such key: ***"),
        ("echoes", "by the key ***"),
        ("nothing", "odd: TypeError: its transport gave NoneType for a Response"),
        ("fewer", "odd: ValueError: 0 answers for 1 item"),
    ],
)
async def test_the_item_that_a_plug_in_stumbles_over_fails_alone(workspace, tmp_path, does, told):
    output = OutputSpec(str(tmp_path / "out"), str(tmp_path / "failed"))
    path = write_rows(tmp_path / "in.jsonl", numbered(8))
    spec = PluginSpec(kind="odd", options={"does": does})
    end = await run(workspace, job_of(path, spec, output=output, timeout=0.2, max_attempts=2, batch_size=4))
    assert end.exit_code == 1
    assert len(lines_of(tmp_path / "out")) == 7
    assert [(line["id"], line["error"]["message"]) for line in lines_of(tmp_path / "failed")] == [(3, told)]


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("no task", "task.type: 'odd' can't be used: RuntimeError: no task today"),
        ("no worker", "the worker is out"),
        ("breaks", "task.type: 'odd' can't be used: OSError: the worker broke"),
        ("quits", "task.type: 'odd' can't be used: SystemExit: the worker left"),
    ],
)
async def test_one_that_can_t_begin_says_so_before_anything_is_done(workspace, tmp_path, does, told):
    path = write_rows(tmp_path / "in.jsonl", numbered(1))
    with pytest.raises(TaskError) as wrong:
        await run(workspace, job_of(path, PluginSpec(kind="odd", options={"does": does})))
    assert str(wrong.value) == told


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("does", ["text", "brace", "number", "nothing"])
def test_texts_that_are_no_templates_are_told(tmp_path, does):
    with pytest.raises(JobFileError, match=r"texts\(\) of 'odd' can't be used|'{a' is no template"):
        load_job(job_file(tmp_path, f'type = "odd"\ndoes = "{does}"'))


@pytest.mark.usefixtures("odd")
def test_answers_are_json_on_one_line_or_none():
    def read(does: str) -> Any:
        task, worker = (make(PluginSpec(kind="odd", options={"does": does})) for make in (_task, open_worker))
        (call,) = task.plan([Item(0, "0", {"id": 1})]).calls
        assert worker
        assert worker.connections == 0
        (answer,) = task.read(call, asyncio.run(worker.send(call.request, timeout_s=1))).answers
        return answer

    assert read("lines").output == b"[1,2]"
    assert read("no json").message.startswith("odd: DecodeError: JSON is malformed")
    plan = _task(PluginSpec(kind="odd", options={"does": "twice"})).plan([Item(0, "0", {})])
    assert plan.unfit[0][1].message == "odd: ValueError: 1 item given, 2 planned, and each has to be once"


def _task(spec: PluginSpec) -> Any:
    return build_task(spec, None)


@pytest.mark.usefixtures("odd")
def test_options_that_its_package_refuses_now_are_told():
    with pytest.raises(TaskError, match="least must not be negative"):
        build_task(PluginSpec(kind="odd", options={"least": -1}), None)


# ── the class that docs/plugins.md shows ──


async def test_the_class_of_the_docs_speaks_http_with_a_key(install, workspace, tmp_path):
    async def loud(peer: Peer) -> None:
        while seen := await peer.request():
            text = json.loads(seen.body)["text"]
            if "3" in text:
                await peer.answer(b'{"error": {"message": "not 3"}}', status="400 Bad Request")
            else:
                await peer.answer(json.dumps({"loud": text.upper()}).encode())

    (code,) = re.findall(r"^```py\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    install("shouting", {"shout": "odd_shout:Shout"}, odd_shout=code)
    write_rows(tmp_path / "in.jsonl", numbered(5))
    async with serve(loud) as server:
        keys = f'type = "shout"\nbase_url = "http://{server.origin}"\ntext = "a {{text}}"\napi_key_env = "LOUD_KEY"'
        job = load_job(job_file(tmp_path, keys))
        assert job.task.templates == ("a {text}",)
        spec = msgspec.structs.replace(job, output=OutputSpec(str(tmp_path / "out"), str(tmp_path / "failed")))
        assert (await run(workspace, spec, LOUD_KEY="tok_good")).exit_code == 1
    assert {(seen.target, seen.headers["authorization"]) for seen in server.requests} == {("/shout", "Bearer tok_good")}
    said = sorted(line["output"] for line in lines_of(tmp_path / "out"))
    assert said == [f"A TEXT {number}" for number in (0, 1, 2, 4)]
    assert [line["error"]["message"] for line in lines_of(tmp_path / "failed")] == ["HTTP 400: not 3"]
