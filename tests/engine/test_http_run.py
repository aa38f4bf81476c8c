"""Jobs of type `http` over a real server: requests as they arrive there, and what each of its answers leads to."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from shutil import copy
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from batchtop.engine import Engine
from batchtop.engine.ending import End
from batchtop.engine.job import OutputSpec
from batchtop.engine.jobfile import load_job
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.snapshot import JobRow, JobState
from batchtop.engine.store.reader import Reader
from batchtop.engine.taskspec import HttpSpec

from .http_server import Peer, Seen, Server, serve
from .workshop import job_of, lines_of, write_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "tok-swordfish"

Answer: TypeAlias = tuple[int, object] | object
"""JSON to answer with; a status before it."""


def api(answer: Callable[[Seen], Answer], head: str = "") -> AbstractAsyncContextManager[Server]:
    """A server that answers in JSON."""

    async def handle(peer: Peer) -> None:
        while seen := await peer.request():
            said = answer(seen)
            status, value = said if isinstance(said, tuple) else (200, said)
            body = b"" if value is None else json.dumps(value).encode()
            await peer.answer(body, status=f"{status} X", head="Content-Type: application/json\r\n" + head)

    return serve(handle)


async def run(folder: Path, spec: HttpSpec, rows: list[dict[str, Any]], **settings: float) -> tuple[End, JobRow]:
    output = OutputSpec(str(folder / "out.jsonl"), str(folder / "failed.jsonl"))
    write_rows(folder / "rows.jsonl", rows)
    job = job_of(folder / "rows.jsonl", spec, output=output, **settings)
    async with Engine(folder / "w.db", environment={"K": KEY}) as engine:
        end = await engine.run(job)
    with Reader(folder / "w.db") as reader:
        return end, reader.known_job("job")


def done(folder: Path) -> dict[Any, Any]:
    return {line["id"]: line["output"] for line in lines_of(folder / "out.jsonl")}


def failed(folder: Path) -> dict[Any, tuple[str, str]]:
    found = lines_of(folder / "failed.jsonl")
    return {line["id"]: (line["error"]["kind"], line["error"]["message"]) for line in found}


def body_of(seen: Seen) -> Any:
    return json.loads(seen.body)


HARD = ["a/b", "a b+c&d=e", "é€😀", "100%", "%2F", "?#", "~-._", '"<>|', "a\\b", "...", ";:@,"]


async def test_a_get_for_each_item_arrives_as_the_fields_are(tmp_path: Path):
    rows = [{"id": number, "v": value} for number, value in enumerate(HARD)]
    async with api(lambda seen: {"data": {"target": seen.target}}) as server:
        spec = HttpSpec(
            url=f"http://{server.origin}/v1/{{v}}/x?q={{v}}&n={{id}}",
            method="GET",
            headers={"X-Row": "row-{id}"},
            result="data.target",
            api_key_env=("K",),
            key_header="X-Api-Key: {key}",
        )
        end, job = await run(tmp_path, spec, rows)
    assert end == End(JobState.FINISHED, "", 0)
    assert (job.model, job.url, job.cost) == ("http", spec.url, None)
    for number, target in done(tmp_path).items():
        url = urlsplit(target)
        *_, value, x = url.path.split("/")
        assert (unquote(value), x) == (HARD[number], "x")
        assert parse_qs(url.query) == {"q": [HARD[number]], "n": [str(number)]}
    for seen in server.requests:
        assert (seen.method, seen.body, seen.headers["x-api-key"]) == ("GET", b"", KEY)
        assert seen.headers["x-row"].startswith("row-")
        assert not {"authorization", "content-type", "content-length", "transfer-encoding"} & set(seen.headers)
    assert KEY.encode() not in (tmp_path / "w.db").read_bytes()


async def test_of_a_batch_only_the_items_that_are_missing_go_again_by_themselves(tmp_path: Path):
    def answer(seen: Seen) -> Answer:
        docs = body_of(seen)["docs"]
        kept = [doc for doc in docs if doc["text"] != "shy" or len(docs) == 1]
        return {"results": [{"key": str(doc["id"]), "v": doc["text"].upper()} for doc in reversed(kept)]}

    rows = [{"id": number, "text": "shy" if number == 5 else f"t{number}"} for number in range(8)]
    async with api(answer) as server:
        spec = HttpSpec(
            url=f"http://{server.origin}/score",
            takes="batch",
            body={"docs": "{items}"},
            item={"id": "{id}", "text": "{text}"},
            results="results",
            result="v",
            item_id="{id}",
            result_id="key",
            price_per_request=0.5,
        )
        end, job = await run(tmp_path, spec, rows, batch_size=4, concurrency=1)
    assert end.exit_code == 0
    assert done(tmp_path) == {row["id"]: row["text"].upper() for row in rows}
    assert [len(body_of(seen)["docs"]) for seen in server.requests] == [4, 4, 1]
    assert (job.requests, job.cost, job.tokens_in) == (3, 1.5, 0)


async def test_the_one_item_that_spoils_a_batch_fails_alone(tmp_path: Path):
    def answer(seen: Seen) -> Answer:
        return (422, {"error": "poison"}) if "poison" in body_of(seen) else body_of(seen)

    rows = [{"id": number, "text": "poison" if number == 5 else "t"} for number in range(8)]
    async with api(answer) as server:
        spec = HttpSpec(url=f"http://{server.origin}/", takes="batch", item="{text}")
        end, _ = await run(tmp_path, spec, rows, batch_size=8)
    assert end.exit_code == 1
    assert failed(tmp_path) == {5: ("bad_item", "HTTP 422: poison")}
    assert sorted(done(tmp_path)) == [0, 1, 2, 3, 4, 6, 7]


async def test_each_bad_answer_fails_its_own_item_with_a_word_for_it(tmp_path: Path):
    answers: dict[str, Answer] = {
        "good": {"name": "Ann"},
        "gone": (404, {"error": "no such user"}),
        "other": {"message": "not today"},
        "empty": (204, None),
    }
    rows = [{"id": name} for name in [*answers, ".."]]
    async with api(lambda seen: answers[seen.target.rsplit("/", 1)[1]]) as server:
        spec = HttpSpec(url=f"http://{server.origin}/users/{{id}}", method="GET", result="name")
        end, job = await run(tmp_path, spec, rows)
    assert (end.exit_code, job.requests) == (1, 4)
    assert done(tmp_path) == {"good": "Ann"}
    assert failed(tmp_path) == {
        "gone": ("bad_item", "HTTP 404: nothing there: no such user"),
        "other": (
            "bad_item",
            "task.result: 'name' not found: the answer has message (HTTP 200: not today)",
        ),
        "empty": ("bad_item", "JSON is wanted: HTTP 204: the body is empty"),
        "..": ("bad_item", "its URL would lead elsewhere: a part of the path is '.' or '..'"),
    }


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"result": "data.items"}, "task.result: 'data.items' not found: the answer has items, of"),
        ({"takes": "batch", "results": "rows"}, "task.results: 'rows' not found: the answer has items, of"),
        ({"takes": "batch", "results": "of", "result": "w"}, "task.result: 'w' not found: its entry has id"),
    ],
)
async def test_a_path_that_is_wrong_for_all_stops_the_job_early(tmp_path: Path, more: dict[str, Any], told: str):
    async with api(lambda seen: {"items": [], "of": body_of(seen)}) as server:
        spec = HttpSpec(url=f"http://{server.origin}/", price_per_request=0.01, **more)
        end, job = await run(tmp_path, spec, [{"id": number} for number in range(500)], concurrency=2)
    assert end.exit_code == 3
    assert told in end.reason
    assert len(server.requests) < 40
    assert job.cost == pytest.approx(0.01 * len(server.requests))


async def test_a_budget_of_requests_is_kept(tmp_path: Path):
    async with api(body_of) as server:
        spec = HttpSpec(url=f"http://{server.origin}/", price_per_request=0.25)
        end, job = await run(tmp_path, spec, [{"id": number} for number in range(20)], cost=1.0, batch_size=2)
    assert (end.exit_code, len(server.requests), job.cost, job.done) == (3, 4, 1.0, 4)


async def test_a_limit_is_waited_for_and_a_put_goes_again(tmp_path: Path):
    answers: list[Answer] = [(429, {"error": "slow"}), (503, {"error": "later"})]
    async with api(lambda _: answers.pop(0) if answers else None, head="Retry-After: 0\r\n") as server:
        spec = HttpSpec(
            url=f"http://{server.origin}/put/{{id}}", method="PUT", headers={"Idempotency-Key": "k-{id}"}, body={}
        )
        end, job = await run(tmp_path, spec, [{"id": 7}])
    assert (end.exit_code, done(tmp_path)) == (0, {7: None})
    assert {(seen.method, seen.headers["idempotency-key"], seen.body) for seen in server.requests} == {
        ("PUT", "k-7", b"{}")
    }
    assert job.errors == {"rate_limited": 1, "overloaded": 1}


async def test_jobs_of_one_server_share_its_lane(tmp_path: Path):
    async with api(lambda _: {}) as server, Engine(tmp_path / "w.db", environment={}) as engine:
        for name in ("a", "b"):
            path = write_rows(tmp_path / f"{name}.jsonl", [{"id": name}])
            await engine.run(job_of(path, HttpSpec(url=f"http://{server.origin}/{name}/{{id}}"), name=name))
        with Reader(tmp_path / "w.db") as reader:
            snapshots = [reader.snapshot(name) for name in ("a", "b")]
    assert {lane.name for shot in snapshots if shot for lane in shot.lanes} == {f"http @ {server.origin}"}


async def test_the_example_runs_as_it_is(tmp_path: Path):
    copy(EXAMPLES / "reviews.jsonl", tmp_path)
    path = tmp_path / "http.toml"
    async with Simulator(Behaviour()) as provider, Engine(tmp_path / "w.db", environment={}) as engine:
        text = (EXAMPLES / "http.toml").read_text().replace("http://127.0.0.1:8800/v1", provider.base_url)
        path.write_text(text)
        end = await engine.run(load_job(path))
    assert end.exit_code == 0
    vectors = [line["output"] for line in lines_of(tmp_path / "http.out.jsonl")]
    assert {len(vector) for vector in vectors} == {8}
    assert len(vectors) == 30
    assert [arrival.items for arrival in provider.arrivals] == [10, 10, 10]
