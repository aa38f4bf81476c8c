"""Jobs with rules over a real server: who is asked what, how often, what is kept, and what a change asks again."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from shutil import copytree
from typing import Any

import msgspec
import pytest
from batchtop.engine import Engine
from batchtop.engine.job import JobSpec, OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.redo import Redo
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.snapshot import LaneState
from batchtop.engine.store.reader import Reader
from batchtop.engine.taskspec import Check, Rule

from .http_server import Peer, Server, serve
from .workshop import chat, job_of, lines_of, write_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = [{"id": n, "text": "x" * (5 * n), "n": n} for n in range(20)]


def models(says: Callable[[str, str], Mapping[str, Any] | str | int]) -> AbstractAsyncContextManager[Server]:
    """A server that answers by model and prompt: with a text, with more than that, or with a status."""

    async def handle(peer: Peer) -> None:
        while seen := await peer.request():
            asked = json.loads(seen.body)
            said = says(asked["model"], asked["messages"][-1]["content"])
            if isinstance(said, int):
                await peer.answer(b'{"error": {"message": "no"}}', status=f"{said} X")
                continue
            choice = {"message": {"content": said}} if isinstance(said, str) else said
            body = {
                "choices": [{"finish_reason": "stop", **choice}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5},
            }
            await peer.answer(json.dumps(body).encode())

    return serve(handle)


def spec(folder: Path, server: Server, *rules: Rule, **settings: float) -> JobSpec:
    write_rows(folder / "in.jsonl", ROWS)
    url = f"http://{server.origin}/v1"
    task = chat(url, model="large", prompt="{text}", price_in=2.0, price_out=8.0, route=rules)
    return job_of(folder / "in.jsonl", task, output=OutputSpec(str(folder / "out.jsonl")), batch_size=3, **settings)


async def run(folder: Path, job: JobSpec, redo: Redo | None = None) -> int:
    async with Engine(folder / "w.db", environment={}) as engine:
        return (await engine.run(job, *([redo] if redo else []))).exit_code


def asked(server: Server) -> Counter[str]:
    """How often each model was asked each thing."""
    return Counter(f"{body['model']} {len(body['messages'][-1]['content']) // 5}" for body in bodies(server))


def bodies(server: Server) -> list[dict[str, Any]]:
    return [json.loads(seen.body) for seen in server.requests]


def kept(folder: Path) -> dict[int, tuple[str, str]]:
    return {line["id"]: (line.get("model", "large"), line["output"]) for line in lines_of(folder / "out.jsonl")}


def lanes(folder: Path) -> dict[str, LaneState]:
    with Reader(folder / "w.db") as reader:
        return {lane.name.partition(" ")[0]: lane for lane in reader.snapshot("job").lanes}


def changed(rule: Rule, **more: Any) -> Rule:
    return msgspec.structs.replace(rule, **more)


SMALL = Rule(model="small", shorter_than=50, price_in=0.1, price_out=0.4)


async def test_each_item_goes_to_the_model_of_its_rule_and_the_rest_to_the_tasks_own(tmp_path):
    async with models(lambda model, _: model) as server:
        middle = Rule(model="middle", when="n < 15", price_in=1.0, price_out=4.0)
        assert await run(tmp_path, spec(tmp_path, server, SMALL, middle)) == 0
    whose = {n: "small" if n < 10 else "middle" if n < 15 else "large" for n in range(20)}
    assert kept(tmp_path) == {n: (model, model) for n, model in whose.items()}
    assert asked(server) == Counter(f"{model} {n}" for n, model in whose.items())
    found = lanes(tmp_path)
    assert {name: (lane.items, lane.requests, lane.escalated) for name, lane in found.items()} == {
        "small": (10, 10, 0), "middle": (5, 5, 0), "large": (5, 5, 0),
    }  # fmt: skip
    assert found["small"].cost == pytest.approx(10 * (10 * 0.1 + 5 * 0.4) / 1e6)
    assert found["large"].cost == pytest.approx(5 * (10 * 2 + 5 * 8) / 1e6)


def unsure(model: str, prompt: str) -> Mapping[str, Any] | str | int:
    """The small model knows what it is asked in two cases of five; what is wrong otherwise differs."""
    if model == "large":
        return "large"
    kinds: list[Mapping[str, Any] | str | int] = [
        "I'm sorry, but I can't help with that.",
        {"message": {"content": "half"}, "finish_reason": "length"},
        {"message": {"content": None, "refusal": "no"}},
        400,
        f'{{"sure": {0.2 if model == "small" else 0.9}}}',
    ]
    return kinds[len(prompt) // 5 % 5] if model == "small" else kinds[4]


CHECKS = ("refusal", "cut", "error", Check(field="sure", below=0.5))


async def test_an_answer_that_fails_a_check_goes_on_and_no_model_is_asked_twice(tmp_path):
    async with models(unsure) as server:
        small = changed(SMALL, escalate_when=CHECKS)
        middle = Rule(model="middle", when="n % 2 == 0", price_in=1.0, price_out=1.0, escalate_when=CHECKS)
        assert await run(tmp_path, spec(tmp_path, server, small, middle)) == 0
    assert {n: model for n, (model, _) in kept(tmp_path).items()} == {
        n: "middle" if n % 2 == 0 else "large" for n in range(20)
    }
    assert max(asked(server).values()) == 1
    assert asked(server).total() == 20 + 10, "the ten short ones twice"
    found = lanes(tmp_path)
    assert (found["small"].items, found["small"].escalated) == (0, 10)
    assert (found["middle"].items, found["large"].items) == (10, 10)
    with Reader(tmp_path / "w.db") as reader:
        assert (reader.known_job("job").done, reader.known_job("job").failed) == (20, 0)
        story = reader.item(1, "5")
    assert story is not None
    assert [(each.message, each.lane.partition(" ")[0]) for each in story.ended.tries] == [
        ("goes on to another model: the answer reads like a refusal: I'm sorry, but I can't help with that.", "small")
    ]


async def test_what_no_minute_of_a_cheaper_model_has_tokens_for_goes_on(tmp_path):
    async with models(lambda model, _: model) as server:
        small = Rule(model="small", tpm=10, escalate_when=("error",))
        assert await run(tmp_path, spec(tmp_path, server, small)) == 0
    assert {model for model, _ in kept(tmp_path).values()} == {"large"}
    assert asked(server).total() == 20


async def test_without_a_check_for_it_a_failure_is_the_last_word(tmp_path):
    async with models(lambda model, _: 400 if model == "small" else model) as server:
        small = changed(SMALL, escalate_when=("refusal", "cut"))
        assert await run(tmp_path, spec(tmp_path, server, small)) == 1
    assert (lanes(tmp_path)["small"].items, lanes(tmp_path)["large"].items) == (10, 10)


async def test_a_rule_whose_model_is_refused_leaves_its_items_to_the_tasks_own(tmp_path):
    async with models(lambda model, _: 401 if model == "small" else model) as server:
        assert await run(tmp_path, spec(tmp_path, server, SMALL)) == 0
    assert {model for model, _ in kept(tmp_path).values()} == {"large"}
    assert sum(count for what, count in asked(server).items() if what.startswith("small")) <= 5


async def test_rules_that_send_to_one_model_share_its_lane_and_its_limits_are_the_first_ones(tmp_path):
    async with models(lambda model, _: model) as server:
        rules = (Rule(model="small", field="n", values=(19,), rpm=6_000), changed(SMALL, rpm=60))
        assert await run(tmp_path, spec(tmp_path, server, *rules, rpm=7_000)) == 0
    found = lanes(tmp_path)
    assert (found["small"].items, found["large"].items) == (11, 9)
    assert (found["small"].rpm_limit, found["large"].rpm_limit) == (6_000, 7_000)


async def test_the_example_runs_as_it_is(tmp_path):
    example = load_job(Path(copytree(EXAMPLES, tmp_path / "examples")) / "routes.toml")
    async with Simulator(Behaviour(latency_ms=1)) as provider, Engine(tmp_path / "w.db", environment={}) as engine:
        task = msgspec.structs.replace(example.task, base_url=provider.base_url)
        assert (await engine.run(msgspec.structs.replace(example, task=task))).exit_code == 0
    lines = lines_of(tmp_path / "examples" / "routes.out.jsonl")
    assert len(lines) == 30
    assert Counter(line.get("model") for line in lines).keys() == {None, "gpt-4o-mini"}
    assert all(line["output"]["confidence"] >= 0.3 for line in lines if "model" in line)
    with Reader(tmp_path / "w.db") as reader:
        assert any(lane.escalated for lane in reader.snapshot(example.name).lanes)


async def test_packed_items_go_on_one_by_one(tmp_path):
    def says(model: str, prompt: str) -> str:
        if model == "large":
            return "large"
        items = json.loads(prompt)["items"]
        told = ["not sure" if len(each["prompt"]) % 2 else "fine" for each in items]
        return json.dumps({"answers": [{"id": each["id"], "answer": t} for each, t in zip(items, told, strict=True)]})

    async with models(says) as server:
        rule = changed(SMALL, escalate_when=(Check(matches="not sure"),))
        job = spec(tmp_path, server, rule, items_per_request=2)
        write_rows(tmp_path / "in.jsonl", ROWS[:2])
        assert await run(tmp_path, job) == 0
    assert kept(tmp_path) == {0: ("small", "fine"), 1: ("large", "large")}


async def test_a_moved_threshold_asks_nothing_again_and_holds_for_what_is_new(tmp_path):
    async with models(lambda model, _: model) as server:
        job = spec(tmp_path, server, SMALL)
        assert await run(tmp_path, job) == 0
        before, count = kept(tmp_path), len(server.requests)
        moved = spec(tmp_path, server, changed(SMALL, shorter_than=500))
        assert await run(tmp_path, moved) == 0
        assert (kept(tmp_path), len(server.requests)) == (before, count)
        write_rows(tmp_path / "in.jsonl", [*ROWS, {"id": 20, "text": "y" * 300, "n": 20}])
        assert await run(tmp_path, moved) == 0
        assert kept(tmp_path)[20] == ("small", "small")
        assert len(server.requests) == count + 1
        assert await run(tmp_path, moved, Redo(fresh=True)) == 0
        assert {model for model, _ in kept(tmp_path).values()} == {"small"}


async def test_a_rule_that_a_row_has_no_field_for_is_told_of(tmp_path):
    async with models(lambda model, _: model) as server:
        assert await run(tmp_path, spec(tmp_path, server, changed(SMALL, when="size < 3"))) == 0
    with Reader(tmp_path / "w.db") as reader:
        told = [event.message for event in reader.snapshot("job").events if "task.route[0]" in event.message]
    assert len(told) == 1
    assert "the row has no field 'size'" in told[0]
