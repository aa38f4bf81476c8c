"""`batchtop failures` tells what went wrong with how many items, and what to do about it."""

import json

from batchtop.engine.simulator import Behaviour, Simulator

from .shell import Shell


async def test_failures_are_grouped_with_a_sample_and_what_to_do(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(context_tokens=50)
    shell.job(provider.base_url, output="")
    rows = [{"id": f"long {n}", "text": "x" * (1000 + n * 40)} for n in range(3)]
    rows += [{"id": "empty"}, *({"id": n, "text": "short"} for n in range(6))]
    shell.write("in.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    assert (await shell.headless()).code == 1

    told = await shell.run("failures", "job")
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == "job: 4 of 10 items failed"
    assert lines[2].split()[:6] == ["3", "75.0", "%", "bad", "item,", "3"]
    assert "# tokens" in lines[2]
    assert 'e.g. "long 0": ' in lines[3]
    assert "`batchtop retry job --kind bad_item` tries bad item again" in told.out
    assert "`batchtop export job --failed --with-input` lists each failed item." in told.out

    facts = json.loads((await shell.run("failures", "job", "--json", "--limit", "1")).out)
    (group,) = facts.pop("groups")
    assert facts == {"job": "job", "total": 10, "failed": 4, "others": 1}
    assert (group["kind"], group["items"], group["share"], group["retried_by_rerun"]) == ("bad_item", 3, 0.75, False)
    assert group["sample"]["id"] == "long 0"
    assert "1 item in smaller groups" in (await shell.run("failures", "job", "--limit", "1")).out

    other = await shell.run("failures", "job", "--kind", "timeout")
    assert (other.code, other.out) == (0, "job: timeout: no failed items\n")


async def test_what_a_rerun_tries_again_is_said(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(drop_rate=1)
    shell.job(provider.base_url, rows=2, settings="max_attempts = 1", output="")
    await shell.headless()
    told = (await shell.run("failures", "job")).out
    assert "Running the job again tries again what may pass: connection." in told
    assert "retry job" not in told


async def test_a_job_that_is_not_there_and_a_kind_that_is_none(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=1)
    assert (await shell.headless()).code == 0
    assert (await shell.run("failures", "job")).out == "job: no failed items\n"
    gone = await shell.run("failures", "jobb")
    assert (gone.code, "there is no job named 'jobb'; there are: job" in gone.err) == (2, True)
    wrong = await shell.run("failures", "job", "--kind", "bad")
    assert (wrong.code, "bad_item" in wrong.err) == (2, True)
