"""Each scenario of the demo is a whole job with a provider for it, and ends as its line says."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from batchtop.cli.parser import parser
from batchtop.cli.scenarios import DEFAULT, SCENARIOS, Scenario
from batchtop.cli.simulate import behaviour_of
from batchtop.engine.jobfile import load_job
from batchtop.engine.simulator import Behaviour

from .shell import Ended, Shell

EVERY = [DEFAULT, *SCENARIOS.values()]


def provider(*switches: str) -> Behaviour:
    return behaviour_of(parser().parse_args(["simulate", *switches]))


def arrivals(shell: Shell) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shell.folder / "log").read_text().splitlines()]


# ── the table ──


@pytest.mark.parametrize("scenario", EVERY, ids=lambda each: each.name)
def test_every_scenario_is_a_job_and_a_provider(scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(scenario.job("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"))
    job = load_job(path)
    assert (job.name, job.task.base_url) == (scenario.name, "http://127.0.0.1:1/v1")
    assert list(job.task.api_key_env) == list(scenario.environment())
    assert ("127.0.0.1:2" in path.read_text()) is bool(scenario.backup)
    assert provider(*scenario.provider).poison in scenario.odd_text
    assert isinstance(provider(*scenario.backup), Behaviour)


def test_the_demo_without_a_name_is_the_one_it_was() -> None:
    job = tomllib.loads(DEFAULT.job("http://127.0.0.1:1/v1", ""))
    assert job["settings"] == {"preset": "balanced", "concurrency": 8}
    assert list(job) == ["name", "input", "task", "settings", "output"]
    behaviour = provider(*DEFAULT.provider)
    assert (behaviour.latency_ms, behaviour.error_rate, behaviour.rpm, behaviour.tpm) == (320, 0.01, 9600, 3_000_000)


def test_every_switch_reaches_the_behaviour() -> None:
    words = (
        "--latency-ms=1 --latency-sigma=2 --first-ms=0.5 --item-ms=3 --batch-s=1.5"
        " --rpm=4 --tpm=5 --tpm-in=6 --tpm-out=7 --rpd=8 --parallel=9"
        " --retry-after-s=1.5 --error-rate=0.1 --drop-rate=0.11 --malformed-rate=0.12 --short-rate=0.13"
        " --limited-rate=0.14 --cut-rate=0.15 --expired-rate=0.5 --seed=10"
        " --quiet --outage=11:12.5 --poison=p --key=a --key=b --revoked=c"
    )
    assert provider(*words.split()) == Behaviour(
        latency_ms=1, latency_sigma=2, first_ms=0.5, item_ms=3, rpm=4, tpm=5, tpm_in=6, tpm_out=7, rpd=8, parallel=9,
        retry_after_s=1.5, error_rate=0.1, drop_rate=0.11, malformed_rate=0.12, short_rate=0.13, limited_rate=0.14,
        batch_s=1.5, expired_rate=0.5, cut_rate=0.15, seed=10, quiet=True, outage=(11, 12.5), poison="p",
        keys=("a", "b"), revoked=("c",),
    )  # fmt: skip


# ── the command ──


async def test_the_scenarios_are_listed(shell: Shell) -> None:
    listed = await shell.run("demo", "--list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == list(SCENARIOS)


WRONG = {
    "pioson": "'pioson' is no scenario; did you mean 'poison'?",
    "--provider=--error-rate=2": "error_rate can't be 2; it must be from 0 to 1",
    "--provider=--eror-rate=1": "--provider: unrecognized arguments: --eror-rate=1; `batchtop simulate --help`",
    "--provider=--poison 'x": "no closing quotation",
    "--provider=--outage=soon": "'soon' is not of the form START:LENGTH",
}


@pytest.mark.parametrize("word", WRONG)
async def test_what_is_wrong_is_told_before_anything_starts(shell: Shell, word: str) -> None:
    ended = await shell.run("demo", "--folder", "demo", word)
    assert ended.code == 2
    assert WRONG[word] in ended.err
    assert not (shell.folder / "demo").exists()


ENDINGS = {
    "faults": ("--error-rate=0.1 --drop-rate=0.05 --malformed-rate=0.05 --limited-rate=0", 0, 30),
    "outage": ("--outage=0:2", 0, 30),
    "revoked": ("", 0, 30),
    "no-key": ("", 4, 0),
    "poison": ("", 1, 29),
    "fallback": ("--outage=0:60", 0, 30),
    "packed": ("--log=log", 0, 30),
}
"""Scenario -> the provider's options that make it short, its exit code and how many of its 30 texts are answered."""


@pytest.mark.parametrize("name", ENDINGS)
async def test_a_scenario_ends_as_its_line_says(shell: Shell, name: str) -> None:
    switches, code, done = ENDINGS[name]
    ended = await quick(shell, name, f"--provider=--latency-ms=20 {switches}")
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert len(answered(shell)) == done
    assert re.search(rf" {done} items done( \([^)]*\))?, {int(code == 1)} failed", ended.err)
    if name == "packed":
        assert max(arrival["items"] for arrival in arrivals(shell)) == 10


async def test_the_budget_stops_the_job_half_way(shell: Shell) -> None:
    ended = await quick(shell, "budget", "--provider=--latency-ms=20", "--set=cost=0.0004")
    assert ended.code == 3, ended.err
    assert 0 < len(answered(shell)) < 30


async def quick(shell: Shell, name: str, *more: str) -> Ended:
    return await shell.run("demo", name, "--no-ui", "--folder=demo", "--items=30", *more)


def answered(shell: Shell) -> set[str]:
    """Return the ids of the answers, of which no two are the same."""
    ids = [line["id"] for line in shell.lines("demo/answers.jsonl")]
    assert len(set(ids)) == len(ids)
    return set(ids)


async def test_a_workspace_of_ones_own_is_no_place_for_the_demo(shell: Shell) -> None:
    ended = await shell.run("--db", "mine.db", "demo", "--no-ui")
    assert ended.code == 2
    assert "--folder" in ended.err
