"""`ps` and `status` tell what is so: of a job nobody runs there is no speed, and a share counts all that has ended."""

import json

from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell, until


async def test_the_job_of_a_dead_engine_has_no_speed(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=500, settings="batch_size = 1\nconcurrency = 7")
    process = shell.start("run", "job.toml", "--no-ui")
    await until(lambda: len(provider.arrivals) > 150)
    alive = await shell.status()
    assert (alive["engine"], alive["in_flight"]) == (True, 7)
    assert alive["items_per_s"] > 0
    assert alive["eta_s"] > 0
    process.popen.kill()
    process.popen.wait()
    dead = await shell.status()
    assert (dead["state"], dead["engine"]) == ("running", False)
    assert (dead["items_per_s"], dead["eta_s"], dead["in_flight"]) == (None, None, 0)
    (row,) = [line for line in (await shell.run("ps")).out.splitlines() if "no engine" in line]
    assert row.split()[-4:] == ["-", "-", "no", "price"]
    assert "over all its runs" in (await shell.run("status", "job")).out


async def test_failed_items_are_part_of_what_has_ended(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, output="")
    shell.write("in.jsonl", '{"id": 1, "text": "a"}\n{"id": 2}\n{"id": 3, "text": "c"}\n')
    assert (await shell.headless()).code == 1
    assert "100 %" in (await shell.run("ps")).out
    assert "3 of 3 (100 %), 1 failed, 0 left" in (await shell.run("status", "job")).out
    listed = json.loads((await shell.run("ps", "--json")).out)
    assert (listed["done"], listed["failed"]) == (2, 1)
