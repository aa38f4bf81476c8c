"""A key is kept out of a running job, and let in again, from another terminal."""

import signal

from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell, until

KEYS = {"KEY_ONE": "swordfish-1", "KEY_TWO": "swordfish-2"}


async def test_a_key_is_switched_off_and_on(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=100)
    shell.job(provider.base_url, rows=2_000, keys='"KEY_ONE", "KEY_TWO"', settings="batch_size = 1\nconcurrency = 4")
    process = shell.start("run", "job.toml", "--no-ui", env=KEYS)
    await until(
        lambda: len({arrival.key for arrival in provider.arrivals if arrival.status}) == 2, lambda: str(process)
    )
    one = f"gpt-4o-mini @ {provider.base_url.split('/')[2]} · KEY_ONE"

    off = await shell.run("lane", "job", "key_one", "off")
    assert (off.code, off.out, off.err) == (0, f"job: {one} is off; what it has in flight is answered\n", "")
    before = len(provider.arrivals)
    await until(lambda: len(provider.arrivals) > before + 30)
    assert len({arrival.key for arrival in provider.arrivals[before:]}) == 1

    for words, why in (
        (("KEY_ONE", "off"), "KEY_ONE is off already"),
        (("KEY_TWO", "off"), "is the only lane that job can use; pause the job instead"),
        (("KEY", "off"), "several lanes match 'KEY': "),
        (("KEY_THREE", "off"), f"job: there is no lane 'KEY_THREE'; there are: {one}, "),
        (("KEY_ONE", "maybe"), "invalid choice: 'maybe'"),
    ):
        no = await shell.run("lane", "job", *words)
        assert (no.code, no.out) == (2, ""), words
        assert why in no.err, words

    assert (await shell.run("lane", "job", one, "on")).out == f"job: {one} is on\n"
    before = len(provider.arrivals)
    await until(lambda: len({arrival.key for arrival in provider.arrivals[before:]}) == 2)
    process.signal(signal.SIGTERM)
    assert (await process.end(within_s=5)).code == 130


async def test_a_job_that_ended_for_want_of_the_lane_that_is_off_says_so_and_gets_it_back(
    shell: Shell, provider: Simulator
) -> None:
    provider.behaviour = Behaviour(latency_ms=20, keys=("swordfish-1",))
    shell.job(provider.base_url, rows=20, keys='"KEY_ONE", "KEY_TWO"', settings="batch_size = 1\nconcurrency = 2")
    assert (await shell.run("run", "job.toml", "--no-ui", "--set", "cost=0", env={"KEY_ONE": "swordfish-1"})).code == 0
    off = await shell.run("lane", "job", "KEY_ONE", "off")
    assert off.out.endswith("KEY_ONE is off in its next run\n")
    with (shell.folder / "in.jsonl").open("a") as rows:
        rows.write('{"id": 777, "text": "one more"}\n')
    stopped = await shell.run("run", "job.toml", "--no-ui", env=KEYS)
    assert stopped.code == 4
    assert "switched off: " in stopped.err
    assert (await shell.run("lane", "job", "key_one", "on")).code == 0
    assert (await shell.run("run", "job.toml", "--no-ui", env=KEYS)).code == 0
    assert "there is no lane 'KEY_9'" in (await shell.run("lane", "job", "KEY_9", "on")).err
