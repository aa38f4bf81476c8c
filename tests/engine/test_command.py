"""Programs as tasks: what they are given, what they answer, how they fail, and that none is left behind."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from batchtop.engine.engine import Engine
from batchtop.engine.errors import JobFileError, TaskError
from batchtop.engine.identity import identify
from batchtop.engine.item import Item
from batchtop.engine.job import OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.outcome import Outcome
from batchtop.engine.tasks import build_task
from batchtop.engine.taskspec import CommandSpec
from batchtop.engine.transports import TransportError, open_worker, program

from .workshop import job_of, lines_of, numbered, until, write_rows

Asked = Callable[..., Any]
EXAMPLE = Path(__file__).parents[2] / "examples" / "words.toml"


def spec_of(*words: str, **more: Any) -> CommandSpec:
    return CommandSpec(command=words, **more)


@asynccontextmanager
async def at_work(spec: CommandSpec) -> AsyncIterator[Asked]:
    """Yield what asks a program for the answers to some rows in one call, as the engine does."""
    worker = open_worker(spec)
    task = build_task(spec, None)
    assert worker

    async def ask(*rows: dict[str, object], timeout_s: float = 10.0) -> Any:
        (call,) = task.plan([Item(number, str(number), row) for number, row in enumerate(rows)]).calls
        reply = task.read(call, await worker.send(call.request, timeout_s=timeout_s))
        return [json.loads(each.output) if each.outcome is Outcome.OK else each.message for each in reply.answers]

    try:
        yield ask
    finally:
        await worker.aclose()


async def asked(spec: CommandSpec, *rows: dict[str, object], timeout_s: float = 10.0) -> Any:
    async with at_work(spec) as ask:
        return await ask(*rows, timeout_s=timeout_s)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def pids(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


# ── one process for an item ──


@pytest.mark.parametrize(
    ("words", "stdin", "answer"),
    [
        (("cat",), "{text}", "it's 50 % {x}"),
        (("cat",), None, {"text": "it's 50 % {x}", "n": 7}),
        (("printf", "%s|%s", "{n}", "{{{text}}}"), None, "7|{it's 50 % {x}}"),
        (("printf", ' {{"a":\n 1.50}} \n'), None, {"a": 1.5}),
        (("printf", "007"), None, "007"),
        (("printf", "[1,2"), None, "[1,2"),
        (("printf", "\\377é"), None, "\ufffdé"),
        (("true",), None, ""),
        (("sh", "-c", "echo not this 1>&2; echo this"), None, "this"),
    ],
)
async def test_what_a_program_says_is_the_answer(words, stdin, answer):
    assert await asked(spec_of(*words, stdin=stdin), {"text": "it's 50 % {x}", "n": 7}) == [answer]


def test_an_answer_of_several_lines_of_json_stands_on_one():
    answer = asyncio.run(answer_of(spec_of("printf", '{{"a":\n [1,\n 2]}}')))
    assert answer == b'{"a":[1,2]}'


async def answer_of(spec: CommandSpec) -> bytes:
    worker, task = open_worker(spec), build_task(spec, None)
    assert worker
    (call,) = task.plan([Item(0, "0", {})]).calls
    reply = task.read(call, await worker.send(call.request, timeout_s=10))
    await worker.aclose()
    return bytes(reply.answers[0].output)


@pytest.mark.parametrize(
    ("script", "outcome", "told"),
    [
        ("echo one >&2; printf '\\033[31mtwo\\n\\n' >&2; exit 3", "bad_item", "sh ended with exit code 3: two"),
        ("exit 4", "bad_item", "sh ended with exit code 4"),
        ("echo later >&2; exit 75", "overloaded", "sh ended with exit code 75, which asks for another try: later"),
        ("kill -KILL $$", "overloaded", "sh was killed (SIGKILL)"),
        ("kill -SEGV $$", "bad_item", "sh crashed (SIGSEGV)"),
        ("echo key sk-proj-1234567890abcdef >&2; exit 1", "bad_item", "sh ended with exit code 1: key ***"),
    ],
)
async def test_how_a_program_failed_is_told_by_its_exit_code_and_the_last_line_it_said(script, outcome, told):
    with pytest.raises(TransportError) as failed:
        await asked(spec_of("sh", "-c", script), {})
    assert (str(failed.value), failed.value.outcome) == (told, outcome)


async def test_neither_side_waits_for_the_other_when_much_is_said():
    text = "x" * 3_000_000
    assert await asked(spec_of("cat", stdin="{text}"), {"text": text}) == [text]
    assert await asked(spec_of("sh", "-c", "head -c 1000000 /dev/zero >&2; cat", stdin="{text}"), {"text": "a"}) == [
        "a"
    ]
    assert await asked(spec_of("echo", "done", stdin="{text}"), {"text": text}) == ["done"]


async def test_an_answer_without_an_end_is_broken_off(monkeypatch):
    monkeypatch.setattr(program, "MOST_BYTES", 2**20)
    with pytest.raises(TransportError, match="yes answered more than 1 MiB"):
        await asked(spec_of("yes"), {})


@pytest.mark.parametrize("text", ["x" * 3_000_000, "null \0 byte"])
async def test_words_that_no_command_line_takes_fail_their_item(text):
    with pytest.raises(TransportError, match="echo can't be started") as failed:
        await asked(spec_of("echo", "{text}"), {"text": text})
    assert failed.value.outcome is Outcome.BAD_ITEM


async def test_a_program_that_goes_while_the_job_runs_is_tried_again(tmp_path):
    path = tmp_path / "here"
    path.write_text("#!/bin/sh\necho hi\n")
    path.chmod(0o755)
    async with at_work(spec_of("./here", path=str(tmp_path))) as ask:
        assert await ask({}) == ["hi"]
        path.unlink()
        with pytest.raises(TransportError, match="can't be started: No such file") as failed:
            await ask({})
    assert failed.value.outcome is Outcome.OVERLOADED


async def test_it_is_started_in_the_folder_of_the_job_file_with_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SHELF", "upper")
    spec = spec_of("sh", "-c", 'pwd; printf %s "$SHELF"', path=str(tmp_path))
    assert await asked(spec, {}) == [f"{tmp_path.resolve()}\nupper"]


# ── a batch, and a program that stays ──


async def test_a_batch_is_a_line_an_item_each_way():
    spec = spec_of("tr", "a-z", "A-Z", takes="batch")
    assert await asked(spec, {"a": "x{y}"}, {"b": None}) == [{"A": "X{Y}"}, "{" + '"B":NULL' + "}"]
    assert await asked(spec_of("cat", takes="batch", fields=("a",)), {"a": 1, "b": 2}) == [{"a": 1}]


async def test_another_number_of_lines_is_told():
    told = await asked(spec_of("sh", "-c", "echo 1; echo 2; echo 3", takes="batch"), {"a": 1}, {"a": 2})
    assert told == ["command:sh: 2 items given, 3 results came"] * 2


async def test_a_program_that_stays_is_asked_again_and_is_told_of_the_end(tmp_path):
    script = f'while read -r line; do echo "$$"; done; echo bye > {tmp_path}/said'
    async with at_work(spec_of("sh", "-c", script, takes="stream")) as ask:
        first = await ask({"a": 1}, {"a": 2})
        assert first == [first[0]] * 2 == await ask({"a": 3}, {"a": 4})
        other, third = await asyncio.gather(ask({"a": 5}), ask({"a": 6}))
        assert other != third
    assert (tmp_path / "said").read_text() == "bye\n"


async def test_a_program_that_should_have_stayed_is_started_anew(tmp_path):
    once = spec_of("sh", "-c", "read -r line; echo $$", takes="stream")
    async with at_work(once) as ask:
        assert await ask({"a": 1}) != await ask({"a": 2})
        with pytest.raises(TransportError, match="sh ended by itself after 1 of 2 lines") as failed:
            await ask({"a": 3}, {"a": 4})
        assert failed.value.outcome is Outcome.SHORT_REPLY


async def asked_on_and_on(ask: Asked) -> None:
    for number in range(1_000):
        await ask({"a": number})


@pytest.mark.parametrize(
    "script", ["while read -r l; do echo 1; echo 2; done", "echo 1; while read -r l; do echo 2; done"]
)
async def test_a_program_that_is_out_of_step_is_soon_found_out(script):
    async with at_work(spec_of("sh", "-c", script, takes="stream")) as ask:
        with pytest.raises(TransportError, match="sh answers more lines than it is given"):
            await asked_on_and_on(ask)


# ── nobody is left ──

LINGERS = "sleep 100 & echo $$ $! > {path}; "


@pytest.mark.parametrize("takes", ["item", "batch", "stream"])
async def test_one_that_hangs_is_ended_with_all_that_it_has_started(tmp_path, takes):
    path = tmp_path / "pids"
    with pytest.raises(TransportError, match="sh took longer than") as failed:
        await asked(spec_of("sh", "-c", LINGERS.format(path=path) + "wait", takes=takes), {}, timeout_s=0.2)
    assert failed.value.outcome is Outcome.TIMEOUT
    assert len(pids(path)) == 2
    await until(lambda: all(map(gone, pids(path))))


async def test_what_a_program_leaves_in_the_background_ends_with_it(tmp_path):
    path = tmp_path / "pids"
    assert await asked(spec_of("sh", "-c", LINGERS.format(path=path) + "echo hi"), {}) == ["hi"]
    await until(lambda: all(map(gone, pids(path))))


async def test_a_daemon_that_it_has_started_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "_LINGER_S", 0.1)
    path = tmp_path / "pids"
    script = f"setsid sh -c 'echo $$ > {path}; exec sleep 100' & while ! [ -s {path} ]; do :; done; echo hi"
    assert await asked(spec_of("sh", "-c", script), {}) == ["hi"]
    (daemon,) = pids(path)
    os.kill(daemon, signal.SIGKILL)


async def test_one_that_is_not_waited_for_any_more_is_ended(tmp_path):
    path = tmp_path / "pids"
    async with at_work(spec_of("sh", "-c", LINGERS.format(path=path) + "wait")) as ask:
        asking = asyncio.create_task(ask({}))
        await until(lambda: len(pids(path)) == 2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await until(lambda: all(map(gone, pids(path))))


ENGINE = """
import asyncio, sys
from batchtop.engine.taskspec import CommandSpec
from batchtop.engine.transports import Request, open_worker
spec = CommandSpec(command=("sh", "-c", sys.argv[1]), takes="batch")
asyncio.run(open_worker(spec).send(Request("x", b"[{}]"), timeout_s=60))
"""


async def test_a_killed_engine_leaves_none_behind(tmp_path):
    path = tmp_path / "pids"
    script = "read -r line; " + LINGERS.format(path=path) + "wait"  # what it reads comes when the reaper knows it
    words = (sys.executable, "-c", ENGINE, script)
    engine = await asyncio.create_subprocess_exec(*words)
    await until(lambda: len(pids(path)) == 2)
    engine.kill()
    await engine.wait()
    await until(lambda: all(map(gone, pids(path))))


# ── as a job ──


async def test_a_job_goes_on_beside_an_item_that_hangs_and_one_that_fails(workspace, tmp_path):
    script = "case $0 in 3) sleep 100;; 5) echo no five >&2; exit 1;; *) echo $0;; esac"
    output = OutputSpec(str(tmp_path / "out"), str(tmp_path / "failed"))
    path = write_rows(tmp_path / "in.jsonl", numbered(12))
    job = job_of(path, spec_of("sh", "-c", script, "{id}"), output=output, timeout=0.3, max_attempts=1)
    async with Engine(workspace) as engine:
        end = await engine.run(job)
    assert (end.state, end.exit_code) == ("finished", 1)
    assert {line["id"]: line["output"] for line in lines_of(tmp_path / "out")} == {
        number: number for number in range(12) if number not in {3, 5}
    }
    assert {line["id"]: line["error"]["message"] for line in lines_of(tmp_path / "failed")} == {
        3: "sh took longer than 0.3 s and was ended",
        5: "sh ended with exit code 1: no five",
    }


async def test_the_item_that_fails_a_batch_is_found(workspace, tmp_path):
    output = OutputSpec(failures=str(tmp_path / "failed"))
    path = write_rows(tmp_path / "in.jsonl", numbered(10))
    job = job_of(path, spec_of("awk", "/text 6/ {exit 1} {print NR}", takes="batch"), output=output, batch_size=10)
    async with Engine(workspace) as engine:
        assert (await engine.run(job)).exit_code == 1
    assert [line["id"] for line in lines_of(tmp_path / "failed")] == [6]


async def test_the_example_runs(workspace, tmp_path):
    job = load_job(EXAMPLE)
    async with Engine(workspace) as engine:
        await engine.run(msgspec.structs.replace(job, output=OutputSpec(str(tmp_path / "out"))))
    assert {line["id"]: line["output"] for line in lines_of(tmp_path / "out")} == {
        row["id"]: len(row["text"].split()) for row in lines_of(Path(job.input.path))
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no-such-program", "no program 'no-such-program' is installed here"),
        ("./nowhere", "nowhere is not there"),
        ("./plain", "plain is not executable: chmod"),
    ],
)
def test_a_program_that_is_not_there_is_told_before_anything_starts(tmp_path, name, told):
    (tmp_path / "plain").write_text("echo hi")
    with pytest.raises(TaskError, match=told):
        open_worker(spec_of(name, path=str(tmp_path)))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('command = "wc -w"', "task.command: must be a list of words"),
        ("command = []", "task.command: must not be empty"),
        ('command = [""]', "task.command: begins with an empty word"),
        ('command = ["wc", "{text"]', "task.command[1]: '{' at character 1"),
        ('command = ["{text}"]', "task.command[0]: is the program"),
        ('command = ["a", "-H", "Authorization: Bearer abcdefgh"]', "task.command[2]: would hold a key"),
        ('command = ["a", "--key=sk-proj-abcdefgh12345678ij"]', "task.command[1]: would hold a key"),
        ('command = ["wc"]\nstdin = "}"', "task.stdin: '}' at character 1"),
        ('command = ["wc"]\nstdin = "{a}"\nfields = ["a"]', "task.fields: is what it is given as JSON"),
        ('command = ["wc"]\nstdin = "{a}"\ntakes = "batch"', "task.stdin: is for takes"),
        ('command = ["wc"]\ntakes = "lines"', "task.takes: 'lines' is not understood; it can be: item, batch, stream"),
        ('command = ["wc"]\nprompt = "x"', "task.prompt: is for tasks of type 'chat'"),
    ],
)
def test_what_is_wrong_in_a_job_file_is_told_with_its_key(tmp_path, keys, told):
    path = tmp_path / "job.toml"
    path.write_text(f'[input]\npath = "in.jsonl"\n[task]\ntype = "command"\n{keys}\n')
    with pytest.raises(JobFileError) as wrong:
        load_job(path)
    assert str(wrong.value).startswith(f"{path}: {told}")


@pytest.mark.parametrize(
    "word",
    [
        "hf-internal-testing/tiny-random-gpt2",
        "models/hf_llama-3-8b-instruct-q4.gguf",
        "curl -H 'Authorization: Bearer '$KEY",
        "Authorization: Bearer {token}",
        "Explain basic arithmetic",
    ],
)
def test_a_word_that_is_no_key_is_not_taken_for_one(tmp_path, word):
    path = tmp_path / "job.toml"
    path.write_text(f'[input]\npath = "in.jsonl"\n[task]\ntype = "command"\ncommand = ["a", "{word}"]\n')
    assert load_job(path).task.command[1] == word


def test_braces_are_the_program_s_own_where_it_is_not_started_for_each_item(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text('[input]\npath = "in"\n[task]\ntype = "command"\ntakes = "batch"\ncommand = ["jq", "{id"]\n')
    spec = load_job(path).task
    assert spec == CommandSpec(command=("jq", "{id"), takes="batch", path=str(tmp_path))
    assert msgspec.json.decode(msgspec.json.encode(spec), type=CommandSpec) == spec


def test_a_missing_field_is_told():
    plan = build_task(spec_of("wc", "{word}"), None).plan([Item(0, "0", {"text": "a"})])
    assert [answer.message for _, answer in plan.unfit] == ["no field 'word' in this item: it has text"]


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ({}, False),
        ({"stdin": "{text}"}, True),
        ({"fields": ("text",)}, True),
        ({"stdin": "{text}{n}"}, False),
        ({"fields": ("text",), "takes": "batch"}, True),
    ],
)
def test_an_item_is_the_same_where_all_that_it_gives_the_program_is(more, same):
    digest = identify(job_of(Path("in"), spec_of("wc", **more)))
    assert (digest("1", {"text": "a", "n": 1}) == digest("1", {"text": "a", "n": 2})) is same


def test_the_words_and_the_version_are_part_of_the_answer_and_the_folder_is_not():
    def digest(spec: CommandSpec) -> bytes:
        return identify(job_of(Path("in"), spec))("1", {})

    assert digest(spec_of("wc")) == digest(spec_of("wc", path=os.sep))
    assert len({digest(spec) for spec in (spec_of("wc"), spec_of("wc", "-w"), spec_of("wc", version="2"))}) == 3
