"""A headless run: every id once, data on standard output, all else on standard error."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import CHAT, EMBEDDINGS, PROGRAM, Shell, once, until


@pytest.mark.parametrize("source", ["in.jsonl", "in.csv"])
@pytest.mark.parametrize("task", [CHAT, EMBEDDINGS], ids=["chat", "embeddings"])
async def test_every_id_comes_out_exactly_once(shell: Shell, provider: Simulator, task: str, source: str) -> None:
    shell.job(provider.base_url, rows=300, task=task, source=source, settings="batch_size = 7\nconcurrency = 3")
    ended = await shell.headless()
    assert (ended.code, ended.out) == (0, "")
    typed = str if source == "in.csv" else int
    assert shell.ids() == shell.stored_ids() == Counter(map(typed, range(1, 301)))
    assert {line["status"] for line in shell.lines()} == {"ok"}
    kind = str if task == CHAT else list
    assert {type(line["output"]) for line in shell.lines()} == {kind}
    requests = 300 if task == CHAT else 43
    assert len(provider.arrivals) == requests
    assert sum(arrival.items for arrival in provider.arrivals) == 300


async def test_ids_keep_their_type_and_their_spelling(shell: Shell, provider: Simulator) -> None:
    ids = [7, "7", -1, "a b", 'ü"\n', 1.5, 2**63, "007"]
    shell.write("in.jsonl", "".join(json.dumps({"id": each, "text": f"item {each}"}) + "\n" for each in ids))
    shell.job(provider.base_url)
    assert (await shell.headless()).code == 0
    found = [line["id"] for line in shell.lines()]
    assert sorted(map(repr, found)) == sorted(map(repr, ids))


async def test_without_an_id_the_row_number_is_it(shell: Shell, provider: Simulator) -> None:
    path = shell.job(provider.base_url, rows=5)
    path.write_text(path.read_text().replace('id = "id"\n', ""))
    assert (await shell.headless()).code == 0
    assert shell.ids() == once(5)


async def test_a_job_file_alone_is_short_for_run(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=3)
    ended = await shell.run("job.toml", "--no-ui", "-o", "elsewhere.jsonl", "--db", "other.db")
    assert ended.code == 0
    assert shell.ids("elsewhere.jsonl") == once(3)
    assert not (shell.folder / "out.jsonl").exists()
    assert (shell.folder / "other.db").exists()
    assert not shell.db.exists()


async def test_results_are_piped_and_nothing_else_is(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=250)
    ended = await shell.run("run", "job.toml", "-o", "-")
    assert ended.code == 0
    assert Counter(json.loads(line)["id"] for line in ended.out.splitlines()) == once(250)
    assert "250 items done" in ended.err
    assert not (shell.folder / "out.jsonl").exists()


async def test_output_dash_in_the_job_file_pipes_too(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=20, output='path = "-"')
    ended = await shell.run("run", "job.toml")
    assert Counter(json.loads(line)["id"] for line in ended.out.splitlines()) == once(20)


async def test_of_rows_that_changed_only_the_new_answers_are_piped(shell: Shell, provider: Simulator) -> None:
    rows = 20_000
    provider.behaviour = Behaviour(latency_ms=20)
    shell.job(provider.base_url, rows=rows, task=EMBEDDINGS, settings="batch_size = 100\nconcurrency = 4", output="")
    first = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 20)
    first.signal(signal.SIGINT)
    await first.end()
    done = len(shell.stored_ids())
    assert done >= 2_000
    shell.write("in.jsonl", "".join(f'{{"id": {n}, "text": "changed {n}"}}\n' for n in range(1, rows + 1)))
    before = len(provider.arrivals)
    second = shell.start("run", "job.toml", "-o", "-")
    await until(lambda: len(provider.arrivals) > before + 30)
    second.signal(signal.SIGINT)
    ids = Counter(json.loads(line)["id"] for line in (await second.end()).out.splitlines())
    assert len(ids) > done
    assert ids == shell.stored_ids()


async def test_a_reader_that_leaves_stops_the_job_without_a_traceback(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=30)
    shell.job(provider.base_url, rows=400, settings="batch_size = 1\nconcurrency = 8")
    pipe = "set -o pipefail; " + " ".join(PROGRAM) + " run job.toml -o - | head -1"
    ended = await shell.start("-c", pipe, program=("bash",)).end()
    assert (ended.code, ended.out.count("\n")) == (130, 1)
    sent = len(provider.arrivals)
    assert sent < 400, "it went on for nobody"
    assert (await shell.headless()).code == 0
    assert shell.ids() == once(400)
    assert len(provider.arrivals) <= 400 + 20


async def test_a_log_for_machines_is_json_and_nothing_else(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=20)
    ended = await shell.headless("job.toml", "--log-format", "json")
    said = [json.loads(line) for line in ended.err.splitlines()]
    assert (ended.code, ended.out) == (0, "")
    assert {line["type"] for line in said} == {"event", "end"}
    assert said[-1]["type"] == "end"
    assert (said[-1]["state"], said[-1]["done"], said[-1]["exit_code"]) == ("finished", 20, 0)


async def test_a_failure_in_a_log_for_machines_is_json_too(shell: Shell) -> None:
    ended = await shell.headless("nothing.toml", "--log-format", "json")
    (line,) = ended.err.splitlines()
    assert ended.code == 2
    assert json.loads(line)["type"] == "error"
    assert "nothing.toml" in json.loads(line)["message"]


async def test_each_setting_comes_from_the_place_that_wins(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=3, settings='preset = "balanced"\nbatch_size = 3\nmax_wait = 0.1\ntimeout = 9')
    words = ("--preset", "aggressive/discovery", "--set", "concurrency=6", "--set", "timeout=8s")
    env = {"BATCHTOP_TIMEOUT": "7", "BATCHTOP_MAX_WAIT": "200ms", "BATCHTOP_RPM": "60000"}
    assert (await shell.headless("job.toml", *words, env=env)).code == 0
    status = await shell.status()
    settings, origins = status["settings"], status["origins"]
    expected = {
        "delay": (0.05, "preset aggressive/discovery"),
        "batch_size": (3, "job file"),
        "max_wait": (0.2, "BATCHTOP_MAX_WAIT"),
        "rpm": (60_000, "BATCHTOP_RPM"),
        "timeout": (8.0, "--set"),
        "concurrency": (6, "--set"),
        "max_attempts": (5, "default"),
    }
    assert {key: (settings[key], origins[key]) for key in expected} == expected


async def test_a_second_run_sends_nothing_that_is_done(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=30)
    assert (await shell.headless()).code == 0
    first = (shell.folder / "out.jsonl").read_bytes()
    ended = await shell.headless()
    assert (ended.code, ended.err.count("job: loading")) == (0, 1), "it told the first run's story again"
    assert len(provider.arrivals) == 30
    assert (shell.folder / "out.jsonl").read_bytes() == first
    shell.rows(31)
    assert (await shell.headless()).code == 0
    assert len(provider.arrivals) == 31
    assert shell.ids() == once(31)


def test_the_installed_program_is_the_same(shell: Shell) -> None:
    program = Path(PROGRAM[0]).with_name("batchtop")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, env=shell.environment, check=False)
    assert (said.returncode, said.stdout.split()[0], said.stderr) == (0, "batchtop", "")
