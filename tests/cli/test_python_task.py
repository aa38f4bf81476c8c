"""Jobs whose work is a Python function: run, killed, planned and looked at by a doctor, as a person would."""

import json
import signal
from pathlib import Path

import psutil
import pytest

from .shell import Shell, once, until

EXAMPLES = Path(__file__).parents[2] / "examples"

JOB = """\
[input]
path = "in.jsonl"
id = "id"
[task]
type = "python"
{task}
[settings]
{settings}
[output]
path = "out.jsonl"
failures = "failed.jsonl"
"""
WORDS = """\
import os, time
open("imported", "w").close()
print("words is here")

def batch(items):
    if any(item["id"] == 7 for item in items):
        os._exit(5)
    return [item["text"].upper() for item in items]

def slow(item):
    print("at work")
    time.sleep(60)

def item(item):
    if item["id"] == 1:
        raise ValueError("ones are not liked")
    return item["id"]
"""


@pytest.fixture
def job(shell: Shell):
    """Write a job over ten rows, and the module of its function."""
    shell.write("words.py", WORDS)

    def write(task: str, settings: str = "concurrency = 2") -> None:
        shell.rows(10)
        shell.write("job.toml", JOB.format(task=task, settings=settings))

    return write


async def test_the_item_that_kills_its_worker_is_found_in_its_batch_and_fails_alone(shell: Shell, job) -> None:
    job('call = "words:batch"\nmode = "process"\ntakes = "batch"', "batch_size = 10")
    ended = await shell.headless()
    assert ended.code == 1, ended
    assert shell.ids() == once(10) - once(1, 7)
    assert {line["id"]: line["output"] for line in shell.lines()}[3] == "ITEM 3"
    (failed,) = shell.lines("failed.jsonl")
    message = "the function killed its worker process (exit code 5)"
    assert (failed["id"], failed["error"]) == (7, {"kind": "bad_item", "message": message})


async def test_standard_output_has_results_alone(shell: Shell, job) -> None:
    job('call = "words:item"')
    ended = await shell.headless("job.toml", "-o", "-")
    assert ended.code == 1
    assert sorted(json.loads(line)["output"] for line in ended.out.splitlines()) == list(range(2, 11))
    assert "words is here" in ended.err
    assert "ValueError: ones are not liked (words.py:16)" in (shell.folder / "failed.jsonl").read_text()


async def test_a_killed_engine_leaves_no_worker(shell: Shell, job) -> None:
    job('call = "words:slow"\nmode = "process"\nworkers = 2')
    engine = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: engine.err.count("at work") == 2, lambda: str(engine))
    workers = [each for each in psutil.Process(engine.pid).children() if "python.worker" in " ".join(each.cmdline())]
    assert len(workers) == 2
    engine.signal(signal.SIGKILL)
    await until(lambda: not any(each.is_running() for each in workers), lambda: str(workers))


async def test_a_plan_imports_nothing_and_the_doctor_calls_once(shell: Shell, job) -> None:
    job('call = "words:item"\nfields = ["id"]')
    planned = await shell.run("plan", "job.toml")
    assert (planned.code, planned.err) == (0, "")
    assert not (shell.folder / "imported").exists()
    told = await shell.run("doctor", "job.toml")
    assert told.code == 2
    assert "the first item was not answered: bad item: ValueError: ones are not liked (words.py:16)" in told.err
    job('call = "words:batch"\ntakes = "batch"\nmode = "process"')
    told = await shell.run("doctor", "job.toml")
    assert told.code == 0, told
    assert [line.split()[:2] for line in told.out.splitlines()] == [
        ["✓", word] for word in ("job", "input", "task", "answer", "answer")
    ]
    assert 'item 1: "ITEM 1"' in told.out
    assert not shell.db.exists()


@pytest.mark.parametrize(
    ("task", "parts"),
    [
        ('call = "wrods:item"', ("task.call: wrods:item can't be used", "No module named 'wrods'")),
        ('call = "words:item"\nmode = "async"', ("task.mode", "a plain function")),
        ('call = "words"', ("job.toml: task.call: 'words' is not as in \"words:count\"",)),
        ('call = "words:item"\nmode = "threads"', ("job.toml: task.mode: 'threads'", "did you mean 'thread'?")),
        ('call = "words:item"\nworkers = 2', ("job.toml: task.workers", 'mode = "process"')),
        ('call = "words:item"\ntakes = "rows"', ("job.toml: task.takes: 'rows'", "item, batch, columns")),
        ('call = "words:item"\nfields = ["id", "a{b}"]', ("job.toml: task.fields[1]: has a brace in it",)),
        ('call = "words:item"\nfields = ["txet"]', ("in.jsonl, the first item", "'txet'", "id, text")),
    ],
)
async def test_what_is_wrong_is_one_line(shell: Shell, job, task: str, parts: tuple[str, ...]) -> None:
    job(task)
    ended = await shell.headless()
    assert ended.code == 2, ended
    (line,) = [line for line in ended.err.splitlines() if line.startswith("batchtop: ")]
    for part in parts:
        assert part in line


async def test_the_example_runs_as_it_is(shell: Shell) -> None:
    ended = await shell.headless(EXAMPLES / "python.toml", "-o", "-")
    assert ended.code == 0, ended
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert len(lines) == 30
    assert all(line["output"]["words"] > 3 for line in lines)
