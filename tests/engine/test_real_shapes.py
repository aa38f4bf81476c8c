"""What real servers and real people did to the engine that nobody had thought of."""

from pathlib import Path

from batchtop.engine import Engine
from batchtop.engine.simulator import Simulator
from batchtop.engine.store import commands

from .http_server import Peer, serve
from .workshop import chat, job_of, numbered, rows_of, write_rows


async def test_what_was_asked_of_a_dead_engine_is_not_done_by_the_next(workspace: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "in.jsonl", numbered(20))
    asked = [commands.send(workspace, "job", verb, {}, "you") for verb in ("pause", "drain", "cancel")]
    async with Simulator() as provider, Engine(workspace) as engine:
        end = await engine.run(job_of(rows, chat(provider.base_url)))
    assert (end.state, end.exit_code) == ("finished", 0)
    for number in asked:
        answer = commands.answer(workspace, number)
        assert answer is not None
        assert not answer.applied
        assert answer.message.startswith("no engine was running")


async def full_at_first(peer: Peer) -> None:
    """A gateway that wants a pause before it has answered anything."""
    head = "Retry-After: 1.5\r\nContent-Type: application/json\r\n"
    while await peer.request():
        if len(peer.server.requests) == 1:
            await peer.answer(b'{"error": {"message": "2 at a time"}}', status="429 Too Many Requests", head=head)
        else:
            await peer.answer(b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}')


async def test_a_lane_that_cools_from_the_start_says_so(workspace: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "in.jsonl", numbered(1))
    async with serve(full_at_first) as server, Engine(workspace) as engine:
        end = await engine.run(job_of(rows, chat(f"http://{server.origin}/v1")))
    assert end.exit_code == 0
    warnings = rows_of(workspace, "SELECT message FROM events WHERE level = 'warn'")
    assert [text.partition(" is ")[2] for (text,) in warnings] == [
        "cooling: a pause of 1.5 s; the server said: HTTP 429: 2 at a time"
    ]
