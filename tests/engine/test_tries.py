"""The story of an item that is tried again: what went wrong, in order, bounded, and as the server's own log has it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batchtop.engine import Engine
from batchtop.engine.item import MESSAGE_CHARACTERS, MOST_TRIES, Item, Try, and_then, brief
from batchtop.engine.outcome import Outcome
from batchtop.engine.simulator import Behaviour, Simulator
from batchtop.engine.simulator.log import Arrival
from batchtop.engine.store.reader import Reader
from batchtop.engine.testing import Asked, answered, dropped, refused
from batchtop.engine.text import HIDDEN
from batchtop.engine.transports import Response, TransportError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from .desk import Desk
from .workshop import chat, embeddings, rows_of

STATUSES = {500: Outcome.OVERLOADED, 503: Outcome.OVERLOADED, 429: Outcome.RATE_LIMITED}

tries = st.builds(
    Try,
    at=st.floats(0, 2e9),
    outcome=st.sampled_from([Outcome.RATE_LIMITED, Outcome.OVERLOADED]),
    message=st.text(max_size=5),
    latency_ms=st.floats(0, 1e6),
    lane=st.sampled_from(["a", "b"]),
    counted=st.booleans(),
)


def attempt(at: float, outcome: Outcome = Outcome.OVERLOADED, *, lane: str = "a", counted: bool = True) -> Try:
    return Try(at, outcome, "why", 5.0, lane, counted)


def story_of(*all_tries: Try) -> tuple[Try, ...]:
    story: tuple[Try, ...] = ()
    for each in all_tries:
        story = and_then(story, each)
    return story


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def told(workspace: Path, key: str) -> tuple[Try, ...]:
    with Reader(workspace) as reader:
        job = reader.known_job("job")
        story = reader.item(job.id, key)
    assert story
    assert story.ended
    return story.ended.tries


class TestKeptTries:
    def test_those_that_cost_nothing_are_folded_where_they_are_alike_in_a_row(self):
        waited = [attempt(at, Outcome.RATE_LIMITED, counted=False) for at in (1.0, 2.0, 3.0)]
        failed = attempt(4.0)
        assert story_of(*waited, failed, failed, waited[0]) == (replace(waited[2], times=3), failed, failed, waited[0])

    @pytest.mark.parametrize("other", [{"outcome": Outcome.TIMEOUT}, {"lane": "b"}, {"counted": True}])
    def test_what_differs_is_told_apart(self, other: dict[str, Any]):
        first = attempt(1.0, counted=False)
        assert story_of(first, replace(first, **other)) == (first, replace(first, **other))

    def test_of_too_many_the_oldest_go_first_and_before_them_those_that_cost_nothing(self):
        counted = [attempt(float(at)) for at in range(MOST_TRIES + 3)]
        assert story_of(*counted) == tuple(counted[3:])
        free = attempt(-1.0, counted=False)
        assert story_of(counted[0], free, *counted[1:MOST_TRIES]) == tuple(counted[:MOST_TRIES])
        assert story_of(*counted[:MOST_TRIES], free) == (*counted[1:MOST_TRIES], free)

    def test_two_lanes_that_take_turns_in_a_storm_push_out_nothing_that_counted(self):
        counted = attempt(0.0)
        storm = [attempt(1.0 + at, Outcome.RATE_LIMITED, lane="ab"[at % 2], counted=False) for at in range(100)]
        assert story_of(counted, *storm) == (counted, *storm[1 - MOST_TRIES :])

    @given(st.lists(tries, max_size=60))
    def test_whatever_happens_it_is_bounded_in_order_and_ends_with_the_newest(self, happened: list[Try]):
        story = story_of(*happened)
        assert len(story) <= MOST_TRIES
        assert sum(each.times for each in story) <= len(happened)
        unfolded = [replace(each, times=1) for each in story]
        rest = iter(happened)
        assert all(each in rest for each in unfolded)
        assert unfolded[-1:] == happened[-1:]
        assert [each for each in story if each.counted] == [each for each in happened if each.counted][-MOST_TRIES:]
        assert msgspec.json.decode(msgspec.json.encode(story), type=tuple[Try, ...]) == story

    @given(st.text(max_size=2 * MESSAGE_CHARACTERS))
    def test_a_message_is_capped_and_a_short_one_kept(self, message: str):
        assert len(brief(message)) <= MESSAGE_CHARACTERS
        if len(message) <= MESSAGE_CHARACTERS:
            assert brief(message) == message

    def test_an_item_has_none_to_begin_with(self):
        assert Item(1, "1", {}).tries == ()


def in_turn(*replies: Response | TransportError, then: Callable[[Asked], Response] = answered) -> Any:
    """Answer each text in these ways, one after the other, and well from then on."""
    left: defaultdict[tuple[str, ...], Iterator[Response | TransportError | None]] = defaultdict(
        lambda: chain(replies, repeat(None))
    )
    return lambda asked: next(left[asked.texts]) or then(asked)


class TestRun:
    @pytest.mark.looptime
    async def test_each_try_is_told_as_it_was_and_the_last_one_is_the_results_own(self, desk: Desk):
        desk.provider.answer = in_turn(refused(500), refused(429, retry_after_s=2), dropped())
        desk.provider.latency_s = lambda _: 0.25
        desk.rows(1)
        assert (await desk.run()).exit_code == 0
        failed, limited, broken = told(desk.workspace, "0")
        assert [each.outcome for each in (failed, limited, broken)] == [
            Outcome.OVERLOADED,
            Outcome.RATE_LIMITED,
            Outcome.CONNECTION,
        ]
        assert (failed.message, broken.message) == ("HTTP 500: refused with 500", "fake host: the connection broke")
        assert {each.lane for each in (failed, limited, broken)} == {"gpt-4o-mini @ 127.0.0.1:9"}
        assert [round(each.latency_ms) for each in (failed, limited, broken)] == [250, 250, 250]
        assert not limited.counted
        (attempts,) = rows_of(desk.workspace, "SELECT attempts FROM results")[0]
        assert attempts == 1 + sum(each.counted for each in (failed, limited, broken))

    @pytest.mark.looptime
    async def test_what_failed_for_good_tells_the_tries_before_and_what_went_well_none(self, desk: Desk):
        desk.provider.answer = lambda asked: refused(500) if asked.texts == ("text 3",) else answered(asked)
        await desk.run(desk.job(max_attempts=4))
        assert [each.counted for each in told(desk.workspace, "3")] == [True] * 3
        assert rows_of(desk.workspace, "SELECT count(*) FROM results WHERE tries = ''") == [(99,)]

    @pytest.mark.looptime
    async def test_a_storm_is_one_line_that_pushes_out_nothing(self, desk: Desk):
        desk.provider.answer = in_turn(refused(500), *[refused(429, retry_after_s=1)] * 50)
        desk.rows(1)
        assert (await desk.run()).exit_code == 0
        failed, storm = told(desk.workspace, "0")
        assert (failed.outcome, failed.times) == (Outcome.OVERLOADED, 1)
        assert (storm.outcome, storm.times, storm.counted) == (Outcome.RATE_LIMITED, 50, False)

    @pytest.mark.looptime
    async def test_who_was_asked_together_with_a_bad_item_is_told_so(self, desk: Desk):
        desk.provider.answer = lambda asked: refused(400) if "text 3" in asked.texts else answered(asked)
        desk.rows(8)
        await desk.run(desk.job(task=embeddings(), batch_size=8))
        desk_calls = [asked.texts for asked in desk.provider.asked]
        for number in range(8):
            told_of = sum(each.times for each in told(desk.workspace, str(number)))
            assert told_of == sum(f"text {number}" in texts for texts in desk_calls) - 1
        (spoiled,) = told(desk.workspace, "7")
        assert (spoiled.outcome, spoiled.counted) == (Outcome.BAD_ITEM, False)
        assert spoiled.message == "one of 8 items in a request that failed: HTTP 400: refused with 400"

    @pytest.mark.looptime
    async def test_a_copy_has_no_story_and_a_rerun_begins_anew(self, desk: Desk):
        desk.input.write_text('{"id": 0, "text": "same"}\n{"id": 1, "text": "same"}\n')
        desk.provider.answer = in_turn(*[refused(500)] * 4)
        await desk.run(desk.job(max_attempts=2))
        before = [len(told(desk.workspace, key)) for key in ("0", "1")]
        assert before == [1, 1], "who follows the one that failed is asked himself, and tells his own tries"
        assert (await desk.run()).exit_code == 0
        assert rows_of(desk.workspace, "SELECT tries, cached FROM results ORDER BY item") == [("", 0), ("", 1)]

    @pytest.mark.looptime
    async def test_a_key_that_the_server_repeats_is_in_no_story(self, desk: Desk):
        key = "tok_0123456789abcdef"
        body = msgspec.json.encode({"error": {"message": f"no room for {key}, nor for Bearer {key} " + 500 * "x"}})
        desk.provider.answer = in_turn(Response(500, {}, body))
        desk.rows(1)
        await desk.run(desk.job(task=chat(prompt="{text}", api_key_env=("KEY",))), {"KEY": key})
        (failed,) = told(desk.workspace, "0")
        assert HIDDEN in failed.message
        assert len(failed.message) == MESSAGE_CHARACTERS
        assert failed.lane.endswith("· KEY")
        assert key.encode() not in desk.workspace.read_bytes()

    async def test_the_story_is_what_the_servers_log_says(self, desk: Desk):
        desk.rows(40)
        async with Simulator(Behaviour(error_rate=0.1, limited_rate=0.03, latency_ms=5, seed=1)) as server:
            task = chat(server.base_url, prompt="{text}")
            async with Engine(desk.workspace, environment={}) as engine:
                spec = desk.job(task=task, batch_size=1, concurrency=12, max_attempts=50)
                assert (await engine.run(spec)).exit_code == 0
        logged: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in server.arrivals:
            logged[arrival.subjects[0]].append(arrival)
        assert {arrival.status for arrival in server.arrivals} == {*STATUSES, 200}
        for number in range(40):
            *bad, good = logged[f"text {number}"]
            assert good.status == 200
            ends = [each for each in told(desk.workspace, str(number)) for _ in range(each.times)]
            assert [each.outcome for each in ends] == [STATUSES[each.status] for each in bad]
            assert all(came.at <= ended.at + 0.001 for came, ended in zip(bad, ends, strict=True))
            query = "SELECT attempts FROM results JOIN items ON row = item WHERE key = ?"
            assert rows_of(desk.workspace, query, str(number)) == [(1 + sum(each.counted for each in ends),)]
