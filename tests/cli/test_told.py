"""What a run without a dashboard tells of what limits it, and of where its time went."""

import json
import re
from typing import Any

from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell, until


async def test_a_run_tells_what_limits_it_and_where_its_time_went(shell: Shell, provider: Simulator) -> None:
    """People and machines are told at the same time: who runs the job a second time follows the first run."""
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=140, settings="batch_size = 1\nconcurrency = 2\nmax_wait = 0")
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: provider.arrivals, lambda: str(process))
    follower = shell.start("run", "job.toml", "--no-ui", "--log-format", "json")
    await process.says("limited by concurrency")
    told = await shell.run("status", "job")
    assert "limited by concurrency: slots are in flight" in told.out
    check_text((await process.end()).err, (await shell.run("status", "job")).out)
    found = json.loads((await shell.run("status", "job", "--json")).out)
    assert found["time_went"]["in_flight"] > 0.8
    assert (found["cut_short"], found["limited_by"], found["no_answer_s"]) == (0, None, None)
    check_lines([json.loads(line) for line in (await follower.end()).err.splitlines()])


def check_text(said: str, status: str) -> None:
    (went,) = [line for line in said.splitlines() if "time went:" in line]
    share = r"time went:? +in flight (9\d|100) %"
    assert re.match(f"batchtop: {share}", went)
    assert re.search(f"  {share}", status)


def check_lines(lines: list[dict[str, Any]]) -> None:
    progress = next(line for line in lines if line["type"] == "progress")
    assert progress["limited_by"] == "in_flight"
    assert progress["lanes"][0]["limits_from"] is None
    assert progress["time_went"]["in_flight"] > 0.8
    assert lines[-1]["type"] == "end"


async def test_a_lane_that_cools_is_told(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=20, rpm=60, quiet=True)  # what it stated would be kept to
    shell.job(provider.base_url, rows=400, settings="batch_size = 1\nconcurrency = 8")
    process = shell.start("run", "job.toml", "--no-ui")
    await process.says("warn: ")
    assert "is cooling" in process.err


async def test_what_a_run_sent_is_told_apart_from_what_earlier_runs_sent(shell: Shell, provider: Simulator) -> None:
    """Who runs a finished job again sees that nothing was sent, whatever its totals are."""
    shell.job(provider.base_url, rows=20)
    first = await shell.run("run", "job.toml", "--no-ui")
    assert "0 left; 20 requests in " in first.err
    again = await shell.run("run", "job.toml", "--no-ui")
    assert "0 left; 0 requests this time; 20 requests in " in again.err
    fresh = await shell.run("run", "job.toml", "--no-ui", "--fresh", "--log-format", "json")
    end = json.loads(fresh.err.splitlines()[-1])
    assert (end["requests_this_run"], end["cost_usd_this_run"], end["requests"]) == (20, None, 40)
