"""One engine a workspace: jobs are handed to it, other processes ask things of it, and it says yes or why not."""

import json
import os
import signal
from collections.abc import AsyncIterator

import pytest
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.lock import owner

from .shell import Process, Shell, once, until

SLOW = "batch_size = 1\nconcurrency = 2"


@pytest.fixture
async def serving(shell: Shell) -> AsyncIterator[Process]:
    """Have an engine wait for jobs."""
    process = shell.start("--no-ui", env={"MY_KEY": "swordfish-4711"})
    await process.says("serves batchtop.db")
    yield process
    if process.popen.poll() is None:
        process.signal(signal.SIGTERM)
        assert (await process.end(within_s=5)).code == 130


async def running(shell: Shell, provider: Simulator, *, rows: int = 2_000) -> Process:
    """Start a job that takes long, in the foreground."""
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=rows, settings=SLOW)
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: any(arrival.status for arrival in provider.arrivals), lambda: str(process))
    return process


# ── an engine that waits for jobs ──


async def test_a_second_run_is_handed_over_and_followed(shell: Shell, provider: Simulator, serving: Process) -> None:
    shell.job(provider.base_url, rows=40)
    ended = await shell.run("run", "job.toml", "--no-ui", "-o", "-")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 40
    assert f"job runs in the engine with pid {serving.pid}" in ended.err
    assert "40 items done" in ended.err
    assert serving.popen.poll() is None


async def test_the_exit_code_is_the_jobs(shell: Shell, provider: Simulator, serving: Process) -> None:
    provider.behaviour = Behaviour(keys=("swordfish-4711",))
    shell.job(provider.base_url, name="good", rows=5, keys='"MY_KEY"', output='path = "good.jsonl"')
    shell.job(provider.base_url, name="closed", keys='"NO_KEY"', output="")
    shell.write("more.jsonl", '{"id": 1, "text": "never asked before"}\n')
    shell.job(provider.base_url, name="wrong", source="more.jsonl", output="")
    shell.write("half.jsonl", '{"id": 1, "text": "a"}\n{"id": 2}\n')
    shell.job(provider.base_url, name="half", source="half.jsonl", keys='"MY_KEY"', output="")
    assert (await shell.headless("good.toml", env={"MY_KEY": "any"})).code == 0
    assert (await shell.headless("half.toml", env={"MY_KEY": "any"})).code == 1
    assert (await shell.headless("wrong.toml")).code == 4
    refused = await shell.headless("closed.toml", env={"NO_KEY": "the engine does not have it"})
    assert refused.code == 4
    assert f"NO_KEY is not set in the environment of the engine (pid {serving.pid})" in refused.err


async def test_two_runs_at_once_share_an_engine(shell: Shell, provider: Simulator) -> None:
    first = await running(shell, provider, rows=60)
    shell.job(provider.base_url, name="other", rows=20, output='path = "other.jsonl"')
    second = await shell.headless("other.toml")
    assert (second.code, (await first.end()).code) == (0, 0)
    assert shell.ids() == once(60)
    assert shell.ids("other.jsonl") == once(20)


async def test_who_runs_an_engine_stays_for_the_jobs_of_others(shell: Shell, provider: Simulator) -> None:
    first = await running(shell, provider, rows=40)
    shell.job(provider.base_url, name="other", rows=80, settings=SLOW, output='path = "other.jsonl"')
    second = shell.start("run", "other.toml", "--no-ui")
    assert [(await process.end()).code for process in (first, second)] == [0, 0]
    assert "stays for other" in first.err
    assert shell.ids("other.jsonl") == once(80)


async def test_of_two_that_start_at_once_one_runs_and_both_follow(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=50)
    shell.job(provider.base_url, rows=60)
    both = [shell.start("run", "job.toml", "--no-ui") for _ in range(2)]
    assert [(await process.end()).code for process in both] == [0, 0]
    assert shell.ids() == shell.stored_ids() == once(60)
    assert len(provider.arrivals) == 60


async def test_a_drain_by_the_one_who_follows_ends_the_job_alone(
    shell: Shell, provider: Simulator, serving: Process
) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=500, settings=SLOW)
    follower = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 5)
    follower.signal(signal.SIGINT)
    ended = await follower.end(within_s=5)
    assert ended.code == 130
    assert "asked the engine to drain job" in ended.err
    assert shell.state() == "drained"
    assert serving.popen.poll() is None


async def test_a_second_engine_is_refused_with_the_pid_of_the_first(shell: Shell, serving: Process) -> None:
    ended = await shell.run("--no-ui")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"batchtop: batchtop.db: the engine with pid {serving.pid} runs on this workspace\n"


async def test_an_engine_goes_on_with_what_a_killed_one_left(shell: Shell, provider: Simulator) -> None:
    killed = await running(shell, provider, rows=60)
    killed.popen.kill()
    killed.popen.wait()
    assert "no engine" in (await shell.run("ps")).out
    provider.behaviour = Behaviour()
    engine = shell.start("--no-ui")
    await until(lambda: shell.state() == "finished")
    assert shell.ids() == once(60)
    engine.signal(signal.SIGTERM)
    assert (await engine.end(within_s=5)).code == 130


async def test_what_cannot_go_on_is_told_and_keeps_nobody_waiting(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=60, keys='"MY_KEY"')
    killed = shell.start("run", "job.toml", "--no-ui", env={"MY_KEY": "swordfish-4711"})
    await until(lambda: provider.arrivals)
    killed.popen.kill()
    killed.popen.wait()
    engine = shell.start("--no-ui")
    await engine.says("job can't go on: no API key: MY_KEY is not set")
    shell.job(provider.base_url, name="other", rows=5, output="")
    assert (await shell.headless("other.toml")).code == 0
    engine.signal(signal.SIGTERM)
    assert (await engine.end(within_s=5)).code == 130


