"""What a run without a dashboard tells of what limits it, and of where its time went."""

import json
import re

from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell, until


async def test_a_run_tells_what_limits_it_and_where_its_time_went(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=140, settings="batch_size = 1\nconcurrency = 2\nmax_wait = 0")
    process = shell.start("run", "job.toml", "--no-ui")
    await process.says("limited by concurrency")
    told = await shell.run("status", "job")
    assert "limited by concurrency: slots are in flight" in told.out
    ended = await process.end()
    assert ended.code == 0
    (went,) = [line for line in ended.err.splitlines() if "time went:" in line]
    share = r"time went:? +in flight (9\d|100) %"
    assert re.match(f"batchtop: {share}", went)
    assert re.search(f"  {share}", (await shell.run("status", "job")).out)
    found = json.loads((await shell.run("status", "job", "--json")).out)
    assert found["time_went"]["in_flight"] > 0.8
    assert (found["cut_short"], found["limited_by"], found["no_answer_s"]) == (0, None, None)


async def test_lines_for_machines_name_what_limits(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=400, settings="batch_size = 1\nconcurrency = 2\ndelay = 0.5")
    process = shell.start("run", "job.toml", "--no-ui", "--log-format", "json")
    await until(lambda: '"progress"' in process.err)
    lines = [json.loads(line) for line in process.err.splitlines()]
    (progress,) = [line for line in lines if line["type"] == "progress"][:1]
    assert progress["limited_by"] == "delay"
    assert progress["lanes"][0]["limits_from"] is None
    assert set(progress["time_went"]) >= {"in_flight", "delay"}


async def test_a_lane_that_cools_is_told(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=20, rpm=60)
    shell.job(provider.base_url, rows=400, settings="batch_size = 1\nconcurrency = 8")
    process = shell.start("run", "job.toml", "--no-ui")
    await process.says("warn: ")
    assert "is cooling" in process.err
