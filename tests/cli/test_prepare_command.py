"""What people see of a preparation: in `plan`, `doctor` and a run, and in the example."""

import json
import shutil
from pathlib import Path

import pytest
from batchtop.engine.simulator import Simulator

from .shell import OUT, Shell

EXAMPLES = Path(__file__).parents[2] / "examples"

STEPS = """
[[prepare]]
step = "filter"
field = "text"
{filter}
[[prepare]]
step = "sample"
n = 20
"""


async def test_the_example_runs_as_it_is_in_the_order_of_its_input(shell: Shell):
    for name in ("handbooks.toml", "handbooks.jsonl", "readability.py"):
        shutil.copy(EXAMPLES / name, shell.folder)
    planned = json.loads((await shell.run("plan", "handbooks.toml", "--json")).out)
    assert [(step["before"], step["after"]) for step in planned["prepared"]] == [
        (6, 108),
        (108, 60),
        (60, 49),
        (49, 49),
    ]
    ended = await shell.run("handbooks.toml", "--no-ui")
    assert ended.code == 0, ended.err
    assert "prepared: 6 rows, 108 after chunk: text, up to 600 characters, 60 after filter" in ended.err
    keys = [line["id"].split("#") for line in shell.lines("handbooks.out.jsonl")]
    assert keys == sorted(keys, key=lambda key: (key[0], int(key[1])))
    assert len(keys) == planned["items_to_ask"] == 49


async def test_a_plan_counts_what_each_step_leaves_and_it_comes_true(shell: Shell, provider: Simulator):
    shell.job(provider.base_url, rows=100, output=OUT + STEPS.format(filter=r"match = '\d\d'"))
    told = " ".join((await shell.run("plan", "job.toml")).out.split())
    steps = r"100 rows in the input 91 after filter: text, match \d\d 20 after sample: 20 20 rows, prepared 20 new"
    assert steps in told
    doctor = await shell.run("doctor", "job.toml")
    assert doctor.code == 0, doctor.err
    assert 'item 10: "' in doctor.out, "the first that the steps let through"
    before = len(provider.arrivals)
    assert (await shell.headless()).code == 0
    assert len(provider.arrivals) - before == 20


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("max_length = 1", "none of its 5 rows is left after prepare[0] (filter: text, max_length 1)"),
        ("where = 'txt > 1'", "line 1, item 1: prepare[0].where: the row has no field 'txt' (get("),
        ("size = 1", "prepare[0].size: is for steps of 'chunk'; this one is 'filter'"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan", "doctor"])
async def test_what_can_not_be_prepared_is_one_line(
    shell: Shell, provider: Simulator, command: str, asked: str, said: str
):
    shell.job(provider.base_url, rows=5, output=OUT + STEPS.format(filter=asked))
    ended = await shell.run(command, "job.toml", *(("--no-ui",) if command == "run" else ()))
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not provider.arrivals
