"""Jobs whose items come while they run: standard input, and one stage after the other, killed in mid-stream too."""

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import PROGRAM, Process, Shell, once, until

BATCHTOP = " ".join(PROGRAM)
PIPELINE = Path(__file__).parents[2] / "examples" / "pipeline"
STAGES = ("a", "b", "c")
SETTINGS = "batch_size = 5\nconcurrency = 4\nmax_wait = 0.05"


def line(shell: Shell, text: str) -> Process:
    """Start a line of `sh` in the folder, as a session of its own."""
    return shell.start(text.replace("batchtop", BATCHTOP), program=("sh", "-c"))


def kill(process: Process) -> None:
    """Kill all of a line at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.popen.wait()


def sent(provider: Simulator) -> Counter[str]:
    return Counter(subject for arrival in provider.arrivals for subject in arrival.subjects)


def piped(shell: Shell, provider: Simulator, rows: int = 0) -> None:
    shell.job(provider.base_url, settings=SETTINGS, source="-")
    shell.rows(rows)


def pipeline(shell: Shell, provider: Simulator, rows: int) -> list[str]:
    """Write the files of three jobs, each over the answers of the one before, and return their names."""
    shell.rows(rows)
    for name, above in zip(STAGES, (None, *STAGES), strict=False):
        task = f'type = "chat"\nprompt = "{name}: {{{"output" if above else "text"}}}"'
        output = f'path = "{name}.jsonl"'
        file = shell.job(provider.base_url, name=name, task=task, settings=SETTINGS, output=output)
        if above:
            file.write_text(file.read_text().replace('path = "in.jsonl"\nid = "id"', f'job = "{above}"'))
    return [f"{name}.toml" for name in STAGES]


async def test_rows_piped_in_survive_a_kill_each_answered_once(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=40)
    piped(shell, provider, rows=200)
    process = line(shell, "(cat in.jsonl; exec sleep 60) | batchtop run job.toml")
    await until(lambda: len(provider.arrivals) > 60, lambda: str(process))
    kill(process)
    before = sent(provider)
    assert len(before) < 200
    ended = await line(shell, "batchtop run job.toml --no-ui < in.jsonl").end()
    assert ended.code == 0, ended.err
    assert shell.ids() == shell.stored_ids() == once(200)
    assert max(sent(provider).values()) <= 2
    assert sent(provider).total() <= 200 + 50, "more was sent again than was in flight"


async def test_a_file_that_grows_is_followed(shell: Shell, provider: Simulator) -> None:
    piped(shell, provider, rows=3)
    process = line(shell, "echo $$ > pid; tail -n +1 -f in.jsonl | batchtop run job.toml --no-ui & wait")
    for rows in (3, 8):
        shell.write("more.jsonl", "")
        shell.rows(rows, "more.jsonl")
        with (shell.folder / "in.jsonl").open("a") as grown:
            grown.writelines((shell.folder / "more.jsonl").read_text().splitlines(keepends=True)[3:])
        await until(lambda rows=rows: len(provider.arrivals) == rows, lambda: str(process))  # type: ignore[misc]
    assert (await shell.status())["total_is_so_far"] is True
    assert "8 of 8 (so far), 0 failed, 0 left" in (await shell.run("status", "job")).out
    kill(process)
    assert (await line(shell, "batchtop run job.toml --no-ui < in.jsonl").end()).code == 0
    assert shell.ids() == once(8)
    assert set(sent(provider).values()) == {1}


async def test_standard_input_of_another_process_is_refused(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=60_000)
    piped(shell, provider, rows=2)
    shell.job(provider.base_url, name="first")
    process = shell.start("run", "first.toml", "--no-ui")
    await until(lambda: provider.arrivals, lambda: str(process))
    ended = await line(shell, "batchtop run job.toml < in.jsonl").end()
    assert ended.code == 2
    assert f"the engine with pid {process.pid} has this workspace, and can't read the standard input" in ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("b.toml", "b: input.job: there is no job a in this workspace; start it first, or both with one command"),
        ("a.toml b.toml -o -", "-o -: is for one job; give each of these an output.path in its job file"),
        ("a.toml b.toml a.toml", "two of these jobs are named a; names have to differ"),
        ("a.toml job.toml other.toml", "job and other all read standard input, and only one job can"),
        ("job.toml <&-", "job reads standard input, and this process has none"),
    ],
)
async def test_what_can_not_run_together_is_told_before_anything_starts(
    shell: Shell, provider: Simulator, words: str, told: str
) -> None:
    pipeline(shell, provider, rows=2)
    piped(shell, provider)
    shell.job(provider.base_url, name="other", source="-")
    command = f"run --no-ui {words}"
    ended = await (line(shell, f"batchtop {command}").end() if "<" in words else shell.run(*command.split()))
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert not shell.db.exists()


async def test_three_stages_in_one_command_survive_a_kill(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=30)
    files = pipeline(shell, provider, rows=200)
    process = shell.start("run", *reversed(files), "--no-ui")
    await until(lambda: len(shell.lines("c.jsonl")) > 20 if (shell.folder / "c.jsonl").exists() else False)
    assert {shell.state(name) for name in STAGES} == {"running"}, "all three run at the same time"
    process.popen.kill()
    await until(lambda: process.popen.poll() is not None)
    ended = await shell.run("run", *files, "--no-ui")
    assert ended.code == 0, ended.err
    for name in STAGES:
        assert shell.ids(f"{name}.jsonl") == shell.stored_ids(name) == once(200)
    assert sent(provider).total() <= 600 + 3 * 50
    assert [shell.state(name) for name in STAGES] == ["finished"] * 3


async def test_an_engine_that_serves_takes_up_a_pipeline_in_its_order(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=30)
    files = pipeline(shell, provider, rows=60)
    process = shell.start("run", *files, "--no-ui")
    await until(lambda: len(provider.arrivals) > 20)
    process.popen.kill()
    await until(lambda: process.popen.poll() is not None)
    serving = shell.start("--no-ui")
    await until(lambda: [shell.state(name) for name in STAGES] == ["finished"] * 3, lambda: str(serving))
    assert shell.ids("c.jsonl") == once(60)
    shell.rows(70)
    ended = await shell.run("run", *files, "--no-ui")
    assert ended.code == 0, ended.err
    assert f"c runs in the engine with pid {serving.pid}" in ended.err
    assert shell.ids("c.jsonl") == once(70)


async def test_the_example_of_a_pipeline_runs_as_it_is(shell: Shell) -> None:
    shutil.copytree(PIPELINE, shell.folder / "examples", ignore=shutil.ignore_patterns("*.out.jsonl", "__pycache__"))
    files = [f"examples/{name}.toml" for name in ("discovery", "enrichment", "refresh")]
    ended = await shell.run("run", *files, "--no-ui")
    assert ended.code == 0, ended.err
    lines = shell.lines("examples/companies.out.jsonl")
    assert len(lines) == 80
    assert "North River: software in Germany, 20,008 people" in [each["output"] for each in lines]
