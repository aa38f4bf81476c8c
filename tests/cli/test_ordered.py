"""Results in the order of the input: a file that comes whole, and standard output at the end."""

import json

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell, until

ORDERED = 'path = "out.jsonl"\norder = "input"'


@pytest.mark.parametrize("to", ["-", "out.jsonl"])
async def test_lines_come_in_the_order_of_the_input(shell: Shell, provider: Simulator, to: str) -> None:
    provider.behaviour = Behaviour(latency_ms=20, latency_sigma=1.0)
    shell.job(provider.base_url, rows=60, output=ORDERED, settings="batch_size = 1\nconcurrency = 20")
    ended = await shell.run("run", "job.toml", "--no-ui", "-o", to)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines() if to == "-" else (shell.folder / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, 61))


async def test_a_job_that_is_stopped_prints_what_there_is(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=50)
    shell.job(provider.base_url, rows=200, output='path = "-"\norder = "input"', settings="concurrency = 2")
    job = shell.start("run", "job.toml")
    await until(lambda: len(provider.arrivals) > 10)
    job.signal(2)
    ended = await job.end()
    found = [json.loads(line)["id"] for line in ended.out.splitlines()]
    assert ended.code == 130
    assert found == sorted(shell.stored_ids())
