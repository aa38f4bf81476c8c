"""Streamed answers: put together from their pieces, whatever breaks on the way, and how soon they begin."""

import json
from pathlib import Path
from typing import Any

import pytest
from batchtop.cli.facts import facts
from batchtop.cli.main import main
from batchtop.engine import Engine
from batchtop.engine.identity import fingerprint
from batchtop.engine.item import Item
from batchtop.engine.job import OutputSpec
from batchtop.engine.outcome import Outcome
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.store.reader import Reader
from batchtop.engine.tasks import Reply, build_task
from batchtop.engine.tasks.completion import assembled
from batchtop.engine.transports import Response
from hypothesis import given
from hypothesis import strategies as st

from .workshop import chat, job_of, lines_of, numbered, write_rows

STREAM = {"content-type": "text/event-stream"}
ERROR = {"error": {"message": "The engine is busy.", "code": "rate_limit_exceeded"}}
DONE = "data: [DONE]\n\n"


def piece(text: str | None = None, finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice], **more})}\n\n"


def usage(tokens_out: int) -> str:
    return f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 3, 'completion_tokens': tokens_out}})}\n\n"


def read(*events: str, head: dict[str, str] = STREAM) -> Reply:
    task = build_task(chat(stream=True), "sk-secret")
    (call,) = task.plan([Item(1, "1", {"text": "a"})]).calls
    return task.read(call, Response(200, head, "".join(events).encode(), 12.5))


@given(st.lists(st.text(max_size=8), max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from([DONE, ""]))
def test_however_a_text_is_cut_it_is_the_same_answer(parts: list[str], end: str, last: str):
    events = (*map(piece, parts), piece(None, "stop"), usage(9), last)
    stream = assembled("".join(events).replace("\n", end).encode())
    assert stream.whole
    assert stream.completion.choices[0].message.content == "".join(parts)
    assert stream.completion.usage is not None
    assert stream.completion.usage.completion_tokens == 9


@pytest.mark.parametrize(
    ("events", "outcome", "told"),
    [
        ((piece("", None), piece("yes"), piece(None, "stop"), usage(4), DONE), Outcome.OK, ""),
        ((": a comment\n\n", "event: x\nid: 7\n" + piece("yes"), DONE), Outcome.OK, ""),
        ((piece("yes"), piece(None, "stop")), Outcome.OK, ""),
        (("\ufeff" + piece("y"), piece("es"), piece(None, "stop")), Outcome.OK, ""),
        (
            (
                'data: {"choices": null}\n\n',
                piece("yes"),
                'data: {"choices": [{"delta": null, "finish_reason": "stop"}]}\n\n',
            ),
            Outcome.OK,
            "",
        ),
        ((piece("ye"), piece("s")), Outcome.SHORT_REPLY, "the stream broke off after"),
        ((piece("yes"), 'data: {"choices": [{"del'), Outcome.SHORT_REPLY, "the stream broke off after"),
        ((piece("yes"), "data: {oops}\n\n", DONE), Outcome.SHORT_REPLY, "the stream broke off after"),
        ((DONE,), Outcome.SHORT_REPLY, "came to its end without an answer in it"),
        ((piece("ye"), f"data: {json.dumps(ERROR)}\n\n", DONE), Outcome.RATE_LIMITED, "The engine is busy."),
        ((piece("I"), piece(None, "content_filter"), DONE), Outcome.BAD_ITEM, "content filter"),
    ],
)
def test_what_a_stream_comes_to(events: tuple[str, ...], outcome: Outcome, told: str):
    reply = read(*events)
    assert (reply.outcome, reply.first_ms) == (outcome, 12.5)
    assert told in reply.message
    if outcome is Outcome.OK:
        assert json.loads(reply.answers[0].output) == "yes"


def test_a_server_that_does_not_stream_is_understood_and_tells_of_no_beginning():
    body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]})
    reply = read(body, head={"content-type": "application/json"})
    assert (reply.outcome, reply.first_ms) == (Outcome.OK, None)


def test_a_stream_is_asked_for_with_its_usage_and_is_the_same_question(tmp_path: Path):
    task = build_task(chat(stream=True), None)
    (call,) = task.plan([Item(1, "1", {"text": "a"})]).calls
    body = json.loads(call.request.body)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    rows = write_rows(tmp_path / "in.jsonl", [])
    assert fingerprint(job_of(rows, chat(stream=True))) == fingerprint(job_of(rows, chat()))


async def run(folder: Path, behaviour: Behaviour, **task: Any) -> tuple[dict[int, str], list[int]]:
    """Return the answers, and the tokens in and out."""
    rows = write_rows(folder / "in.jsonl", numbered(20))
    async with Simulator(behaviour) as provider, Engine(folder / "w.db") as engine:
        job = job_of(rows, chat(provider.base_url, **task), output=OutputSpec(str(folder / "out.jsonl")))
        assert (await engine.run(job)).exit_code == 0
    with Reader(folder / "w.db") as reader:
        row = reader.known_job("job")
    return {line["id"]: line["output"] for line in lines_of(folder / "out.jsonl")}, [row.tokens_in, row.tokens_out]


async def test_streamed_answers_are_the_others_and_tell_when_they_began(tmp_path: Path, capfd):
    slow = Behaviour(latency_ms=250, first_ms=30)
    for name in "ab":
        (tmp_path / name).mkdir()
    streamed, plain = await run(tmp_path / "a", slow, stream=True), await run(tmp_path / "b", slow)
    assert streamed == plain
    for name, began in (("a", True), ("b", False)):
        with Reader(tmp_path / name / "w.db") as reader:
            told = facts(reader.snapshot("job"))
        assert ("first_ms" in told) is began
        if began:
            assert 25 < told["first_ms"]["p50"] < 200 < told["latency_ms"]["p50"]
        main(["report", "job", "--db", str(tmp_path / name / "w.db")])
        assert ("first      p50" in capfd.readouterr().out) is began


async def test_streams_that_break_off_are_asked_again(tmp_path: Path):
    answers, _ = await run(tmp_path, Behaviour(malformed_rate=0.3, drop_rate=0.1, seed=3), stream=True)
    assert len(answers) == 20