async def test_a_follower_is_told_that_the_engine_died(shell: Shell, provider: Simulator, serving: Process) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=500, settings=SLOW)
    follower = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 5)
    serving.popen.kill()
    serving.popen.wait()
    ended = await follower.end(within_s=5)
    assert ended.code == 3
    assert ended.err.splitlines()[-1] == (f"batchtop: {shell.db.name}: the engine died; run the job again to continue")


async def test_term_drains_every_job_of_an_engine(shell: Shell, provider: Simulator) -> None:
    engine = shell.start("--no-ui")
    await engine.says("serves")
    provider.behaviour = Behaviour(latency_ms=100)
    followers: list[Process] = []
    for name in ("one", "two"):
        shell.job(provider.base_url, name=name, rows=500, settings=SLOW, output="")
        followers.append(shell.start("run", f"{name}.toml", "--no-ui"))
    await until(lambda: shell.state("one") == shell.state("two") == "running")
    engine.signal(signal.SIGTERM)
    assert (await engine.end(within_s=5)).code == 130
    assert [(await follower.end(within_s=5)).code for follower in followers] == [130, 130]
    assert shell.state("one") == shell.state("two") == "drained"
    assert owner(shell.db) is None


# ── asking it, from another process ──


async def test_every_question_is_answered(shell: Shell, provider: Simulator) -> None:
    process = await running(shell, provider)
    said = [await shell.run(*words.split()) for words in ("set job delay=500ms concurrency=3", "pause job")]
    assert [(each.code, each.out, each.err) for each in said] == [
        (0, "job: delay 0 s → 0.5 s, concurrency 2 → 3\n", ""),
        (0, "job: paused\n", ""),
    ]
    status = await shell.status()
    assert (status["state"], status["engine"], status["settings"]["delay"]) == ("paused", True, 0.5)
    assert status["origins"]["concurrency"] == "live: command line"
    await until(lambda: all(arrival.status for arrival in provider.arrivals))
    before = len(provider.arrivals)
    told = await shell.run("ps")
    assert (told.code, "paused" in told.out) == (0, True)
    assert len(provider.arrivals) == before, "it sent while it was paused"
    assert (await shell.run("resume", "job")).out == "job: running\n"
    await until(lambda: len(provider.arrivals) > before)
    listed = json.loads((await shell.run("ps", "--json")).out)
    assert (listed["job"], listed["state"]) == ("job", "running")
    assert (await shell.run("drain", "job")).out == "job: draining\n"
    assert (await process.end(within_s=5)).code == 130


async def test_cancel_does_not_wait(shell: Shell, provider: Simulator) -> None:
    process = await running(shell, provider)
    provider.behaviour = Behaviour(latency_ms=60_000)
    assert (await shell.run("cancel", "job")).code == 0
    assert (await process.end(within_s=3)).code == 130
    assert shell.state() == "cancelled"


REFUSED = {
    "pause jbo": "there is no job named 'jbo'; there are: job",
    "status jbo": "there is no job named 'jbo'; there are: job",
    "export jbo": "there is no job named 'jbo'; there are: job",
    "resume job": "job is running, not paused",
    "set job delay=soon": "'soon'",
    "set job concurrency=0": "from 1 to",
    "set job concurrnecy=3": "did you mean 'concurrency'?",
    "set job concurrency": "'concurrency' is not of the form key=value",
    "set job preset=agressive": "did you mean 'aggressive'?",
    "set job cost=5": "task.price_in",
    "set job preset=aggressive cost=5": "task.price_in",
    "set job preset=aggressive cots=5": "did you mean 'cost'?",
    "set job preset=balanced preset=aggressive": "one preset at a time",
}


async def test_what_is_refused_says_why_and_is_2(shell: Shell, provider: Simulator) -> None:
    await running(shell, provider)
    before = await shell.status()
    for words, why in REFUSED.items():
        ended = await shell.run(*words.split())
        assert (ended.code, ended.out) == (2, ""), words
        (line,) = ended.err.splitlines()
        assert line.startswith("batchtop: "), words
        assert why in line, words
    after = await shell.status()
    assert (after["state"], after["settings"]) == ("running", before["settings"])


async def test_without_an_engine_nothing_can_be_asked(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=3)
    assert (await shell.headless()).code == 0
    for words in ("set job delay=1", "pause job", "drain job"):
        ended = await shell.run(*words.split())
        assert (ended.code, ended.out) == (2, ""), words
        assert "no engine is running" in ended.err, words
    assert (await shell.run("status", "job")).code == 0


async def test_results_are_exported_while_it_runs(shell: Shell, provider: Simulator) -> None:
    await running(shell, provider)
    await until(lambda: len(provider.arrivals) > 20)
    ended = await shell.run("export", "job")
    ids = [json.loads(line)["id"] for line in ended.out.splitlines()]
    assert ended.code == 0
    assert len(ids) == len(set(ids)) > 10
    assert ended.err == f"{len(ids)} results of job\n"
    assert (await shell.run("export", "job", "-o", "copy.jsonl")).code == 0
    assert len(shell.ids("copy.jsonl")) >= len(ids)
    assert (await shell.run("export", "job", "-o", f"gone{os.sep}copy.jsonl")).code == 2


async def test_a_live_change_outlives_the_run(shell: Shell, provider: Simulator) -> None:
    process = await running(shell, provider)
    await shell.set("concurrency=5")
    process.signal(signal.SIGTERM)
    assert (await process.end(within_s=5)).code == 130
    provider.behaviour = Behaviour()
    assert (await shell.headless()).code == 0
    status = await shell.status()
    assert (status["settings"]["concurrency"], status["origins"]["concurrency"]) == (5, "live: command line")
