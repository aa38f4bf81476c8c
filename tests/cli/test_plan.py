"""`batchtop plan`: what it says before a run and after, and that it needs no key and makes no file."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from batchtop.engine.simulator import Behaviour, Simulator

from .shell import CHAT, EMBEDDINGS, Ended, Shell

PRICES = "price_in = 1.0\nprice_out = 2.0\nmax_tokens = 50"


async def plan(shell: Shell, *words: str, job: str = "job.toml") -> dict[str, Any]:
    ended = await shell.run("plan", job, "--json", *words)
    assert (ended.code, ended.err) == (0, "")
    return json.loads(ended.out)


async def told(shell: Shell, *words: str) -> str:
    """Return the text of a plan on one line, and see that it fits a page."""
    ended: Ended = await shell.run("plan", "job.toml", *words)
    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80
    return " ".join(ended.out.split())


async def test_a_plan_comes_true_from_the_first_run_to_an_edit_of_one_row(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=200)
    for requests in (200, 0):
        planned = await plan(shell)
        assert planned["requests"] == planned["items_to_ask"] == requests
        before = len(provider.arrivals)
        assert (await shell.headless()).code == 0
        assert len(provider.arrivals) - before == requests
    shell.write("in.jsonl", (shell.folder / "in.jsonl").read_text().replace('"item 7"', '"another"'))
    planned = await plan(shell)
    assert (planned["changed"], planned["done"], planned["requests"]) == (1, 199, 1)
    assert "1 to ask: 1 request, in 1 batch" in await told(shell)


async def test_where_nothing_is_to_be_asked_it_says_so(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=5)
    await shell.headless()
    text = await told(shell)
    assert text.endswith("5 answered, and unchanged Nothing is to be asked: nothing would be sent, and nothing spent.")
    shell.job(provider.base_url, name="other")
    ended = await shell.run("plan", "other.toml")
    assert "5  answered already, for an equal item of job (5)" in ended.out


async def test_what_is_spent_is_no_more_in_the_budget(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=40, task=f"{CHAT}\n{PRICES}")
    await shell.headless()
    shell.rows(80)
    planned = await plan(shell, "--set", "cost=0.0001")
    assert planned["spent_usd"] > 0
    assert planned["budget_items"] == {"low": 0, "likely": 0, "high": 0}
    assert "is spent, stops the run after about 0 items" in await told(shell, "--set", "cost=0.0001")


async def test_nothing_is_made_and_no_key_is_needed(shell: Shell) -> None:
    shell.job("http://127.0.0.1:9/v1", rows=5, keys='"NO_SUCH_KEY"')
    before = {path.name for path in shell.folder.iterdir()}
    assert (await plan(shell))["workspace"] is None
    assert "an empty workspace" in await told(shell)
    assert {path.name for path in shell.folder.iterdir()} == before


async def test_costs_and_the_budget_are_told_beforehand(shell: Shell) -> None:
    shell.job("http://127.0.0.1:9/v1", rows=100, task=f"{CHAT}\n{PRICES}", limits="rpm = 60")
    assert " budget " not in await told(shell)
    assert "$1,000.00 is enough" in await told(shell, "--set", "cost=1000")
    assert "likely stops the run after about" in await told(shell, "--set", "cost=0.005")
    text = await told(shell)
    assert "tokens in about 2,191, from 1,315 to 3,286; a guess" in text
    assert "tokens out from 0 to 5,000, as max_tokens allows" in text
    assert "time about 1m 40s, however long an answer takes" in text
    assert "limited by rpm = 60 (requests a minute)" in text
    text = await told(shell, "--set", "rpm=1200")
    assert "time from 5 s to 25 s, if an answer takes 0.5 to 10 s, which is assumed" in text
    assert (
        "limited by rpm = 1,200 (requests a minute) if answers are quick, concurrency = 4 (batches in flight)" in text
    )


async def test_without_prices_it_says_which_to_set(shell: Shell) -> None:
    shell.job("http://127.0.0.1:9/v1", rows=5)
    assert "cost unknown: set task.price_in and task.price_out (USD per million tokens)" in await told(shell)
    shell.job("http://127.0.0.1:9/v1", task=EMBEDDINGS)
    text = await told(shell)
    assert "set task.price_in (USD" in text
    assert "tokens out" not in text


async def test_another_prompt_is_told_apart_from_edited_rows(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(latency_ms=20)
    path = shell.job(provider.base_url, rows=60)
    await shell.headless()
    path.write_text(path.read_text().replace('"{text}"', '"Judge {text}"'))
    assert (await plan(shell))["all_changed"] is True
    text = await told(shell)
    assert "The prompt, the model or another parameter changed: all 60 rows that had ended are asked again." in text
    assert "by this job's answers so far" in text
    assert "by what this server has billed so far" in text
    assert "by other answers of this model so far" in text


async def test_failures_are_told_by_what_becomes_of_them(shell: Shell, provider: Simulator) -> None:
    provider.behaviour = Behaviour(poison="item 7")
    shell.job(provider.base_url, rows=9)
    await shell.headless()
    assert "1 failed for good; `batchtop retry job --kind bad_item` asks them again" in await told(shell)
    assert "With --fresh all is asked again" in await told(shell, "--fresh")
    assert (await plan(shell, "--fresh"))["items_to_ask"] == 9


async def test_a_workspace_that_is_watched_by_a_plan_stays_as_it_is(shell: Shell, provider: Simulator) -> None:
    shell.job(provider.base_url, rows=9)
    await shell.headless()
    shell.rows(12)
    before = shell.db.read_bytes()
    assert (await plan(shell))["new"] == 3
    assert shell.db.read_bytes() == before
    with closing(sqlite3.connect(shell.db)) as db:
        assert db.execute("SELECT count(*) FROM items").fetchone() == (9,)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('{"id": 1, "text": "a"}\n{"id": 2', "in.jsonl, line 2"),
        ('{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', "line 2: the id 1 was used before, on line 1"),
        ('{"id": 1, "txt": "a"}\n', "no field 'text'"),
        ("", "has no rows"),
    ],
)
async def test_a_bad_input_is_told_as_a_run_tells_it(
    shell: Shell, provider: Simulator, rows: str, message: str
) -> None:
    shell.job(provider.base_url)
    shell.write("in.jsonl", rows)
    planned = await shell.run("plan", "job.toml")
    ran = await shell.headless()
    assert planned.code == ran.code == 2
    assert message in planned.err
    assert message in ran.err
